from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from channel_manager import local_time
from channel_manager.access.audit import record
from channel_manager.capacity.changes import SlotChange, adjust_slot, change_slots, lock_slots
from channel_manager.capacity.generation import generate_slots
from channel_manager.capacity.models import TimeSlot
from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.clock import system_clock
from channel_manager.companies.service import CompanyInfo
from channel_manager.db import AnyRow, Database
from channel_manager.errors import NotFound
from channel_manager.orders.capacity_audit import (
    Audit,
    Difference,
    audit_capacity,
    repair_capacity,
)

app = typer.Typer(help="Look at time slots and what is reserved of them.", no_args_is_help=True)
Company = Annotated[
    str | None, typer.Option("--company", help="The company's name, where there are several.")
]
SlotId = Annotated[UUID, typer.Argument(help="A time slot's id, from `capacity show`.")]


@app.command()
def show(
    admission: Annotated[str, typer.Argument(help="The admission's code, such as CASTLE.")],
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="The venue's day; today if left out."),
    ] = None,
    company: Company = None,
) -> None:
    """A day's time slots of an admission: capacity, what is reserved, and whether they are open."""

    async def work(database: Database) -> tuple[CompanyInfo, list[AnyRow]]:
        async with database.transaction() as conn:
            found = await pick_company(conn, company)
            wanted = day.date() if day else local_time.today(found.zone, system_clock())
            query = (
                select(TimeSlot.__table__)
                .where(
                    TimeSlot.company_id == found.company_id,
                    TimeSlot.admission_code == admission,
                    TimeSlot.local_date == wanted,
                )
                .order_by(TimeSlot.whole_day, TimeSlot.starts_at)
            )
            return found, list(await conn.execute(query))

    with the_database() as url:
        found, rows = run(url, work)
    table = Table("time slot", "starts", "ends", "capacity", "reserved", "state")
    for row in rows:
        table.add_row(
            str(row.slot_id),
            "any time" if row.whole_day else local_time.with_offset(row.starts_at, found.zone),
            local_time.with_offset(row.ends_at, found.zone),
            str(row.capacity),
            str(row.reserved),
            _state(row),
        )
    Console().print(table)


@app.command("set")
def set_(
    slot: SlotId,
    capacity: Annotated[int | None, typer.Option(min=0, help="How many guests it takes.")] = None,
    open_: Annotated[
        bool | None, typer.Option("--open/--closed", help="Whether it takes new guests.")
    ] = None,
    company: Company = None,
) -> None:
    """Set one time slot by hand. Its schedule leaves it alone from then on, until `reset`."""
    values: dict[str, Any] = {}
    if capacity is not None:
        values["capacity"] = capacity
    if open_ is not None:
        values["is_open"] = open_
    if not values:
        raise typer.BadParameter("give --capacity, --open or --closed")

    async def work(database: Database) -> None:
        async with database.transaction() as conn:
            found = await pick_company(conn, company)
            for row in _there(await lock_slots(conn, found.company_id, [slot])):
                await adjust_slot(conn, row, found.zone, values)
            await record(conn, operator_access(found), "slot.set", f"slot {slot}", after=values)

    with the_database() as url:
        run(url, work)
    typer.echo(f"Time slot {slot} is set.")


@app.command()
def reset(slot: SlotId, company: Company = None) -> None:
    """Let a time slot that was set by hand follow its schedule again."""

    async def work(database: Database) -> None:
        async with database.transaction() as conn:
            found = await pick_company(conn, company)
            rows = _there(await lock_slots(conn, found.company_id, [slot]))
            await change_slots(
                conn, [SlotChange(row, {"adjusted": False}, "reset") for row in rows]
            )
            await generate_slots(conn, found, system_clock())
            await record(conn, operator_access(found), "slot.reset", f"slot {slot}")

    with the_database() as url:
        run(url, work)
    typer.echo(f"Time slot {slot} follows its schedule.")


@app.command()
def audit(
    *,
    repair: Annotated[
        bool, typer.Option("--repair", help="Set counters to what orders and reservations say.")
    ] = False,
    company: Company = None,
) -> None:
    """Recompute every time slot's counter from orders, and report each difference.

    Exits with 1 where there is one.
    """

    async def work(database: Database) -> tuple[CompanyInfo, Audit]:
        async with database.transaction() as conn:
            found = await pick_company(conn, company)
            if not repair:
                return found, await audit_capacity(conn, found.company_id)
            done = await repair_capacity(conn, found.company_id)
            told = {"differences": len(done.differences)}
            subject = f"company {found.company_id}"
            await record(conn, operator_access(found), "capacity.repair", subject, after=told)
            return found, done

    with the_database() as url:
        found, done = run(url, work)
    if done.differences:
        Console().print(_differences(found, done.differences))
    count = len(done.differences) or "no"
    typer.echo(f"{found.name}: {done.slots:,} time slots, {count} differences.")
    if done.differences:
        raise typer.Exit(1)


def _differences(company: CompanyInfo, differences: Sequence[Difference]) -> Table:
    table = Table(
        "time slot", "admission", "starts", "capacity", "counter", "orders", "held", "ledger"
    )
    for found in differences:
        table.add_row(
            str(found.slot_id),
            found.admission_code or "gone",
            local_time.with_offset(found.starts_at, company.zone) if found.starts_at else "",
            str(found.capacity),
            str(found.counted),
            str(found.by_orders),
            str(found.by_reservations),
            str(found.by_ledger),
        )
    return table


def _there(rows: Sequence[AnyRow]) -> Sequence[AnyRow]:
    if not rows:
        raise NotFound("There is no such time slot; `channel-manager capacity show` lists them.")
    return rows


def _state(row: AnyRow) -> str:
    state = "open" if row.is_open else "closed"
    return f"{state}, set by hand" if row.adjusted else state
