from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from channel_manager.access import keys
from channel_manager.access.permissions import ALL_PERMISSIONS, Permission
from channel_manager.access.schemas import DEFAULT_OVERLAP_HOURS, MAX_OVERLAP_HOURS, MAX_RATE
from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import AnyRow, Database

app = typer.Typer(help="API keys.", no_args_is_help=True)
Company = Annotated[
    str | None, typer.Option(help="The company's name; not needed where there is only one.")
]
KeyId = Annotated[str, typer.Argument(help="A key's id, as `key list` shows it.")]


@app.command()
def create(
    company: Company = None,
    partner: Annotated[
        str | None, typer.Option(help="A partner's id: the key reaches that partner alone.")
    ] = None,
    permission: Annotated[
        list[Permission] | None, typer.Option(help="May be repeated; all where none is given.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the key is for, to tell keys apart.")] = "",
    rate_limit: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_RATE, help="Requests in 5 minutes, instead of the default."),
    ] = None,
) -> None:
    """Make a key and print it, alone, on the last line. It is shown this once and never again."""
    wanted = keys.WantedKey(name, _partner_id(partner), permission or ALL_PERMISSIONS, rate_limit)

    async def work(database: Database) -> str:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            return (await keys.make_key(conn, access, wanted))[1]

    with the_database() as url:
        typer.echo(run(url, work))


@app.command("list")
def list_(company: Company = None) -> None:
    """All keys, with what each may do and when it was last used; never the keys themselves."""

    async def work(database: Database) -> list[AnyRow]:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            return await keys.list_keys(conn, access)

    with the_database() as url:
        rows = run(url, work)
    table = Table("id", "hint", "name", "partner", "may", "last used (UTC)", "ends (UTC)")
    for row in rows:
        table.add_row(
            str(row.key_id),
            row.hint,
            row.name,
            str(row.partner_id or "all"),
            "all" if set(row.permissions) == set(ALL_PERMISSIONS) else ", ".join(row.permissions),
            _when(row.last_used_at),
            "revoked" if row.revoked_at else _when(row.expires_at),
        )
    Console(soft_wrap=True).print(table)


@app.command()
def rotate(
    key_id: KeyId,
    company: Company = None,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=MAX_OVERLAP_HOURS, help="How long the old key stays good.")
    ] = DEFAULT_OVERLAP_HOURS,
) -> None:
    """Make a key like this one and print it; the old one stays good for the overlap."""

    async def work(database: Database) -> str:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            overlap = timedelta(hours=overlap_hours)
            return (await keys.rotate_key(conn, access, key_id, overlap))[1]

    with the_database() as url:
        typer.echo(run(url, work))


@app.command()
def revoke(key_id: KeyId, company: Company = None) -> None:
    """End a key at once, in every process on every machine."""

    async def work(database: Database) -> None:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            await keys.revoke_key(conn, access, key_id)

    with the_database() as url:
        run(url, work)
    typer.echo(f"Key {key_id} is revoked.")


def _partner_id(partner: str | None) -> UUID | None:
    try:
        return UUID(partner) if partner else None
    except ValueError:
        raise typer.BadParameter(f"{partner} is not a partner's id (a UUID).") from None


def _when(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}" if instant else ""
