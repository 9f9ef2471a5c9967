"""Never more than it holds: taking places, holding them, giving them back."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from channel_manager.orders.holds import expire_holds
from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import Submission
from support import castle
from support.castle import ORDERS_PATH, order
from support.slots import (
    DAY,
    admission,
    assert_audit_clean,
    end_holds,
    item,
    place,
    reserved,
    schedule,
    small_castle,
    venue,
    wanting,
)

CONFIRM = {"paymentReference": "PAY-1"}


@pytest.fixture(autouse=True)
async def audited(database, company_id):
    """Whatever a test does, all accounts agree at its end."""
    yield
    await assert_audit_clean(database, company_id)


def two_places(first: int = 10, second: int = 10) -> str:
    return venue(
        [admission("MUSEUM", first), admission("BOAT", second)],
        [
            item("M", ("MUSEUM", "scheduled")),
            item("B", ("BOAT", "scheduled")),
            item("BOTH", ("MUSEUM", "scheduled"), ("BOAT", "scheduled")),
        ],
    )


async def make_package(database, *components: tuple[str, int]) -> None:
    """Make an item P of the castle's company that holds others."""
    parts = ", ".join(f'{{"item": "{i}", "quantity": {n}, "price": null}}' for i, n in components)
    async with database.transaction() as conn:
        await conn.execute(
            text(
                f"""INSERT INTO items (company_id, item_number, kind, description, translations,
                sellable, price_includes_vat, vat_percent, components, admissions, stores)
                SELECT company_id, 'P', 'package', 'Package', '{{}}', true, true, 25,
                '[{parts}]', '[]', '{{}}' FROM companies""".replace(": ", "\\: ")
            )
        )
        await conn.execute(text("UPDATE companies SET catalog_version = catalog_version + 1"))


def line(number: str, quantity: int = 1, at: str = "10:30:00", **changes) -> dict:
    return {"itemNumber": number, "visitDate": DAY, "visitTime": at, "quantity": quantity} | changes


async def test_a_sold_out_slot_refuses_in_words_that_help(client, database):
    await castle.load_venue(database, small_castle(2))
    assert (await place(client, wanting(1)))["status"] == "Issued"
    refused = await place(client, wanting(2))
    assert refused["status"] == "Error"
    assert refused["statusMessage"] == (
        f"items[0]: CASTLE on {DAY} at 10:30 has 1 place left and 2 are needed;"
        " choose another time or fewer guests (capacity_exceeded)"
    )
    assert refused["items"][0]["wallets"] == []
    assert await reserved(database) == 1
    assert (await place(client, wanting(2, at="11:00:00")))["status"] == "Issued"


async def test_a_failed_first_try_does_not_block_the_retry(client, database):
    await castle.load_venue(database, small_castle(2))
    body = wanting(3)
    failed = await place(client, body)
    body["items"][0]["quantity"] = 2
    reply = await client.put(f"{ORDERS_PATH}/{failed['orderId']}?sync=1", json=body)
    assert reply.json()["status"] == "Issued"
    assert await reserved(database) == 2


async def test_twenty_lines_of_one_against_a_capacity_of_ten(client, database):
    await castle.load_venue(database, small_castle(10))
    refused = await place(client, order(items=[line("31001") for _ in range(20)]))
    assert refused["status"] == "Error"
    assert "10 places left and 20 are needed" in refused["statusMessage"]
    assert await reserved(database) == 0
    assert (await place(client, order(items=[line("31001") for _ in range(10)])))["status"] == (
        "Issued"
    )


@pytest.mark.parametrize("paid", [True, False])
async def test_three_cancels_give_back_once(client, database, paid):
    await castle.load_venue(database, small_castle(10))
    await place(client, wanting(3))
    made = await place(client, wanting(4, paid=paid))
    assert await reserved(database) == 7
    replies = await asyncio.gather(
        *(client.delete(f"{ORDERS_PATH}/{made['orderId']}") for _ in range(3))
    )
    assert {reply.status_code for reply in replies} <= {200, 404}
    assert await reserved(database) == 3


async def test_a_hold_and_its_confirmed_order_count_once(client, database):
    await castle.load_venue(database, small_castle(10))
    made = await place(client, wanting(4, paid=False))
    assert (made["status"], await reserved(database)) == ("Draft", 4)
    reply = await client.post(f"{ORDERS_PATH}/{made['orderId']}/confirm", json=CONFIRM)
    assert (reply.json()["status"], await reserved(database)) == ("Issued", 4)


async def test_a_name_change_on_a_sold_out_slot(client, database):
    await castle.load_venue(database, small_castle(2))
    body = wanting(2, paid=False)
    made = await place(client, body)
    body["items"][0]["wallet"] = {"names": ["Jane Doe", "John Doe"]}
    reply = await client.put(f"{ORDERS_PATH}/{made['orderId']}?sync=1", json=body)
    assert reply.json()["status"] == "Draft"
    assert await reserved(database) == 2


async def test_a_replace_keeps_its_places_from_others_until_it_settles(client, database):
    await castle.load_venue(database, small_castle(2))
    body = wanting(2, paid=False)
    made = await place(client, body)
    # No worker here: the replace is accepted and waits.
    accepted = await client.put(f"{ORDERS_PATH}/{made['orderId']}", json=body)
    assert accepted.json()["status"] == "Submitted"
    assert (await place(client, wanting(1)))["status"] == "Error"
    assert await reserved(database) == 2


async def test_what_a_replace_gives_up_is_free_at_once(client, database):
    await castle.load_venue(database, small_castle(4))
    body = wanting(4, paid=False)
    made = await place(client, body)
    body["items"][0]["quantity"] = 1
    await client.put(f"{ORDERS_PATH}/{made['orderId']}", json=body)
    assert await reserved(database) == 1
    assert (await place(client, wanting(3)))["status"] == "Issued"


async def test_a_replace_that_fails_gives_back_what_it_had_kept(client, database):
    await castle.load_venue(database, small_castle(4))
    body = wanting(2, paid=False)
    made = await place(client, body)
    await place(client, wanting(1))
    body["items"][0]["quantity"] = 4
    reply = await client.put(f"{ORDERS_PATH}/{made['orderId']}?sync=1", json=body)
    assert reply.json()["status"] == "Error"
    assert "has 3 places left and 4 are needed" in reply.json()["statusMessage"]
    assert await reserved(database) == 1


async def test_a_refused_put_changes_nothing(client, database):
    await castle.load_venue(database, small_castle(4))
    body = wanting(2, paid=False)
    made = await place(client, body)
    body["items"][0]["visitTime"] = "09:00:00"
    reply = await client.put(f"{ORDERS_PATH}/{made['orderId']}", json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "time_slot_not_found")
    assert await reserved(database) == 2
    assert (await client.get(f"{ORDERS_PATH}/{made['orderId']}")).json() == made


async def test_an_ended_hold_frees_its_places_once_and_the_order_stays_draft(client, database):
    await castle.load_venue(database, small_castle(4))
    made = await place(client, wanting(3, paid=False))
    assert await expire_holds(database) == 0
    await end_holds(database)
    done = await asyncio.gather(*(expire_holds(database) for _ in range(5)))
    assert (sum(done), await reserved(database)) == (1, 0)
    assert (await client.get(f"{ORDERS_PATH}/{made['orderId']}")).json()["status"] == "Draft"
    reply = await client.delete(f"{ORDERS_PATH}/{made['orderId']}")
    assert (reply.status_code, await reserved(database)) == (200, 0)


async def test_confirm_after_the_hold_takes_the_places_again(client, database):
    await castle.load_venue(database, small_castle(4))
    made = await place(client, wanting(3, paid=False))
    await end_holds(database)
    await expire_holds(database)
    reply = await client.post(f"{ORDERS_PATH}/{made['orderId']}/confirm", json=CONFIRM)
    assert (reply.json()["status"], await reserved(database)) == ("Issued", 3)


async def test_confirm_after_the_hold_is_refused_where_someone_else_has_the_place(client, database):
    await castle.load_venue(database, small_castle(4))
    made = await place(client, wanting(3, paid=False))
    await end_holds(database)
    await expire_holds(database)
    await place(client, wanting(2))
    reply = await client.post(f"{ORDERS_PATH}/{made['orderId']}/confirm", json=CONFIRM)
    assert (reply.status_code, reply.json()["code"]) == (400, "capacity_exceeded")
    assert "has 2 places left and 3 are needed" in reply.json()["message"]
    assert (await client.get(f"{ORDERS_PATH}/{made['orderId']}")).json()["status"] == "Draft"
    assert await reserved(database) == 2


async def test_a_hold_of_no_minutes_lasts_for_ever(client, database):
    await castle.load_venue(database, small_castle(4, hold_minutes=0))
    await place(client, wanting(3, paid=False))
    await end_holds(database)
    assert await expire_holds(database) == 0
    assert await reserved(database) == 3


async def test_a_worker_ends_holds(client, database, worker):
    await castle.load_venue(database, small_castle(4))
    await place(client, wanting(3, paid=False))
    await end_holds(database)
    for _ in range(200):
        if await reserved(database) == 0:
            break
        await asyncio.sleep(0.1)
    assert await reserved(database) == 0


async def test_an_item_of_several_admissions_takes_in_each(client, database):
    await castle.load_venue(database, two_places())
    await place(client, order(items=[line("BOTH", 3)]))
    assert (await reserved(database, "MUSEUM"), await reserved(database, "BOAT")) == (3, 3)


async def test_a_package_with_one_sold_out_component_takes_nothing_of_the_others(client, database):
    await castle.load_venue(database, two_places(1, 0))
    await make_package(database, ("M", 1), ("B", 1))
    refused = await place(client, order(items=[line("P")]))
    assert refused["status"] == "Error"
    assert f"BOAT on {DAY} at 10:30 has no place left" in refused["statusMessage"]
    assert await reserved(database, "MUSEUM") == 0
    assert (await place(client, order(items=[line("M")])))["status"] == "Issued"


async def test_two_of_the_same_component_take_two(client, database):
    await castle.load_venue(database, two_places())
    await make_package(database, ("M", 2), ("B", 1))
    await place(client, order(items=[line("P", 3)]))
    assert (await reserved(database, "MUSEUM"), await reserved(database, "BOAT")) == (6, 3)


async def test_each_component_takes_the_slot_that_its_schedule_says(client, database):
    await castle.load_venue(database, two_places())
    await make_package(database, ("M", 2), ("B", 1))
    when = {"itemNumber": "M", "visitDate": DAY, "visitTime": "12:15:00"}
    made = await place(client, order(items=[line("P", 1, wallet={"componentSchedule": [when]})]))
    assert made["status"] == "Issued"
    assert await reserved(database, "MUSEUM", "12:00:00") == 1
    assert await reserved(database, "MUSEUM", "10:00:00") == 1
    assert await reserved(database, "BOAT", "10:00:00") == 1


async def test_a_component_without_a_slot_is_named(client, database):
    await castle.load_venue(database, two_places())
    await make_package(database, ("M", 1), ("B", 1))
    when = {"itemNumber": "B", "visitDate": DAY, "visitTime": "20:00:00"}
    reply = await client.post(
        ORDERS_PATH, json=order(items=[line("P", wallet={"componentSchedule": [when]})])
    )
    assert (reply.status_code, reply.json()["code"]) == (400, "time_slot_not_found")
    assert reply.json()["errors"][0]["path"] == "items[0].wallet.componentSchedule[0].visitTime"


async def test_a_group_ticket_takes_its_quantity(client, database):
    group = item("G", ("CASTLE", "scheduled"), ticketType="GROUP")
    await castle.load_venue(database, venue([admission(capacity=30)], [group]))
    await place(client, order(items=[line("G", 25)]))
    assert await reserved(database) == 25
    assert (await place(client, order(items=[line("G", 6)])))["status"] == "Error"


async def test_the_tickets_know_their_slots(client, database):
    await castle.load_venue(database, small_castle(4))
    await place(client, wanting(1))
    async with database.transaction() as conn:
        admits_to = await conn.scalar(text("SELECT admits_to FROM assets"))
        slot = await conn.scalar(text("SELECT slot_id FROM time_slots WHERE reserved = 1"))
    assert admits_to == [{"admission": "CASTLE", "slotId": str(slot)}]


async def test_any_time_takes_of_the_day_beside_the_slots(client, database):
    await castle.load_venue(
        database,
        venue(
            [admission(capacity=1, dayCapacity=2)],
            [item("D", ("CASTLE", "any_time")), item("31001", ("CASTLE", "scheduled"))],
        ),
    )
    # Any time counts: even one at which the place is closed, since only the day is bound.
    assert (await place(client, order(items=[line("D", 2, at="23:59:59")])))["status"] == "Issued"
    refused = await place(client, order(items=[line("D")]))
    assert (
        f"CASTLE on {DAY} has no place left and 1 is needed; choose another day"
        in (refused["statusMessage"])
    )
    assert (await place(client, wanting(1)))["status"] == "Issued"


async def test_an_open_ticket_takes_no_capacity(client, database):
    await castle.load_venue(
        database, venue([admission(capacity=0)], [item("O", ("CASTLE", "none"))])
    )
    assert (await place(client, order(items=[line("O", 50)])))["status"] == "Issued"
    async with database.transaction() as conn:
        admits_to = await conn.scalar(text("SELECT admits_to FROM assets LIMIT 1"))
    assert admits_to == [{"admission": "CASTLE", "slotId": None}]


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("09:59:59", False),
        ("10:00:00", True),
        ("10:59:59", True),
        ("15:59:59", True),
        ("16:00:00", False),
    ],
)
async def test_a_slot_holds_its_start_but_not_its_end(client, database, at, found):
    await castle.load_venue(database, small_castle(4))
    reply = await client.post(ORDERS_PATH, json=wanting(1, at=at))
    if found:
        assert reply.status_code == 201
    else:
        assert (reply.status_code, reply.json()["code"]) == (400, "time_slot_not_found")
        (problem,) = reply.json()["errors"]
        assert problem["path"] == "items[0].visitTime"
        assert "choose a time from ticket/timeslots/search" in problem["message"]


async def test_beyond_the_horizon_there_is_no_slot(client, database):
    await castle.load_venue(database, small_castle(4))
    reply = await client.post(ORDERS_PATH, json=wanting(1, visitDate=castle.soon(40)))
    assert reply.json()["code"] == "time_slot_not_found"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"closures": [{"dateFrom": DAY, "dateTo": DAY}]}, "is closed"),
        ({"overrides": [{"date": DAY, "start": "10:00", "closed": True}]}, "is closed"),
        ({"schedules": [schedule(salesOpenDaysBefore=3)]}, "is not on sale yet"),
        ({"schedules": [schedule(salesCloseMinutesBefore=60 * 24 * 14)]}, "is no longer on sale"),
        ({"schedules": [schedule(exceptDates=[DAY])]}, "has no time slot"),
    ],
)
async def test_a_slot_that_is_not_for_sale_is_refused_at_once(client, database, changes, words):
    await castle.load_venue(
        database,
        venue([admission(**changes)], [item("31001", ("CASTLE", "scheduled"))]),
    )
    reply = await client.post(ORDERS_PATH, json=wanting(1))
    assert (reply.status_code, reply.json()["code"]) == (400, "time_slot_not_found")
    assert words in reply.json()["message"]


async def test_a_slot_closed_after_the_order_was_accepted_refuses_at_issuance(client, database):
    await castle.load_venue(database, small_castle(4))
    accepted = (await client.post(ORDERS_PATH, json=wanting(1))).json()
    closed = {"overrides": [{"date": DAY, "closed": True}]}
    await castle.load_venue(
        database, venue([admission(**closed)], [item("31001", ("CASTLE", "scheduled"))])
    )
    async with database.transaction() as conn:
        company = await conn.scalar(text("SELECT company_id FROM companies"))
    await settle(database, Submission(company, UUID(accepted["orderId"]), 1))
    order_now = (await client.get(f"{ORDERS_PATH}/{accepted['orderId']}")).json()
    assert order_now["status"] == "Error"
    assert "(time_slot_not_found)" in order_now["statusMessage"]
