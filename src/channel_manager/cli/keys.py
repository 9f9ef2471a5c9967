from typing import Annotated
from uuid import UUID

import typer

from channel_manager.access.permissions import ALL_PERMISSIONS, Permission
from channel_manager.access.service import create_key
from channel_manager.cli.companies import pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import Database

app = typer.Typer(help="API keys.", no_args_is_help=True)


@app.command()
def create(
    company: Annotated[
        str | None, typer.Option(help="The company's name; not needed where there is only one.")
    ] = None,
    partner: Annotated[
        str | None, typer.Option(help="A partner's id: the key reaches that partner alone.")
    ] = None,
    permission: Annotated[
        list[Permission] | None, typer.Option(help="May be repeated; all where none is given.")
    ] = None,
    name: Annotated[str, typer.Option(help="What the key is for, to tell keys apart.")] = "",
) -> None:
    """Make a key and print it, alone, on the last line. It is shown this once and never again."""
    partner_id = _partner_id(partner)

    async def work(database: Database) -> str:
        async with database.transaction() as conn:
            chosen = await pick_company(conn, company)
            return await create_key(
                conn,
                chosen.company_id,
                partner_id=partner_id,
                permissions=permission or ALL_PERMISSIONS,
                name=name,
            )

    with the_database() as url:
        typer.echo(run(url, work))


def _partner_id(partner: str | None) -> UUID | None:
    try:
        return UUID(partner) if partner else None
    except ValueError:
        raise typer.BadParameter(f"{partner} is not a partner's id (a UUID).") from None
