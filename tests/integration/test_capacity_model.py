"""Whatever is done to orders and slots, in any order and from several connections at once:
reserved ≤ capacity, and all accounts of capacity agree.
"""

import asyncio
from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from channel_manager.capacity.changes import adjust_slot, lock_slots
from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.clock import system_clock
from channel_manager.db import Database
from channel_manager.errors import ChannelError, Unavailable
from channel_manager.orders import intake, service
from channel_manager.orders.capacity_audit import audit_capacity
from channel_manager.orders.holds import expire_holds
from channel_manager.orders.schemas import OrderIn
from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import submission_of
from support import castle
from support.castle import order
from support.postgres import fresh_database
from support.slots import DAY, small_castle

HOURS = st.integers(10, 12)
# One line per hour that is drawn, some of the same one.
LINES = st.lists(st.tuples(HOURS, st.integers(1, 3)), min_size=1, max_size=3)
PICK = st.integers(0, 10)
FIRST_CAPACITY = 5

Operation = tuple[Any, ...]
OPERATIONS = st.one_of(
    st.tuples(st.just("create"), LINES, st.booleans()),
    st.tuples(st.just("confirm"), PICK),
    st.tuples(st.just("replace"), PICK, LINES),
    st.tuples(st.just("delete"), PICK),
    st.tuples(st.just("end holds")),
    st.tuples(st.just("resize"), HOURS, st.integers(0, 8)),
    st.tuples(st.just("open"), HOURS, st.booleans()),
)

EACH = {"create", "confirm", "replace", "delete", "resize", "open", "end holds"}
MOST_DRAWS = 5


class Venue:
    """The operations, each as the service does it, on any connection of the pool."""

    def __init__(self, database: Database, company_id: UUID) -> None:
        self.database, self.company_id = database, company_id
        self.orders: list[str] = []
        self.done = Counter[str]()

    async def do(self, operation: Operation) -> None:
        name, *arguments = operation
        try:
            await getattr(self, name.replace(" ", "_"))(*arguments)
            self.done[name] += 1
        except Unavailable:
            raise  # a deadlock, which there must not be
        except ChannelError:
            self.done[f"{name} refused"] += 1

    async def create(self, lines: list[tuple[int, int]], paid: bool) -> None:  # noqa: FBT001
        changes = {} if paid else {"paymentReference": ...}
        body = order(items=_lines(lines), **changes)
        async with self.database.transaction() as conn:
            access = operator_access(await pick_company(conn, None))
            made = await intake.create_order(
                conn, access, OrderIn.model_validate(body), system_clock(), sync=False
            )
        self.orders.append(str(made.order_id))
        await settle(self.database, submission_of(made))

    async def replace(self, pick: int, lines: list[tuple[int, int]]) -> None:
        order_id = self.picked(pick)
        async with self.database.transaction() as conn:
            access = operator_access(await pick_company(conn, None))
            reference = await conn.scalar(
                text("SELECT sell_to_order_reference FROM orders WHERE order_id = :id"),
                {"id": order_id},
            )
            body = order(items=_lines(lines), sellToOrderReference=reference, paymentReference=...)
            made = await intake.replace_order(
                conn, access, order_id, OrderIn.model_validate(body), system_clock(), sync=False
            )
        await settle(self.database, submission_of(made))

    async def confirm(self, pick: int) -> None:
        async with self.database.transaction() as conn:
            access = operator_access(await pick_company(conn, None))
            await service.confirm_order(conn, access, self.picked(pick), "PAY-1")

    async def delete(self, pick: int) -> None:
        async with self.database.transaction() as conn:
            access = operator_access(await pick_company(conn, None))
            await service.delete_order(conn, access, self.picked(pick))

    async def end_holds(self) -> None:
        async with self.database.transaction() as conn:
            await conn.execute(
                text("""UPDATE orders SET hold_expires_at = now() - interval '1 second'
                    WHERE order_id IN (SELECT order_id FROM orders WHERE status = 'Draft'
                        FOR UPDATE SKIP LOCKED)""")
            )
        await expire_holds(self.database)

    async def resize(self, hour: int, capacity: int) -> None:
        await self.adjust(hour, {"capacity": capacity})

    async def open(self, hour: int, is_open: bool) -> None:  # noqa: FBT001
        await self.adjust(hour, {"is_open": is_open})

    async def adjust(self, hour: int, values: dict[str, Any]) -> None:
        async with self.database.transaction() as conn:
            company = await pick_company(conn, None)
            slot_id = await conn.scalar(
                text("""SELECT slot_id FROM time_slots WHERE local_date = :day
                    AND start_time = make_time(:hour, 0, 0)"""),
                {"day": date.fromisoformat(DAY), "hour": hour},
            )
            for row in await lock_slots(conn, company.company_id, [slot_id]):
                await adjust_slot(conn, row, company.zone, values)

    def picked(self, pick: int) -> str:
        if not self.orders:
            raise ChannelError("there is no order yet")
        return self.orders[-1 - pick % len(self.orders)]


def _lines(lines: list[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        castle.line(visitDate=DAY, visitTime=f"{hour}:30:00", quantity=quantity)
        for hour, quantity in lines
    ]


def _machine(run: asyncio.Runner, venue: Venue) -> type[RuleBasedStateMachine]:
    class Capacity(RuleBasedStateMachine):
        @initialize()
        def empty(self) -> None:
            run.run(_empty(venue))

        @rule(operations=st.lists(OPERATIONS, min_size=1, max_size=6))
        def at_once(self, operations: list[Operation]) -> None:
            """Some operations, each on a connection of its own, all at the same time."""
            run.run(_at_once(venue, operations))

        @rule(operation=OPERATIONS)
        def one(self, operation: Operation) -> None:
            run.run(venue.do(operation))

        @invariant()
        def accounts_agree(self) -> None:
            assert run.run(_differences(venue)) == []

        @invariant()
        def no_order_failed_by_a_fault(self) -> None:
            assert run.run(_faults(venue)) == []

    return Capacity


async def _at_once(venue: Venue, operations: list[Operation]) -> None:
    await asyncio.gather(*(venue.do(operation) for operation in operations))


async def _differences(venue: Venue) -> Any:
    async with venue.database.transaction() as conn:
        return (await audit_capacity(conn, venue.company_id)).differences


async def _faults(venue: Venue) -> Any:
    async with venue.database.transaction() as conn:
        rows = await conn.execute(
            text("SELECT status_message FROM orders WHERE status_message LIKE '%incident%'")
        )
        return rows.scalars().all()


async def _empty(venue: Venue) -> None:
    venue.orders.clear()
    async with venue.database.transaction() as conn:
        await conn.execute(
            text("TRUNCATE orders, order_lines, wallets, assets, reservations, capacity_ledger")
        )
        await conn.execute(
            text("UPDATE time_slots SET reserved = 0, is_open = true, capacity = :capacity"),
            {"capacity": FIRST_CAPACITY},
        )


@pytest.mark.timeout(600)
def test_any_operations_in_any_order_keep_the_accounts(postgres, template):
    # hypothesis is synchronous: it has a loop, and a database, of its own.
    with asyncio.Runner() as run:
        context = fresh_database(postgres, template)
        database = Database(run.run(context.__aenter__()), pool_size=8)
        try:
            company_id = run.run(castle.load_venue(database, small_castle(FIRST_CAPACITY)))
            venue = Venue(database, company_id)
            # What is drawn may leave an operation out, or let it always be refused: then more is.
            for _ in range(MOST_DRAWS):
                run_state_machine_as_test(
                    _machine(run, venue),
                    settings=settings(
                        max_examples=20,
                        stateful_step_count=15,
                        deadline=None,
                        suppress_health_check=list(HealthCheck),
                    ),
                )
                if venue.done.keys() >= EACH:
                    break
            assert venue.done.keys() >= EACH
        finally:
            run.run(database.close())
            run.run(context.__aexit__(None, None, None))
