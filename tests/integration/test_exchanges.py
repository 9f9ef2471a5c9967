"""Partners' calls about orders, kept as they came and as they were answered."""

import json
from datetime import UTC, datetime, timedelta
from unittest.mock import patch
from uuid import UUID

import pytest
from sqlalchemy import text

from channel_manager.app import make_app
from channel_manager.cli.companies import operator_access
from channel_manager.companies.service import find_company
from channel_manager.exchanges import route
from channel_manager.exchanges.service import (
    MOST_BYTES,
    exchanges_of_order,
    forget_old_exchanges,
    refused_creates,
)
from channel_manager.orders.guests import erase_guest, export_guest, pseudonymise_old_orders
from channel_manager.settings import Settings
from support import castle
from support.castle import ORDERS_PATH, PARTNER, line, order
from support.console import browser
from support.service import settled

JANE = "jane.doe@example.com"
JOHN = {"sellToEmail": "john@example.com", "sellToName": "John Roe"}
NEVER = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def of_order(database, company_id):
    async def read(order_id, company=None):
        async with database.read() as conn:
            return await exchanges_of_order(conn, company or company_id, UUID(order_id))

    return read


@pytest.fixture
def refused(database, company_id):
    async def read(reference, company=None):
        async with database.read() as conn:
            return await refused_creates(conn, company or company_id, reference)

    return read


@pytest.fixture
async def operator(database, company_id):
    async with database.read() as conn:
        return operator_access(await find_company(conn, company_id))


async def count(database) -> int:
    async with database.read() as conn:
        return await conn.scalar(text("SELECT count(*) FROM exchanges"))


async def test_a_whole_life_is_kept_as_it_went_over_the_wire(client, of_order, worker):
    sent = json.dumps(order(paymentReference=..., sellToName="Søren 王"), indent=1).encode()
    made = await client.post(
        ORDERS_PATH,
        content=sent,
        headers={"content-type": "application/json", "x-request-id": "integrator-1"},
    )
    path = f"{ORDERS_PATH}/{made.json()['orderId']}"
    await settled(client, path)
    replaced = await client.put(f"{path}?sync=1", json=json.loads(sent))
    confirmed = await client.post(f"{path}/confirm", json={"paymentReference": "P"})
    deleted = await client.delete(path)
    kept = await of_order(made.json()["orderId"])
    assert [(one.method, one.status) for one in kept] == [
        ("DELETE", 200),
        ("POST", 200),
        ("PUT", 200),
        ("POST", 201),
    ]
    replies = (deleted, replaced, confirmed, made)
    assert {one.reply_body for one in kept} == {reply.content for reply in replies}
    first = kept[-1]
    assert (first.request_body, first.request_bytes, first.request_id) == (
        sent,
        len(sent),
        "integrator-1",
    )
    assert (first.path, first.partner, first.request_cut) == (ORDERS_PATH, "Example Travel", False)
    assert str(first.partner_id) == PARTNER
    assert kept[2].path == f"{path}?sync=1"
    assert kept[0].request_body is None
    assert {one.partner for one in kept} == {"Example Travel"}
    assert all(one.duration_ms > 0 for one in kept)
    assert datetime.now(UTC) - first.happened_at < timedelta(minutes=1)


async def test_a_key_is_known_by_its_hint_and_kept_nowhere(client, database, company_id, of_order):
    key = await castle.make_key(database, company_id, partner=PARTNER)
    made = await client.post(
        f"{ORDERS_PATH}?key={key}", json=order(), headers={"x-np-api-key": key}
    )
    (kept,) = await of_order(made.json()["orderId"])
    assert kept.key_hint == f"{key[:4]}…{key[-4:]}"
    async with database.read() as conn:
        everything = await conn.scalar(
            text(
                "SELECT json_agg(e)::text || json_agg(convert_from(request_body, 'UTF8'))"
                " || json_agg(convert_from(reply_body, 'UTF8')) FROM exchanges e"
            )
        )
    assert key not in everything


async def test_polling_is_not_kept(client, database):
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order())).json()
    await client.get(f"{ORDERS_PATH}/{made['orderId']}")
    await client.get(f"{ORDERS_PATH}/orders/{PARTNER}")
    await client.get(f"{ORDERS_PATH}/{NEVER}")
    assert await count(database) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"items": [line(itemNumber="NOT-SOLD")]}, "unknown_item"),
        ({"items": [line(quantity="2")]}, "invalid_input"),
        ({"items": []}, "invalid_input"),
        ({"partnerId": NEVER}, "unknown_partner"),
    ],
)
async def test_a_refused_create_is_found_by_the_partners_reference(
    client, refused, database, changes, code
):
    body = order(sellToOrderReference=" Ref-Ø1 ", **changes)
    reply = await client.post(ORDERS_PATH, json=body)
    assert reply.status_code == 400
    (kept,) = await refused("REF-ø1")
    assert (kept.status, kept.order_id) == (400, None)
    assert kept.reply_body == reply.content
    assert json.loads(kept.reply_body)["code"] == code
    assert json.loads(kept.request_body) == body
    assert await refused("Ref-Ø2") == []


async def test_a_duplicate_is_kept_as_a_refusal(client, refused, of_order):
    body = order()
    made = (await client.post(ORDERS_PATH, json=body)).json()
    again = await client.post(ORDERS_PATH, json=body)
    (kept,) = await refused(body["sellToOrderReference"])
    assert kept.reply_body == again.content
    assert len(await of_order(made["orderId"])) == 1


async def test_a_refused_change_stands_with_its_order(client, of_order):
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order())).json()
    path = f"{ORDERS_PATH}/{made['orderId']}"
    refused = [
        await client.put(path, json=order()),
        await client.post(f"{path}/confirm", json={}),
        await client.put(path, content=b'{"partnerId": ', headers={"content-type": "text/json"}),
        await client.put(
            path, content=b'{"partnerId": ', headers={"content-type": "application/json"}
        ),
    ]
    kept = await of_order(made["orderId"])
    assert [one.status for one in kept] == [400, 415, 400, 400, 201]
    assert [one.reply_body for one in kept[:4]] == [reply.content for reply in refused[::-1]]
    assert kept[0].request_body == b'{"partnerId": '


async def test_a_repeated_request_is_kept_each_time(client, of_order):
    body, headers = order(), {"Idempotency-Key": "again"}
    for sync in ("", "?sync=1"):
        body = order()
        headers = {"Idempotency-Key": f"again{sync}"}
        first = await client.post(f"{ORDERS_PATH}{sync}", json=body, headers=headers)
        again = await client.post(f"{ORDERS_PATH}{sync}", json=body, headers=headers)
        kept = await of_order(first.json()["orderId"])
        assert [one.reply_body for one in kept] == [again.content, first.content]
        assert again.content == first.content


async def test_nothing_of_strangers_and_nothing_without_a_reference(client, database):
    await client.post(ORDERS_PATH, json=order(), headers={"x-np-api-key": "wrong"})
    await client.post(ORDERS_PATH, json=order(sellToOrderReference=...))
    await client.post(ORDERS_PATH, content=b"{", headers={"content-type": "application/json"})
    await client.post(ORDERS_PATH, json=["not", "an", "object"])
    await client.delete(f"{ORDERS_PATH}/not-an-order")
    assert await count(database) == 0


async def test_long_bodies_are_cut_and_say_so(client, of_order, refused):
    long = order(items=[line(quantity=1, sellToName="x" * 100) for _ in range(400)])
    made = await client.post(f"{ORDERS_PATH}?sync=1", json=long)
    assert made.status_code == 201
    (kept,) = await of_order(made.json()["orderId"])
    assert (len(kept.reply_body), kept.reply_bytes) == (MOST_BYTES, len(made.content))
    assert kept.reply_cut
    assert kept.reply_body == made.content[:MOST_BYTES]
    too_long = long | {"sellToOrderReference": "TOO-LONG", "padding": "y" * MOST_BYTES}
    too_long["items"] = [line(quantity=0)]
    await client.post(ORDERS_PATH, json=too_long)
    (kept,) = await refused("too-long")
    assert kept.request_cut
    assert len(kept.request_body) == MOST_BYTES


@pytest.mark.parametrize(
    "reference",
    ["%' OR 1=1 --", "a\\u0000b", "\U0001f3df\ufe0f", "'; DROP TABLE exchanges", "é" * 50],
)
async def test_hostile_references_harm_nothing(client, refused, reference):
    reply = await client.post(ORDERS_PATH, json=order(sellToOrderReference=reference, items=[]))
    assert reply.status_code == 400
    assert [one.status for one in await refused(reference)] == [400]


async def test_a_nul_in_the_query_is_a_clean_refusal(client, of_order):
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order())).json()
    reply = await client.put(f"{ORDERS_PATH}/{made['orderId']}?sync=%00", json=order())
    assert reply.status_code == 400
    assert len(await of_order(made["orderId"])) == 2


async def test_other_companies_see_nothing(client, database, of_order, refused):
    text_ = castle.CASTLE_FILE.read_text(encoding="utf-8").replace(castle.COMPANY, "FABRIKAM GmbH")
    other = await castle.load_venue(database, text_)
    made = (await client.post(ORDERS_PATH, json=order(sellToOrderReference="SAME"))).json()
    await client.post(ORDERS_PATH, json=order(sellToOrderReference="SAME"))
    assert len(await of_order(made["orderId"])) == 1
    assert await of_order(made["orderId"], other) == []
    assert len(await refused("same")) == 1
    assert await refused("same", other) == []


async def test_a_record_that_fails_changes_no_refusal(client, database):
    with patch.object(route, "keep", side_effect=RuntimeError("no room")):
        reply = await client.post(ORDERS_PATH, json=order(items=[]))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert await count(database) == 0


async def test_a_fault_of_ours_is_kept_with_what_was_answered(client, refused):
    with patch("channel_manager.orders.intake.create_order", side_effect=RuntimeError("a bug")):
        reply = await client.post(ORDERS_PATH, json=order(sellToOrderReference="FAULT"))
    assert reply.status_code == 500
    (kept,) = await refused("fault")
    assert (kept.status, kept.reply_body) == (500, reply.content)


async def test_none_are_kept_where_the_venue_wants_none(database, database_url, company_id):
    app = make_app(Settings(exchange_days=0), database_url)
    key = await castle.make_key(database, company_id)
    async with app.router.lifespan_context(app), browser(app) as http:
        http.headers["x-np-api-key"] = key
        made = await http.post(f"{ORDERS_PATH}?sync=1", json=order())
        assert made.status_code == 201
        assert (await http.post(ORDERS_PATH, json=order(items=[]))).status_code == 400
    assert await count(database) == 0


async def age(database, days: int) -> None:
    """Make all that is kept so old, as its ids tell it too."""
    async with database.transaction() as conn:
        for (old,) in (await conn.execute(text("SELECT exchange_id FROM exchanges"))).all():
            new = UUID(int=old.int - (days * 86_400_000 << 80))
            await conn.execute(
                text(
                    "UPDATE exchanges SET exchange_id = :new,"
                    " happened_at = happened_at - make_interval(days => :days)"
                    " WHERE exchange_id = :old"
                ),
                {"new": new, "old": old, "days": days},
            )


async def test_old_ones_are_deleted_and_recent_ones_stay(client, database, of_order):
    old = (await client.post(ORDERS_PATH, json=order())).json()
    await client.post(ORDERS_PATH, json=order(items=[]))
    await age(database, 30)
    new = (await client.post(ORDERS_PATH, json=order())).json()
    assert await forget_old_exchanges(database, days=31) == 0
    assert await forget_old_exchanges(database, days=30) == 2
    assert await forget_old_exchanges(database, days=30) == 0
    assert await of_order(old["orderId"]) == []
    assert len(await of_order(new["orderId"])) == 1
    assert await forget_old_exchanges(database, days=0) == 1


async def bodies(database) -> str:
    async with database.read() as conn:
        found = await conn.scalar(
            text(
                "SELECT string_agg(convert_from(coalesce(request_body, '') || "
                "coalesce(reply_body, ''), 'UTF8') || coalesce(emails::text, ''), ' ')"
                " FROM exchanges"
            )
        )
    return found.lower()


WHERE_A_GUEST_MAY_BE = {
    "the order": order(sellToEmail="Jane.Doe@Example.com"),
    "a line": order(items=[line(sellToEmail=JANE)]),
    "a line of an order that names somebody else": order(items=[line(), line(sellToEmail=JANE)]),
    "an order whose lines name others": order(sellToEmail=JANE, items=[line(sellToEmail="b@c.de")]),
    "an order whose lines name nobody": order(sellToEmail=JANE, items=[line(sellToEmail=None)]),
    "a field that we don't know": order(customer={"contact": [f"Jane <{JANE}>"]}),
    "a refused order": order(sellToEmail=JANE, items=[line(quantity=0)]),
    "a refused line": order(items=[line(quantity=0, sellToEmail=f" {JANE.upper()} ")]),
}


@pytest.mark.parametrize("where", WHERE_A_GUEST_MAY_BE)
async def test_an_erased_guest_is_in_no_exchange(client, database, company_id, operator, where):
    await client.post(ORDERS_PATH, json=order(**JOHN))
    sent = WHERE_A_GUEST_MAY_BE[where] | {"sellToOrderReference": "JANES"}
    await client.post(f"{ORDERS_PATH}?sync=1", json=sent)
    assert JANE in await bodies(database)
    async with database.transaction() as conn:
        await erase_guest(conn, operator, JANE)
    left = await bodies(database)
    assert "jane" not in left
    assert "john@example.com" in left


async def test_a_guest_is_erased_from_what_was_replaced_since(client, database, operator, of_order):
    draft = order(paymentReference=..., sellToEmail=JANE, items=[line(sellToEmail=None)])
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=draft)).json()
    path = f"{ORDERS_PATH}/{made['orderId']}"
    await client.put(f"{path}?sync=1", json=draft | JOHN)
    # Refused, so that nothing but the call itself has had the guest.
    await client.put(path, json=order(sellToEmail=JANE))
    async with database.transaction() as conn:
        await erase_guest(conn, operator, JANE)
    assert "jane" not in await bodies(database)
    newest, replaced, first = await of_order(made["orderId"])
    assert (newest.request_body, newest.request_cut, newest.status) == (None, False, 400)
    assert newest.erased_at
    assert first.erased_at
    assert b"john@example.com" in replaced.request_body


async def test_an_export_has_what_no_order_says(client, database, operator):
    await client.post(ORDERS_PATH, json=order(sellToEmail=JANE))
    await client.post(ORDERS_PATH, json=order(sellToEmail=JANE, items=[line(quantity=0)]))
    async with database.read() as conn:
        in_order, refused_call = await export_guest(conn, operator, JANE.upper())
    assert "request_body" not in in_order
    assert refused_call["status"] == 400
    assert json.loads(refused_call["request_body"])["sellToEmail"] == JANE


async def test_guests_of_old_orders_leave_their_exchanges(client, database, of_order):
    old = (await client.post(f"{ORDERS_PATH}?sync=1", json=order(sellToEmail=JANE))).json()
    await client.post(ORDERS_PATH, json=order(sellToEmail=JANE, items=[line(quantity=0)]))
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE orders SET received_at = now() - interval '99 days'"))
        await conn.execute(text("UPDATE order_lines SET visit_date = current_date - 31"))
    await age(database, 31)
    assert await pseudonymise_old_orders(database, 30) == 1
    assert "jane" not in await bodies(database)
    assert (await of_order(old["orderId"]))[0].status == 201
