"""Finding orders in the console, exporting them, and having those that failed submitted again."""

import csv
import io
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import text

from channel_manager.console.roles import Role
from support import castle
from support.castle import ORDERS_PATH, order
from support.console import add_person, signed_in
from support.webhooks import settle, until

EVIL = "<img src=x onerror=alert(1)>"
FORMULA = "=HYPERLINK(1)"


@pytest.fixture
async def otto(client, database, company_id):
    await add_person(database, company_id, "otto", Role.OPERATOR)
    async with signed_in(client.app, "otto") as visitor:
        yield visitor


async def test_the_box_on_every_page_finds_an_order(client, otto):
    made = await settle(client, sellToName=EVIL)
    other = await settle(client, sellToName="Ada")
    assert 'action="/console/orders" role="search"' in await otto.page("")
    wallet = made["items"][0]["wallets"][0]
    for term in (made["sellToOrderReference"], wallet["walletReferenceNumber"], "onerror"):
        page = (await otto.http.get("/console/orders", params={"q": term})).text
        if term != "onerror":
            assert made["orderId"] in page
        assert other["orderId"] not in page
        assert EVIL not in page
    page = await otto.page("/orders")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert "No order is like that." in await otto.page("/orders?q=nobody")


async def test_filters_are_kept_from_page_to_page(client, otto):
    for _ in range(51):
        await client.post(ORDERS_PATH, json=order())
    page = await otto.page(
        f"/orders?status=Submitted&status=Issued&partner={castle.PARTNER}&visit_from="
        f"{castle.soon(1)}&item=31001"
    )
    older = re.search(r'href="([^"]+after=[^"]+)"', page)[1].replace("&amp;", "&")
    assert "status=Submitted&status=Issued" in older
    page = (await otto.http.get(older)).text
    assert page.count('scope="row"') == 1
    assert "data-live" not in page


@pytest.mark.parametrize(
    "query",
    [
        *("status=Lost", "partner=x", "visit_from=2026-02-30", "came_to=9999-12-31", "after=x"),
        *("q=%00", "item=" + "x" * 201, "visit_to=tomorrow"),
    ],
)
async def test_a_filter_that_can_not_be(client, otto, query):
    assert (await otto.http.get(f"/console/orders?{query}")).status_code == 400


async def test_exports_hold_what_is_looked_for_and_calculate_nothing(client, otto):
    made = await settle(client, sellToName=FORMULA, sellToEmail="+1@example.com")
    await settle(client, sellToName="Ada")
    reply = await otto.http.get(
        "/console/orders/orders.csv", params={"q": made["sellToOrderReference"]}
    )
    assert reply.headers["content-type"].startswith("text/csv")
    assert "attachment" in reply.headers["content-disposition"]
    heading, row = csv.reader(io.StringIO(reply.content.decode("utf-8-sig")))
    told = dict(zip(heading, row, strict=True))
    assert told["Guest"] == "'" + FORMULA
    assert told["E-mail"] == "'+1@example.com"
    assert told["Our reference"] == made["buyFromOrderReference"]
    reply = await otto.http.get("/console/orders/orders.xlsx")
    sheet = load_workbook(io.BytesIO(reply.content)).active
    rows = list(sheet.iter_rows(values_only=True))
    assert len(rows) == 3
    assert not any(cell.data_type == "f" for row in sheet.iter_rows() for cell in row)
    total = rows[0].index("Total with VAT")
    assert float(rows[1][total]) == sum(
        wallet["unitPriceInclVat"] for wallet in made["items"][0]["wallets"]
    )
    assert (await otto.http.get("/console/orders/orders.pdf")).status_code == 404


async def test_all_that_failed_is_submitted_again(client, database, otto, worker):
    made = [await settle(client) for _ in range(3)]
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE orders SET status = 'Error', status_message = 'gone'"))
    page = await otto.page("/orders?status=Error")
    assert "/console/orders/reprocess-all?status=Error" in page
    assert "reprocess-all" not in await otto.page("/orders")
    assert (await otto.send("/orders/reprocess-all?status=Issued")).status_code == 400
    assert (await otto.send("/orders/reprocess-all")).status_code == 400
    page = await otto.do("/orders/reprocess-all?status=Error")
    assert "Reprocessing" in page

    async def issued() -> bool:
        replies = [await client.get(f"{ORDERS_PATH}/{one['orderId']}") for one in made]
        return all(reply.json()["status"] == "Issued" for reply in replies)

    await until(issued)
    assert (await otto.send("/orders/reprocess-all?status=Error")).status_code == 400


async def test_a_viewer_finds_and_exports_but_submits_nothing(client, database, company_id):
    await settle(client)
    await add_person(database, company_id, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as vera:
        page = await vera.page("/orders")
        assert 'name="order"' not in page
        assert (await vera.http.get("/console/orders/orders.csv")).status_code == 200
        assert (await vera.send("/orders/reprocess-all?status=Error")).status_code == 403
