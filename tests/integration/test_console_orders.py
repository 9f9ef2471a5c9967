"""One order in the console: what it is, what happened to it, what may be done with it."""

import re
from uuid import UUID

import pytest
from aiohttp import web
from sqlalchemy import text

from channel_manager.console.roles import Role
from channel_manager.orders.bulk import carry_out
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, order
from support.console import add_person, signed_in
from support.receiver import receiving
from support.webhooks import settle, subscribe, until

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def otto(client, database, company_id):
    await add_person(database, company_id, "otto", Role.OPERATOR)
    async with signed_in(client.app, "otto") as visitor:
        yield visitor


async def make_good_today(database) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE assets SET valid_from = now() - interval '1 hour',"
                " valid_until = now() + interval '1 hour',"
                """ admits_to = '[{"admission": "CASTLE", "slotId": null}]'"""
            )
        )


async def fail(database, *orders: str) -> None:
    async with database.transaction() as conn:
        for order_id in orders:
            await conn.execute(
                text(
                    "UPDATE orders SET status = 'Error', status_message = 'The place was gone.'"
                    " WHERE order_id = CAST(:id AS uuid)"
                ),
                {"id": order_id},
            )


async def test_all_that_is_known_of_an_order(client, otto):
    made = await settle(client, sellToName=EVIL, sellToEmail="jane@example.com")
    page = await otto.page(f"/orders/{made['orderId']}")
    wallet = made["items"][0]["wallets"][0]
    for known in (
        made["sellToOrderReference"],
        made["buyFromOrderReference"],
        made["jobId"],
        wallet["walletReferenceNumber"],
        wallet["assets"][0]["referenceNumber"],
        made["manifestUrl"].partition("?")[2],
        "jane@example.com",
        "ota_cm_order_processed",
        "order.create",
        "PAY-987654",
    ):
        assert known in page, known
    assert EVIL not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


async def test_what_was_sent_and_answered_is_there_as_it_was(client, otto):
    made = await settle(client, sellToName=EVIL)
    await client.put(f"{ORDERS_PATH}/{made['orderId']}", json=order())
    page = await otto.page(f"/orders/{made['orderId']}")
    raw = page.partition("Raw requests and replies")[2]
    assert "PUT" in raw
    assert "POST" in raw
    assert "state-failed" in raw
    assert "&lt;img src=x onerror=alert(1)&gt;" in raw
    assert EVIL not in page


async def test_a_call_that_was_refused_is_found_by_its_reference(client, otto):
    refused = order(sellToOrderReference="REFUSED-1", items=[castle.line(itemNumber="NONE")])
    assert (await client.post(ORDERS_PATH, json=refused)).status_code == 400
    page = await otto.page("/orders?q=refused-1")
    assert "Refused calls with this reference" in page
    assert "NONE" in page
    assert "Refused calls" not in await otto.page("/orders?q=nobody")


async def test_a_draft_is_confirmed_and_an_order_is_cancelled(client, otto):
    draft = await settle(client, paymentReference="")
    where = f"/orders/{draft['orderId']}"
    page = await otto.page(where)
    assert "not valid yet" in page
    assert (await otto.send(f"{where}/confirm", payment_reference="")).status_code == 400
    page = await otto.do(f"{where}/confirm", payment_reference="CASH-1")
    assert "The order is confirmed." in page
    assert "CASH-1" in page
    assert "user otto" in page
    assert f'action="/console{where}/confirm"' not in page
    assert (await client.get(f"{ORDERS_PATH}/{draft['orderId']}")).json()["status"] == "Issued"
    page = await otto.do(f"{where}/cancel")
    assert "The order is cancelled." in page
    assert "void" in page
    assert f'action="/console{where}/cancel"' not in page
    assert (await otto.send(f"{where}/confirm", payment_reference="x")).status_code == 400


async def test_what_failed_is_reprocessed(client, database, otto, worker):
    made = await settle(client)
    await fail(database, made["orderId"])
    where = f"/orders/{made['orderId']}"
    page = await otto.page(where)
    assert "The place was gone." in page
    page = await otto.do(f"{where}/reprocess")
    assert "The order is submitted again." in page

    async def issued() -> bool:
        now = (await client.get(f"{ORDERS_PATH}/{made['orderId']}")).json()
        return now["status"] == "Issued"

    await until(issued)
    assert (await otto.send(f"{where}/reprocess")).status_code == 400


async def test_an_event_is_sent_again_to_whoever_it_was_for(client, otto, worker):
    async with receiving() as receiver:
        receiver.answer = lambda _: web.Response(status=204)
        await subscribe(client, receiver.url)
        made = await settle(client)
        [first] = await receiver.wait_for(1)
        where = f"/orders/{made['orderId']}"

        async def delivered() -> str:
            page = await otto.page(where)
            return page if "204" in page else ""

        page = await until(delivered)
        event = re.search(r"/events/([0-9a-f-]{36})/resend", page)[1]
        assert "It is on its way again." in await otto.do(f"{where}/events/{event}/resend")
        _, again = await receiver.wait_for(2)
        assert again.headers["webhook-id"] == first.headers["webhook-id"] == event
    other = "01a214f2-3d7d-7463-a2f1-aaee175d44da"
    assert (await otto.send(f"{where}/events/{other}/resend")).status_code == 404


async def test_an_event_that_nobody_subscribed_to(client, otto):
    made = await settle(client)
    where = f"/orders/{made['orderId']}"
    event = re.search(r"/events/([0-9a-f-]{36})/resend", await otto.page(where))[1]
    page = await otto.do(f"{where}/events/{event}/resend")
    assert "It was for no receiver that there still is." in page


async def test_a_scan_at_the_gate_is_in_the_time_line(client, database, otto):
    made = await settle(client)
    await make_good_today(database)
    token = made["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
    asked = {"referenceNumber": token, "admissionCode": "CASTLE", "scannerId": "north"}
    reply = await client.post(f"{COMPANY_PATH}/speedgate/tryAndAttemptAdmit", json=asked)
    assert (reply.status_code, reply.json()["admitted"]) == (200, 1)
    page = await otto.page(f"/orders/{made['orderId']}")
    assert "1 at CASTLE, by north" in page
    assert "1 of 1 used" in page


async def test_an_order_of_many_wallets_is_shown_in_parts(client, otto):
    made = await settle(client, items=[castle.line(quantity=120)])
    where = f"/orders/{made['orderId']}"
    assert "Part 1 of 3, of 120 wallets" in await otto.page(where)
    last = made["items"][0]["wallets"][-1]["walletReferenceNumber"]
    assert last in (await otto.page(f"{where}?wallets=3")).partition("<details>")[0]
    assert "Nothing has been issued." in await otto.page(f"{where}?wallets=9")


async def test_what_was_void_and_deleted_is_still_there_for_the_venue(client, otto):
    draft = await settle(client, paymentReference="")
    await client.delete(f"{ORDERS_PATH}/{draft['orderId']}")
    page = await otto.page(f"/orders/{draft['orderId']}")
    assert "it no longer sees it" in page
    assert "void" in page
    assert "/cancel" not in page


async def test_many_are_reprocessed_together(client, database, otto, worker):
    made = [await settle(client) for _ in range(4)]
    ids = [one["orderId"] for one in made]
    await fail(database, *ids[:3])
    page = await otto.do("/orders/reprocess", order=ids)
    run = re.search(r'href="/console/orders/runs"', page)
    assert run

    async def over() -> str:
        newest = await otto.page("/orders/runs")
        where = re.search(r'href="/console(/orders/runs/[0-9a-f-]{36})"', newest)[1]
        shown = await otto.page(where)
        return shown if "It is over." in shown else ""

    page = await until(over)
    assert "can&#39;t be reprocessed" in page or "can't be reprocessed" in page
    for order_id in ids:
        assert (await client.get(f"{ORDERS_PATH}/{order_id}")).json()["status"] == "Issued"
    async with database.read() as conn:
        told = (
            await conn.execute(
                text("SELECT actor FROM audit_events WHERE action = 'order.reprocess'")
            )
        ).all()
    assert told == [("user otto",)] * 3


async def test_a_run_that_is_carried_out_twice_does_each_order_once(
    client, database, company_id, otto
):
    made = [await settle(client) for _ in range(3)]
    await fail(database, *(one["orderId"] for one in made))
    reply = await otto.send("/orders/reprocess", order=[one["orderId"] for one in made])
    run_id = reply.headers["location"].rpartition("/")[2]
    await carry_out(database, company_id, UUID(run_id))
    await carry_out(database, company_id, UUID(run_id))
    async with database.read() as conn:
        rows = (await conn.execute(text("SELECT submission, status FROM orders"))).all()
    assert rows == [(2, "Submitted")] * 3


async def test_what_can_not_be_chosen(client, otto):
    assert (await otto.send("/orders/reprocess")).status_code == 400
    assert (await otto.send("/orders/reprocess", order=["x"])).status_code == 400
    other = "01a214f2-3d7d-7463-a2f1-aaee175d44da"
    for path in (f"/orders/{other}", f"/orders/runs/{other}"):
        assert (await otto.http.get(f"/console{path}")).status_code == 404
    for action in ("reprocess", "cancel"):
        assert (await otto.send(f"/orders/{other}/{action}")).status_code == 404


async def test_a_viewer_sees_and_changes_nothing(client, database, company_id):
    made = await settle(client, paymentReference="")
    await add_person(database, company_id, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as vera:
        page = await vera.page(f"/orders/{made['orderId']}")
        assert "/cancel" not in page
        for action in ("reprocess", "confirm", "cancel"):
            reply = await vera.send(f"/orders/{made['orderId']}/{action}", payment_reference="x")
            assert reply.status_code == 403
        assert (await vera.send("/orders/reprocess", order=[made["orderId"]])).status_code == 403
    assert (await client.post(ORDERS_PATH, json=order())).status_code == 201
