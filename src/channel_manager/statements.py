"""Statements of the busiest paths, sent to the driver as they stand.

SQLAlchemy takes four times as long to send a statement as the database's driver does, most of it in
building, looking up and wrapping what never changes (docs/decisions/0021). So what every order,
confirmation and scan runs is written out here as SQL; everything else is SQLAlchemy's.
"""

import re
from collections import namedtuple
from typing import TYPE_CHECKING, Any

import asyncpg
import orjson
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.pool import driver_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DIALECT = dialect()  # type: ignore[no-untyped-call]
_NAME = re.compile(r"(?<![:\w]):([a-z_]+)\b")


class Statement:
    """A statement that is built once, and prepared once per connection.

    As SQL with `:names`, or as SQLAlchemy builds it, with `bindparam` for what changes. Values go
    as the driver takes them, so JSON is handed over by `json_text`. Columns are named and not
    starred: a column that a newer version adds would end every statement that was prepared.
    """

    def __init__(self, statement: str | Executable) -> None:
        self._names: list[str] = []
        # What the statement itself says, such as a limit.
        self._constants: Mapping[str, Any] = {}
        self.text = str(statement)
        if isinstance(statement, str):
            self._sql = _NAME.sub(self._numbered, statement)
        else:
            compiled = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
            self._sql = compiled.string
            if "POSTCOMPILE" in self._sql:
                raise TypeError(f"a list grows when it is sent; use any_() in {self._sql}")
            self._names = list(compiled.positiontup)
            self._constants = compiled.params
            if compiled.insert_prefetch or compiled.update_prefetch:
                raise TypeError(f"give columns with a default their value in {self._sql}")
        self._row: Callable[[asyncpg.Record], Any] | None = None

    async def rows(self, conn: AsyncConnection, **values: Any) -> list[Any]:  # noqa: ANN401
        """All rows, with columns as attributes."""
        records = await driver_of(conn).fetch(self._sql, *self._in_order(values))
        return [self._as_row(record) for record in records]

    async def one(self, conn: AsyncConnection, **values: Any) -> Any:  # noqa: ANN401
        """The first row, or None."""
        record = await driver_of(conn).fetchrow(self._sql, *self._in_order(values))
        return None if record is None else self._as_row(record)

    async def run(self, conn: AsyncConnection, **values: Any) -> int:  # noqa: ANN401
        """How many rows it has changed."""
        done: str = await driver_of(conn).execute(self._sql, *self._in_order(values))
        return int(done.rpartition(" ")[2])

    def _numbered(self, match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in self._names:
            self._names.append(name)
        return f"${self._names.index(name) + 1}"

    def _in_order(self, values: dict[str, Any]) -> list[Any]:
        if not self._constants:
            return [values[name] for name in self._names]
        return [values[n] if n in values else self._constants[n] for n in self._names]

    def _as_row(self, record: asyncpg.Record) -> Any:  # noqa: ANN401
        if self._row is None:
            columns = list(record.keys())
            # The columns are known only now.
            self._row = namedtuple("Row", columns)._make  # type: ignore[attr-defined]  # noqa: PYI024
        return self._row(record)


def json_text(value: object) -> str:
    """A value for a JSON column."""
    return orjson.dumps(value).decode()
