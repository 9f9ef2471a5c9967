from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import Database
from channel_manager.schemas import parse_uuid
from channel_manager.webhooks import deliveries as log
from channel_manager.webhooks import service

app = typer.Typer(help="Webhook subscriptions and their deliveries.", no_args_is_help=True)
Company = Annotated[
    str | None, typer.Option("--company", help="The company's name, where there are several.")
]
SubscriptionId = Annotated[str, typer.Argument(help="A subscription's id.")]


@app.command("list")
def list_(
    stopped: Annotated[  # noqa: FBT002 - a Typer flag
        bool, typer.Option("--stopped", help="Only those that nothing is sent to: paused or gone.")
    ] = False,
    company: Company = None,
) -> None:
    """All subscriptions, with what is wrong with those that are stopped or failing."""

    async def work(database: Database) -> list[dict[str, Any]]:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            return await service.list_subscriptions(conn, access)

    with the_database() as url:
        rows = run(url, work)
    table = Table("subscription", "event", "address", "state", "reason", "failing since (UTC)")
    for row in rows:
        if not stopped or row["state"] != "active":
            table.add_row(
                str(row["id"]),
                row["eventName"],
                row["notificationUrl"],
                row["state"],
                row["stateReason"],
                _moment(row["failingSince"]),
            )
    Console().print(table)


@app.command()
def deliveries(
    subscription_id: SubscriptionId,
    state: Annotated[log.State | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=log.MAX_PAGE, help="How many.")] = 50,
    company: Company = None,
) -> None:
    """A subscription's newest deliveries, with the last attempt of each."""

    async def work(database: Database) -> log.Page:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            wanted = log.PageRequest(state, limit)
            return await log.list_deliveries(conn, access, subscription_id, wanted)

    with the_database() as url:
        page = run(url, work)
    table = Table("delivery", "created (UTC)", "event", "state", "attempts", "last answer", "reply")
    for row in page.data:
        last = row["attempts"][-1] if row["attempts"] else {"status": "", "error": "", "reply": ""}
        table.add_row(
            str(row["deliveryId"]),
            _moment(row["createdAt"]),
            row["eventName"],
            row["state"],
            str(len(row["attempts"])),
            str(last["error"] or last["status"]),
            last["reply"][:60],
        )
    Console().print(table)


@app.command()
def replay(
    subscription_id: SubscriptionId,
    delivery: Annotated[str | None, typer.Option(help="One delivery's id.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="All that have failed since then (UTC), like 2026-05-01T00:00:00."),
    ] = None,
    company: Company = None,
) -> None:
    """Send one delivery again, or all that have failed since a moment."""
    if (delivery is None) == (since is None):
        raise typer.BadParameter("give either --delivery or --since")
    try:
        delivery_id = parse_uuid(delivery) if delivery else None
    except ValueError:
        raise typer.BadParameter(f"{delivery} is not a delivery's id (a UUID).") from None

    async def work(database: Database) -> int:
        async with database.transaction() as conn:
            return await log.replay(
                conn,
                operator_access(await pick_company(conn, company)),
                subscription_id,
                delivery_id=delivery_id,
                since=since.replace(tzinfo=UTC) if since else None,
            )

    with the_database() as url:
        typer.echo(f"{run(url, work)} deliveries are on their way again.")


@app.command()
def resume(subscription_id: SubscriptionId, company: Company = None) -> None:
    """Send to a stopped subscription again, beginning with what waits."""

    async def work(database: Database) -> None:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            await service.resume(conn, access, subscription_id)

    with the_database() as url:
        run(url, work)
    typer.echo(f"Subscription {subscription_id} is active.")


def _moment(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}" if instant else ""
