from typing import Annotated

import orjson
import typer

from channel_manager.access.audit import list_events
from channel_manager.cli.companies import pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import AnyRow, Database

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
    """The newest changes first: when (UTC), who, what, to what, before and after."""

    async def work(database: Database) -> list[AnyRow]:
        async with database.transaction() as conn:
            chosen = await pick_company(conn, company)
            return await list_events(conn, chosen.company_id, subject=subject, limit=limit)

    with the_database() as url:
        rows = run(url, work)
    for row in rows:
        before, after = (orjson.dumps(fields).decode() for fields in (row.before, row.after))
        typer.echo(
            f"{row.happened_at:%Y-%m-%d %H:%M:%S}  {row.actor}  {row.action}  {row.subject}"
            f"  {before} -> {after}"
        )
