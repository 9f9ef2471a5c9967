from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import AnyRow, Database
from channel_manager.orders.models import Order
from channel_manager.orders.queries import in_scope, view_order_in_scope
from channel_manager.orders.representation import full
from channel_manager.orders.service import reprocess_order
from channel_manager.orders.states import Status
from channel_manager.settings import settings
from channel_manager.strict_json import dumps

app = typer.Typer(help="Look at orders, and help those that failed.", no_args_is_help=True)
Company = Annotated[
    str | None, typer.Option("--company", help="The company's name, where there are several.")
]
OrderId = Annotated[str, typer.Argument(help="An order's id.")]


@app.command("list")
def list_(
    status: Annotated[
        list[Status] | None, typer.Option(help="Only orders in this status; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 50,
    company: Company = None,
) -> None:
    """The newest orders, with what is wrong with those that failed."""

    async def work(database: Database) -> list[AnyRow]:
        async with database.transaction() as conn:
            access = await _operator(conn, company)
            query = in_scope(select(Order.__table__), access)
            if status:
                query = query.where(Order.status.in_(status))
            newest = query.order_by(Order.received_at.desc(), Order.order_id.desc()).limit(limit)
            return list(await conn.execute(newest))

    with the_database() as url:
        rows = run(url, work)
    table = Table()
    table.add_column("order", no_wrap=True)
    for name in ("received (UTC)", "status", "reference", "message"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(
            str(row.order_id),
            f"{row.received_at:%Y-%m-%d %H:%M:%S}",
            row.status,
            row.sell_to_order_reference,
            row.status_message,
        )
    Console().print(table)


@app.command()
def show(order_id: OrderId, company: Company = None) -> None:
    """One order as the API shows it, as JSON."""

    async def work(database: Database) -> bytes:
        async with database.transaction() as conn:
            access = await _operator(conn, company)
            view = await view_order_in_scope(conn, access, order_id)
        return dumps(full(view, settings().guest_url))

    with the_database() as url:
        Console().print_json(run(url, work).decode())


@app.command()
def reprocess(order_id: OrderId, company: Company = None) -> None:
    """Submit an order that failed once more, with the contents that it has."""

    async def work(database: Database) -> None:
        async with database.transaction() as conn:
            access = await _operator(conn, company)
            await reprocess_order(conn, access, order_id)

    with the_database() as url:
        run(url, work)
    typer.echo(f"Order {order_id} is submitted again.")


async def _operator(conn: AsyncConnection, company: str | None) -> Access:
    return operator_access(await pick_company(conn, company))
