import asyncio
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from support.castle import ORDERS_PATH, PARTNER, order

LIST = f"{ORDERS_PATH}/orders/{PARTNER}"


async def make(client, count: int) -> list[str]:
    replies = [await client.post(ORDERS_PATH, json=order()) for _ in range(count)]
    return [reply.json()["orderId"] for reply in replies]


async def test_the_list_is_a_plain_array_oldest_first(client):
    made = await make(client, 3)
    listed = (await client.get(LIST)).json()
    assert [entry["orderId"] for entry in listed] == made
    assert "items" not in listed[0]


async def test_filters(client):
    made = [
        (await client.post(ORDERS_PATH, json=order(sellToOrderReference=r))).json()
        for r in ("First", "Second")
    ]
    cases = {
        "status=Submitted,Scheduled,Processing": 2,
        "status=Issued": 0,
        "status= Submitted , Issued ": 2,
        "sellToOrderReference=FIRST": 1,
        "sellToOrderReference=Fir": 0,
        f"receivedAtFrom={made[0]['receivedAt']}": 2,
        f"receivedAtTo={made[1]['receivedAt']}": 2,
        "receivedAtFrom=2099-01-01T00:00:00Z": 0,
        "receivedAtTo=2020-01-01T00:00:00%2B02:00": 0,
    }
    for query, expected in cases.items():
        reply = await client.get(f"{LIST}?{query}")
        assert (query, reply.status_code, len(reply.json())) == (query, 200, expected)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("status=Nope", "status"),
        ("status=issued", "status"),
        ("receivedAtFrom=2026-05-01", "receivedAtFrom"),
        ("receivedAtFrom=2026-05-01T00:00:00", "receivedAtFrom"),
        ("receivedAtTo=yesterday", "receivedAtTo"),
        ("pageSize=-1", "pageSize"),
        ("pageSize=0", "pageSize"),
        ("pageSize=1001", "pageSize"),
        ("pageSize=99999999999999999999", "pageSize"),
        ("pageSize=1.5", "pageSize"),
        ("pageKey=bm9wZQ", "pageKey"),
        ("pageKey=%00", "pageKey"),
        ("pageKey=%F0%9F%8E%9F", "pageKey"),
    ],
)
async def test_a_wrong_query_is_named(client, query, path):
    reply = await client.get(f"{LIST}?{query}")
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert [problem["path"] for problem in reply.json()["errors"]] == [path]


async def test_pages_of_500_orders_of_one_instant_while_orders_arrive(client, database):
    await make(client, 1)
    async with database.transaction() as conn:
        await conn.execute(text(MORE_ORDERS), {"count": 499})
    there = {entry["orderId"] for entry in (await client.get(LIST)).json()}
    posting = asyncio.create_task(make(client, 20))
    seen, query = [], "pageSize=50"
    while query:
        page = (await client.get(f"{LIST}?{query}")).json()
        seen += [entry["orderId"] for entry in page["data"]]
        assert page["morePages"] is bool(page["nextPageKey"]) is bool(page["nextPageURL"])
        query = urlsplit(page["nextPageURL"]).query
    await posting
    assert len(seen) == len(set(seen))
    assert len(there) == 500
    assert there <= set(seen)


async def pages(client, query):
    seen = []
    while query:
        page = (await client.get(f"{LIST}?{query}")).json()
        seen += [entry["orderId"] for entry in page["data"]]
        query = urlsplit(page["nextPageURL"]).query
        yield seen, page


async def test_an_order_that_is_committed_late_is_not_passed_by(client, database):
    (first,) = await make(client, 1)
    late = text(ONE_MORE)
    async with database.engine.connect() as conn:
        # Received now, committed only once others that came later have been read.
        held = str((await conn.execute(late)).scalar_one())
        after = await make(client, 5)
        async for seen, page in pages(client, "pageSize=2"):
            assert page["morePages"]
            assert held not in seen
            if not page["data"]:
                await conn.commit()
                break
        query = urlsplit(page["nextPageURL"]).query
    rest = [page["data"] async for _, page in pages(client, query)]
    assert seen == [first]
    assert [entry["orderId"] for data in rest for entry in data] == [held, *after]


async def test_the_last_page_shows_what_there_is_while_others_are_written(client, database):
    made = await make(client, 3)
    async with database.engine.connect() as conn:
        await conn.execute(text(ONE_MORE))
        reply = await client.get(LIST)
        await conn.rollback()
    assert [entry["orderId"] for entry in reply.json()] == made


async def test_a_page_key_is_bound_to_its_filters(client):
    await make(client, 3)
    page = (await client.get(f"{LIST}?pageSize=1&status=Submitted")).json()
    reply = await client.get(f"{LIST}?pageSize=1&pageKey={page['nextPageKey']}")
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (400, "pageKey")


async def test_a_page_key_alone_goes_on(client):
    made = await make(client, 3)
    page = (await client.get(f"{LIST}?pageSize=1")).json()
    rest = (await client.get(f"{LIST}?pageKey={page['nextPageKey']}")).json()
    assert [entry["orderId"] for entry in rest["data"]] == made[1:]
    assert (rest["morePages"], rest["nextPageKey"], rest["nextPageURL"]) == (False, "", "")


async def test_the_array_is_capped_and_says_where_it_goes_on(client, database):
    await make(client, 1)
    async with database.transaction() as conn:
        await conn.execute(text(MORE_ORDERS), {"count": 1000})
    reply = await client.get(LIST)
    assert len(reply.json()) == 1000
    link = reply.headers["link"]
    assert link.startswith("<http://venue.example/01234567-")
    assert link.endswith('>; rel="next"')
    rest = await client.get(link[1:].partition(">")[0])
    assert len(rest.json()["data"]) == 1


@pytest.mark.parametrize("partner", ["nope", "11111111-3f4a-4c5b-9e6d-7f8a9b0c1d2e"])
async def test_an_unknown_partner_is_404(client, partner):
    reply = await client.get(f"{ORDERS_PATH}/orders/{partner}")
    assert (reply.status_code, reply.json()["code"]) == (404, "resource_not_found")


# Copies of the one order there is, all received in the same second.
MORE_ORDERS = """
    INSERT INTO orders (company_id, order_id, partner_id, sell_to_order_reference, reference_key,
        buy_from_order_reference, status, status_message, received_at, sell_to_email, sell_to_name,
        sell_to_language, payment_reference, submission)
    SELECT company_id, gen_random_uuid(), partner_id, 'R' || n, 'r' || n, 'CM-' || n, status, '',
        received_at, '', '', '', '', 1
    FROM orders, generate_series(1, :count) AS n
"""

ONE_MORE = """
    INSERT INTO orders (company_id, order_id, partner_id, sell_to_order_reference, reference_key,
        buy_from_order_reference, status, status_message, sell_to_email, sell_to_name,
        sell_to_language, payment_reference, submission)
    SELECT company_id, gen_random_uuid(), partner_id, 'L', 'l', 'CM-L', status, '', '', '', '', '',
        1
    FROM orders LIMIT 1 RETURNING order_id
"""
