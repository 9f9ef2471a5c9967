"""The first page, and the figures that it stands on."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from channel_manager import local_time
from channel_manager.clock import system_clock
from channel_manager.companies.service import find_company
from channel_manager.console.roles import Role
from channel_manager.orders.sales import count_sales, sales
from channel_manager.orders.states import Status
from channel_manager.orders.today import todays_figures
from channel_manager.webhooks.health import subscriptions_health
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, order
from support.console import add_person, signed_in

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def visitor(client, database, company_id):
    await add_person(database, company_id, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as visitor:
        yield visitor


async def settled_order(client, **changes):
    return (await client.post(f"{ORDERS_PATH}?sync=1", json=order(**changes))).json()


async def test_an_empty_venue_has_a_page_that_says_so(visitor):
    page = await visitor.page("")
    assert "No order has come today." in page
    assert "No partner has subscribed to webhooks." in page
    assert "Nothing was sold in these two weeks." in page


async def test_the_days_orders_are_counted_by_partner_and_state(
    client, database, company_id, visitor
):
    await settled_order(client)
    await settled_order(client, paymentReference="")
    failed = await settled_order(client, items=[castle.line(itemNumber="NO-SUCH")])
    gone = await settled_order(client)
    await client.delete(f"{ORDERS_PATH}/{gone['orderId']}")
    await client.post(ORDERS_PATH, json=order(sellToName=EVIL))
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE orders SET received_at = received_at - interval '90 seconds'"
                " WHERE status = 'Submitted'"
            )
        )
        await conn.execute(
            text(
                "UPDATE orders SET hold_expires_at = now() + interval '5 minutes'"
                " WHERE status = 'Draft'"
            )
        )
    async with database.read() as conn:
        company = await find_company(conn, company_id)
        figures = await todays_figures(conn, company, system_clock())
    [day] = figures.partners
    assert day.by_status == {
        Status.ISSUED: 1,
        Status.DRAFT: 1,
        Status.CANCELLED: 1,
        Status.SUBMITTED: 1,
        **({Status.ERROR: 1} if failed.get("status") == "Error" else {}),
    }
    assert (figures.in_flight, figures.holds_ending) == (1, 1)
    assert 90 <= figures.oldest_in_flight < 300
    page = await visitor.page("")
    assert "in flight" in page
    assert "the oldest for 2 minutes" in page or "the oldest for 1 minute" in page


async def test_what_failed_is_shown_with_its_reason_as_text(client, database, company_id, visitor):
    created = await settled_order(client)
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE orders SET status = 'Error', status_message = :message"),
            {"message": EVIL},
        )
    page = await visitor.page("")
    assert EVIL not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert created["sellToOrderReference"] in page


async def test_sales_are_what_the_api_says_was_issued(client, database, company_id, visitor):
    shown = [await settled_order(client), await settled_order(client)]
    cancelled = await settled_order(client)
    await settled_order(client, paymentReference="")
    await count_sales(database, 2)
    await client.delete(f"{ORDERS_PATH}/{cancelled['orderId']}")
    await count_sales(database, 2)
    wallets = [w for o in shown for line in o["items"] for w in line["wallets"]]
    async with database.read() as conn:
        company = await find_company(conn, company_id)
        day = local_time.today(company.zone, system_clock())
        [sale] = await sales(conn, company_id, day - timedelta(days=1), day)
    assert (sale.orders, sale.guests, sale.currency) == (2, 4, "DKK")
    assert sale.amount_incl_vat == sum(Decimal(str(w["unitPriceInclVat"])) for w in wallets)
    assert sale.amount_excl_vat == sum(Decimal(str(w["unitPriceExclVat"])) for w in wallets)
    page = await visitor.page("")
    assert "2 orders · 4 guests" in page
    assert 'src="data:image/svg+xml;base64,' in page


async def test_orders_of_days_before_are_counted_on_their_own_day(client, database, company_id):
    await settled_order(client)
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE orders SET received_at = received_at - interval '3 days'"))
    await count_sales(database, 2)
    async with database.read() as conn:
        assert await sales(conn, company_id, date(2000, 1, 1), date(3000, 1, 1)) == []
    await count_sales(database, 5)
    await count_sales(database, 5)
    async with database.read() as conn:
        [sale] = await sales(conn, company_id, date(2000, 1, 1), date(3000, 1, 1))
    assert sale.orders == 1


async def test_subscriptions_that_need_somebody_come_first(client, database, company_id, visitor):
    for name in ("processed", "confirmed", "cancelled"):
        body = {
            "notificationUrl": f"http://127.0.0.1:9/{name}?secret=1",
            "eventName": f"ota_cm_order_{name}",
        }
        assert (await client.post(f"{COMPANY_PATH}/webhook", json=body)).status_code == 201
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE webhook_subscriptions SET state = 'paused', state_reason = 'given up'"
                " WHERE event_name LIKE '%cancelled'"
            )
        )
        await conn.execute(
            text(
                "UPDATE webhook_subscriptions SET failing_since = now()"
                " WHERE event_name LIKE '%confirmed'"
            )
        )
    await settled_order(client)
    async with database.read() as conn:
        health = await subscriptions_health(conn, company_id)
    assert [one.event_name.rpartition("_")[2] for one in health] == [
        "cancelled",
        "confirmed",
        "processed",
    ]
    assert [one.is_well for one in health] == [False, False, True]
    assert [one.waiting for one in health] == [0, 0, 1]
    page = await visitor.page("")
    assert "given up" in page
    assert "secret=1" not in page


async def test_how_full_each_slot_is_for_a_week(client, database, company_id, visitor):
    await settled_order(client, items=[castle.line(visitDate=castle.soon(1))])
    page = await visitor.page("")
    assert 'class="heat"' in page
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE time_slots SET is_open = false WHERE reserved > 0"))
    assert 'class="shut"' in await visitor.page("")
