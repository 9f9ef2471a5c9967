"""Tables to take away: CSV and XLSX of any number of rows, in little memory.

What people outside have written (names, references) is among the cells, and a spreadsheet would
calculate a text that begins like a formula. In XLSX such a text is stored and marked as a text; in
CSV, which knows no types, an apostrophe goes before it. Numbers are never touched.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import xlsxwriter
from fastapi import Response
from fastapi.responses import StreamingResponse

Cell = str | int | float | Decimal | bool | date | datetime | None
Row = Sequence[Cell]

ROWS_AT_ONCE = 500
CHUNK_BYTES = 65_536
# What Excel takes at most: rows of a sheet with its heading, characters of a cell, and the digits
# of a number before it rounds.
MOST_ROWS = 1_048_576
LONGEST_CELL = 32_767
MOST_DIGITS = 15

# A sign that begins a formula, in any of its widths, as the first that can be seen: in the cell, or
# behind what a spreadsheet set to another separator takes for the beginning of a cell.
_FORMULA = re.compile(
    r"(?:^|[\n\r\t;])[\s\x00-\x20\u200b-\u200f\ufeff]*+(?=[=+\-@＝＋－＠﹢﹣﹦﹫−])"
)
_TAB_FIRST = re.compile(r"^[\t\r]")
# A file of a million rows takes a core for a minute.
_turns = asyncio.Semaphore(2)


class Format(StrEnum):
    """The kinds of files; each is also the ending of its name."""

    CSV = "csv"
    XLSX = "xlsx"


_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its heading, and rows that come as they are read.

    Money is a `Decimal` beside a column with its currency. Instants are written by the clock of
    `zone`, to the second.
    """

    columns: Sequence[str]
    rows: AsyncIterator[Row]
    zone: tzinfo = UTC


async def download(name: str, kind: Format, sheet: Sheet) -> Response:
    """The reply with the table as a file; `name` without its ending.

    The first row is read before the reply begins, so that a database that is away is told as such.
    """
    sheet = Sheet(sheet.columns, await _begun(sheet.rows), sheet.zone)
    stream = stream_csv(sheet) if kind is Format.CSV else stream_xlsx(sheet)
    return StreamingResponse(
        stream, media_type=_TYPES[kind], headers=file_headers(f"{name}.{kind}")
    )


def file_headers(name: str) -> dict[str, str]:
    """The headers of a file to be saved under this name and kept nowhere on its way."""
    plain, whole = re.sub(r"[^A-Za-z0-9 ._-]", "_", name), quote(name, safe="")
    return {
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }


async def stream_csv(sheet: Sheet) -> AsyncIterator[bytes]:
    """The file's bytes as Excel wants them: UTF-8 with its mark, CRLF, every text in quotes."""
    yield "\ufeff".encode() + _csv_lines([list(sheet.columns)], sheet.zone)
    async for rows in _portions(sheet.rows):
        yield _csv_lines(rows, sheet.zone)


def _csv_lines(rows: Sequence[Row], zone: tzinfo) -> bytes:
    return "".join(
        f"{','.join(_csv_cell(cell, zone) for cell in row)}\r\n" for row in rows
    ).encode()


def _csv_cell(cell: Cell, zone: tzinfo) -> str:
    match cell:
        case str():
            return '"' + defused(cell).replace('"', '""') + '"'
        case None | bool():
            return "" if cell is None else str(cell).lower()
        case Decimal():
            return format(cell, "f")
        case datetime():
            return f"{_local(cell, zone):%Y-%m-%d %H:%M:%S}"
        case date():
            return cell.isoformat()
    return str(cell)


def defused(text: str) -> str:
    """The text with an apostrophe before whatever a spreadsheet would calculate."""
    if _TAB_FIRST.match(text):
        text = f"'{text}"
    return _FORMULA.sub(r"\g<0>'", text)


def is_dangerous(text: str) -> bool:
    """Whether a spreadsheet would calculate this text."""
    return _TAB_FIRST.match(text) is not None or _FORMULA.search(text) is not None


async def stream_xlsx(sheet: Sheet) -> AsyncIterator[bytes]:
    """The file's bytes. It is written to the disk first, away from the event loop."""
    with TemporaryDirectory(prefix="channel-manager-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "table.xlsx"
        # Not while it is sent: whoever reads slowly would keep the others waiting.
        async with _turns:
            book = _Book(path, sheet.columns, sheet.zone)
            try:
                async for rows in _portions(sheet.rows):
                    await asyncio.to_thread(book.write, rows)
                await asyncio.to_thread(book.finish)
            finally:
                book.close()
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                yield chunk


class _Book:
    """An XLSX file as it is written, a row at a time; further sheets where one is full."""

    def __init__(self, path: Path, columns: Sequence[str], zone: tzinfo) -> None:
        options = {
            # Each row goes to the disk when the next one begins.
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.use_zip64()
        self._columns = columns
        self._zone = zone
        self._formats: dict[str, Any] = {}
        self._heading = self._book.add_format({"bold": True})
        # Excel shows an apostrophe before it, and leaves it a text when somebody edits the cell.
        self._marked = self._book.add_format({"quote_prefix": True})
        self._begin()

    def write(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        for row in rows:
            if self._next == MOST_ROWS:
                self._begin()
            for column, cell in enumerate(row):
                self._put(column, cell)
            self._next += 1

    def finish(self) -> None:
        """Make the file whole."""
        self._book.close()

    def close(self) -> None:
        """Let go of what is open where it was given up half-way."""
        for sheet in self._book.worksheets():
            sheet.row_data_fh.close()

    def _begin(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        for column, title in enumerate(self._columns):
            self._sheet.set_column(column, column, max(12, len(title) + 2))
            self._sheet.write_string(0, column, title, self._heading)
        self._next = 1

    def _put(self, column: int, cell: Cell) -> None:
        at = (self._next, column)
        match cell:
            case None | "":
                return
            case bool():
                self._sheet.write_boolean(*at, cell)
            case str():
                self._sheet.write_string(*at, _short(cell), *self._mark(cell))
            case datetime():
                local = _local(cell, self._zone)
                self._sheet.write_datetime(*at, local, self._as("yyyy-mm-dd hh:mm:ss"))
            case date():
                self._sheet.write_datetime(*at, cell, self._as("yyyy-mm-dd"))
            case Decimal():
                self._number(at, cell)
            case _:
                self._number(at, Decimal(cell) if isinstance(cell, int) else Decimal(repr(cell)))

    def _number(self, at: tuple[int, int], number: Decimal) -> None:
        _, digits, exponent = number.as_tuple()
        if not isinstance(exponent, int) or len(digits) > MOST_DIGITS:
            # Excel would round it.
            self._sheet.write_string(*at, format(number, "f"))
            return
        decimals = max(0, -exponent)
        form = self._as("0." + "0" * decimals) if decimals else self._as("0")
        self._sheet.write_number(*at, number, form)

    def _mark(self, text: str) -> tuple[Any, ...]:
        return (self._marked,) if is_dangerous(text) else ()

    def _as(self, form: str) -> object:
        if form not in self._formats:
            self._formats[form] = self._book.add_format({"num_format": form})
        return self._formats[form]


def _short(text: str) -> str:
    told = " … (longer than a cell may be)"
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - len(told)] + told


def _local(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, microsecond=0)


async def _portions(rows: AsyncIterator[Row]) -> AsyncIterator[list[Row]]:
    portion: list[Row] = []
    async for row in rows:
        portion.append(row)
        if len(portion) == ROWS_AT_ONCE:
            yield portion
            portion = []
    if portion:
        yield portion


async def _begun(rows: AsyncIterator[Row]) -> AsyncIterator[Row]:
    try:
        first = await anext(rows)
    except StopAsyncIteration:
        return _all([], rows)
    return _all([first], rows)


async def _all(first: Sequence[Row], rest: AsyncIterator[Row]) -> AsyncIterator[Row]:
    for row in first:
        yield row
    async for row in rest:
        yield row
