import contextlib
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
import typer

from channel_manager.access.audit import Trail, list_events
from channel_manager.cli.companies import pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import AnyRow, Database
from channel_manager.gate.queries import entry_history

Told = tuple[datetime, str]

app = typer.Typer(help="Who changed what, and when.", no_args_is_help=True)


@app.callback()
def _audit() -> None:
    pass


@app.command("list")
def list_(
    subject: Annotated[
        str, typer.Option(help='Only what was done to this, like "order 0197…" or "key 0197…".')
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, newest first.")] = 50,
    company: Annotated[
        str | None, typer.Option(help="The company's name, where there are several.")
    ] = None,
) -> None:
    """The newest changes first: when (UTC), who, what, to what, before and after.

    Entries at the gate are among them.
    """
    order_id = _order_of(subject)

    async def work(database: Database) -> list[Told]:
        async with database.snapshot() as conn:
            company_id = (await pick_company(conn, company)).company_id
            changes = await list_events(conn, company_id, trail=Trail(subject=subject), limit=limit)
            told = [(row.happened_at, _change(row)) for row in changes]
            if not subject or order_id:
                entries = await entry_history(conn, company_id, order_id=order_id, limit=limit)
                told += [(row.recorded_at, _entry(row)) for row in entries]
            return told

    with the_database() as url:
        told = run(url, work)
    for at, words in sorted(told, key=lambda one: one[0], reverse=True)[:limit]:
        typer.echo(f"{at:%Y-%m-%d %H:%M:%S}  {words}")


def _order_of(subject: str) -> UUID | None:
    kind, _, name = subject.partition(" ")
    with contextlib.suppress(ValueError):
        return UUID(name) if kind == "order" else None
    return None


def _change(row: AnyRow) -> str:
    before, after = (orjson.dumps(fields).decode() for fields in (row.before, row.after))
    return f"{row.actor}  {row.action}  {row.subject}  {before} -> {after}"


def _entry(row: AnyRow) -> str:
    told = {
        "ticket": row.reference_number,
        "admission": row.admission_code,
        "scanner": row.scanner_id,
        "guests": row.quantity,
        "at": row.admitted_at,
        "conflict": row.conflict,
    }
    who = f"key {row.key_id}" if row.key_id else "a scanner"
    return f"{who}  gate.admit  order {row.order_id}  {orjson.dumps(told).decode()}"
