"""A venue with small time slots, and looking at what they hold."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy import text

from channel_manager.db import Database
from channel_manager.orders.capacity_audit import audit_capacity
from support import castle
from support.castle import ORDERS_PATH, order, soon

DAY = soon(7)


def schedule(capacity: int = 10, **changes: Any) -> dict[str, Any]:
    """Hourly slots from 10 to 16, every day."""
    return {
        "code": "DAILY",
        "validFrom": "2026-01-01",
        "opening": {"opens": "10:00", "closes": "16:00", "slotMinutes": 60},
        "capacity": capacity,
    } | changes


def admission(code: str = "CASTLE", capacity: int = 10, **changes: Any) -> dict[str, Any]:
    """An admission with hourly slots, for the next 30 days."""
    return {
        "code": code,
        "name": code.title(),
        "horizonDays": 30,
        "schedules": [schedule(capacity)],
    } | changes


def item(number: str, *admissions: tuple[str, str], **changes: Any) -> dict[str, Any]:
    """An item that admits to places: (code, slots)."""
    return {
        "number": number,
        "description": f"Item {number}",
        "ticketType": "ADMISSION",
        "price": {"amount": 100, "vatPercent": 25},
        "admissions": [{"code": code, "slots": slots} for code, slots in admissions],
    } | changes


def venue(
    admissions: Sequence[dict[str, Any]],
    items: Sequence[dict[str, Any]],
    hold_minutes: int = 60,
    **company: Any,
) -> str:
    """A venue file: the castle's company and partner with other places and items."""
    parsed = yaml.safe_load(castle.CASTLE_FILE.read_text(encoding="utf-8"))
    parsed["company"] |= company
    parsed["partners"][0]["holdMinutes"] = hold_minutes
    parsed["ticketTypes"].append(
        {"code": "GROUP", "kind": "group", "numberPattern": "GRP-[X*10]-[S]"}
    )
    parsed["admissions"] = list(admissions)
    parsed["items"] = list(items)
    # Not quoted, a date is a date again; times and ids are texts.
    return yaml.safe_dump(parsed, sort_keys=False)


def small_castle(capacity: int, hold_minutes: int = 60) -> str:
    """One admission with hourly slots of one capacity, and one item for it."""
    return venue(
        [admission(capacity=capacity)], [item("31001", ("CASTLE", "scheduled"))], hold_minutes
    )


def wanting(quantity: int = 1, *, paid: bool = True, at: str = "10:30:00", **changes: Any) -> Any:
    """An order for some guests at one time."""
    line = {"itemNumber": "31001", "visitDate": DAY, "visitTime": at, "quantity": quantity}
    payment = {} if paid else {"paymentReference": ...}
    return order(items=[line | changes], **payment)


async def place(client, body: dict[str, Any]) -> dict[str, Any]:
    """Send an order and have it settled at once."""
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()


async def reserved(database: Database, code: str = "CASTLE", at: str = "10:00:00") -> int:
    """What the slot at this time of the usual day holds."""
    async with database.transaction() as conn:
        return await conn.scalar(
            text("""SELECT reserved FROM time_slots WHERE admission_code = :code
                AND local_date = :day AND start_time = CAST(:at AS text)::time
                AND NOT whole_day"""),
            {"code": code, "day": date.fromisoformat(DAY), "at": at},
        )


async def assert_audit_clean(database: Database, company_id: UUID) -> None:
    """All accounts of capacity agree."""
    async with database.transaction() as conn:
        assert (await audit_capacity(conn, company_id)).differences == []


async def end_holds(database: Database) -> None:
    """Make every Draft's hold time over."""
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE orders SET hold_expires_at = now() - interval '1 second'"
                " WHERE status = 'Draft' AND hold_expires_at IS NOT NULL"
            )
        )
