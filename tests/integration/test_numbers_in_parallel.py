"""Numbers stay unique, however many connections draw from however small a pattern."""

import asyncio

import pytest
from sqlalchemy import text

from channel_manager.db import Database
from channel_manager.orders.jobs import settle_patiently
from channel_manager.orders.submissions import Submission
from support import castle
from support.castle import CASTLE_FILE, ORDERS_PATH, line, order

CONNECTIONS = 8
SMALL = '"C[N*{}]"\n    numbersPerYear: {}\n    insistOnPattern: true'


@pytest.fixture
async def databases(database_url):
    """As many processes would have: pools of their own."""
    made = [Database(database_url, pool_size=2) for _ in range(CONNECTIONS)]
    yield made
    for database in made:
        await database.close()


async def issue_in_parallel(client, databases, digits, orders, wallets):
    castle_text = CASTLE_FILE.read_text(encoding="utf-8")
    small = castle_text.replace('"ATF-[X*10]-[S]"', SMALL.format(digits, 10 ** (digits - 2)))
    assert small != castle_text
    await castle.load_venue(databases[0], small)
    for _ in range(orders):
        body = order(items=[line(quantity=wallets)])
        assert (await client.post(ORDERS_PATH, json=body)).status_code == 201
    async with databases[0].transaction() as conn:
        rows = await conn.execute(text("SELECT company_id, order_id, submission FROM orders"))
        submissions = [Submission(*row) for row in rows]

    async def work(database, some):
        for submission in some:
            await settle_patiently(database, submission)

    await asyncio.gather(
        *(work(databases[n], submissions[n::CONNECTIONS]) for n in range(CONNECTIONS))
    )
    async with databases[0].transaction() as conn:
        numbers = list((await conn.execute(text("SELECT reference_number FROM assets"))).scalars())
        statuses = list((await conn.execute(text("SELECT status FROM orders"))).scalars())
    return numbers, statuses


async def test_half_of_a_small_patterns_numbers_drawn_by_many_at_once(client, databases):
    numbers, statuses = await issue_in_parallel(client, databases, digits=3, orders=50, wallets=10)
    assert statuses == ["Issued"] * 50
    assert len(set(numbers)) == len(numbers) == 500


async def test_a_pattern_that_runs_out_fails_whole_orders_and_never_repeats(client, databases):
    numbers, statuses = await issue_in_parallel(client, databases, digits=2, orders=24, wallets=5)
    issued = statuses.count("Issued")
    assert issued + statuses.count("Error") == 24
    # At most 20 orders of 5 fit; near the end draws may give up before the last number is found.
    assert 10 <= issued <= 20
    assert len(set(numbers)) == len(numbers) == issued * 5


async def test_order_references_of_a_small_pattern_are_drawn_again_until_they_are_free(
    client, database
):
    castle_text = CASTLE_FILE.read_text(encoding="utf-8")
    own = "    orderReferencePattern: Q[N*2]\n    ordersPerYear: 1\n    holdMinutes: 60\n"
    await castle.load_venue(database, castle_text.replace("    holdMinutes: 60\n", own))
    replies = await asyncio.gather(
        *(client.post(ORDERS_PATH, json=order(items=[line(quantity=1)])) for _ in range(40))
    )
    references = [reply.json()["buyFromOrderReference"] for reply in replies]
    assert [reply.status_code for reply in replies] == [201] * 40
    assert len(set(references)) == 40
    assert all(reference.startswith("Q") and len(reference) == 3 for reference in references)
