"""The calendar of time slots: who has booked them; close, reopen, change how many they take."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response

from channel_manager import local_time
from channel_manager.access.route import database_of
from channel_manager.capacity.calendar import (
    Slot,
    admissions_with_slots,
    find_slots,
    newest_movements,
)
from channel_manager.console.filters import read_day
from channel_manager.console.heat import DAYS, heat
from channel_manager.console.rendering import ROOT, page, see_other
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.errors import ChannelError, InvalidInput, NotFound
from channel_manager.orders.bookings import slots_orders
from channel_manager.orders.slot_changes import (
    Action,
    WantedChange,
    bookings_of,
    change_slots_by_hand,
    try_change,
)

SLOTS = f"{ROOT}/slots"
MOST_MOVEMENTS = 100
LONGEST_NUMBER = 10
router = console_router("/slots")
SlotIds = Annotated[list[UUID], Form()]


@router.get("", openapi_extra=needs_role(Role.VIEWER))
async def calendar(
    request: Request, visit: CurrentVisit, admission: str = "", day: str = ""
) -> Response:
    """A week of one place."""
    here = visit.company.company_id
    today = local_time.today(visit.company.zone, request.app.state.clock())
    first = read_day("day", day) or today
    async with database_of(request).read() as conn:
        admissions = await admissions_with_slots(conn, here)
        chosen = _chosen(admissions, admission)
        week = await heat(conn, here, chosen, first)
    return page(
        request,
        "slots.html",
        admissions=admissions,
        admission=chosen,
        first=first,
        today=today,
        before=first - timedelta(days=DAYS),
        after=first + timedelta(days=DAYS),
        heat=week,
        actions=list(Action),
    )


@router.post("/check", openapi_extra=needs_role(Role.OPERATOR))
async def check(
    request: Request,
    visit: CurrentVisit,
    action: Annotated[Action, Form()],
    slot: SlotIds = [],  # noqa: B006 - FastAPI's default
    capacity: Annotated[str, Form()] = "",
) -> Response:
    """What a change would do, before it is done."""
    change = _change(action, slot, capacity)
    database, now = database_of(request), request.app.state.clock()
    problem: ChannelError | None = None
    try:
        effects = await try_change(database, visit.access, change, now)
    except InvalidInput:
        raise
    except ChannelError as error:
        effects, problem = [], error
    async with database.read() as conn:
        slots = await find_slots(conn, visit.company.company_id, change.slots)
        bookings = await bookings_of(conn, visit.company.company_id, change.slots)
        admissions = await admissions_with_slots(conn, visit.company.company_id)
    return page(
        request,
        "slots_check.html",
        status=200 if problem is None else problem.status,
        change=change,
        effects=effects,
        slots=slots,
        bookings=bookings,
        problem=problem,
        admissions=admissions,
        back=_week_of(slots),
    )


@router.post("/change", openapi_extra=needs_role(Role.OPERATOR))
async def apply(
    request: Request,
    visit: CurrentVisit,
    action: Annotated[Action, Form()],
    slot: SlotIds = [],  # noqa: B006 - FastAPI's default
    capacity: Annotated[str, Form()] = "",
) -> Response:
    """Change the slots, all or none."""
    change = _change(action, slot, capacity)
    async with database_of(request).transaction() as conn:
        effects = await change_slots_by_hand(conn, visit.access, change, request.app.state.clock())
    where = _week_of([effect.before for effect in effects])
    return see_other(SLOTS, done="slots-changed", **where)


@router.get("/{slot_id}", openapi_extra=needs_role(Role.VIEWER))
async def show(request: Request, visit: CurrentVisit, slot_id: UUID) -> Response:
    """One slot: its orders, and what has happened in it."""
    here = visit.company.company_id
    async with database_of(request).read() as conn:
        found = await find_slots(conn, here, [slot_id])
        if not found:
            raise NotFound("There is no such time slot.")
        admissions = await admissions_with_slots(conn, here)
        booked = await bookings_of(conn, here, [slot_id])
        orders = await slots_orders(conn, here, slot_id)
        movements = await newest_movements(conn, here, slot_id, MOST_MOVEMENTS)
    return page(
        request,
        "slot.html",
        slot=found[0],
        admissions=admissions,
        bookings=booked.get(slot_id),
        orders=orders,
        movements=movements,
        back=_week_of(found),
    )


def _chosen(admissions: Mapping[str, str], wanted: str) -> str:
    return wanted if wanted in admissions else next(iter(admissions), "")


def _change(action: Action, slots: Sequence[UUID], capacity: str) -> WantedChange:
    given = capacity.strip()
    plain = given.isascii() and given.isdigit() and len(given) < LONGEST_NUMBER
    return WantedChange(action, list(dict.fromkeys(slots)), int(given) if plain else None)


def _week_of(slots: Sequence[Slot]) -> dict[str, str]:
    if not slots:
        return {}
    return {"admission": slots[0].admission_code, "day": slots[0].day.isoformat()}
