from typing import Annotated

import typer

from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import Database
from channel_manager.orders.guests import Fields, erase_guest, export_guest, pseudonymise_old_orders
from channel_manager.settings import settings
from channel_manager.strict_json import dumps

app = typer.Typer(help="What is kept of guests, and forgetting it.", no_args_is_help=True)
Email = Annotated[str, typer.Argument(help="The guest's e-mail address.")]
Company = Annotated[
    str | None, typer.Option("--company", help="The company's name, where there are several.")
]


@app.command()
def export(email: Email, company: Company = None) -> None:
    """All that is kept of an e-mail address, as JSON."""

    async def work(database: Database) -> list[Fields]:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            return await export_guest(conn, access, email)

    with the_database() as url:
        typer.echo(dumps(run(url, work)).decode())


@app.command()
def erase(email: Email, company: Company = None) -> None:
    """Take an e-mail address and its names out of every order. It can't be undone.

    Tickets stay valid, and the figures stay.
    """

    async def work(database: Database) -> int:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            return (await erase_guest(conn, access, email)).orders

    with the_database() as url:
        typer.echo(f"{run(url, work)} orders no longer name this guest.")


@app.command()
def pseudonymise(
    days: Annotated[
        int | None,
        typer.Option(min=1, help="Days after the last visit; else the setting RETENTION_DAYS."),
    ] = None,
) -> None:
    """Take the guests out of old orders of every company, and keep the figures.

    A worker does the same by itself once CHANNEL_MANAGER_RETENTION_DAYS is set.
    """
    chosen = days or settings().retention_days
    if chosen is None:
        raise typer.BadParameter("Give --days, or set CHANNEL_MANAGER_RETENTION_DAYS.")

    async def work(database: Database) -> int:
        return await pseudonymise_old_orders(database, chosen)

    with the_database() as url:
        typer.echo(f"{run(url, work)} orders are pseudonymised.")
