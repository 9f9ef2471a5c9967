"""Claiming reads what it takes, however much waits."""

from uuid import UUID

from sqlalchemy import text

from channel_manager.webhooks import claims
from channel_manager.webhooks.claims import LaneKey, claim, due_lanes, renew
from support.webhooks import settle, subscribe

URL = "http://127.0.0.1:9/hook"
BACKLOG = """
    WITH events AS (
        INSERT INTO webhook_events (company_id, event_id, event_name, payload)
        SELECT company_id, gen_random_uuid(), 'x', '{}'
        FROM companies, generate_series(1, 20000) RETURNING company_id, event_id)
    INSERT INTO webhook_deliveries
        (company_id, delivery_id, event_id, subscription_id, state, attempts, last_error)
    SELECT company_id, gen_random_uuid(), event_id, :subscription, 'waiting', 0, '' FROM events
"""


async def test_a_backlog_is_never_read_past_with_statistics_or_without(
    client, database, company_id
):
    busy, quiet = await subscribe(client, URL), await subscribe(client, URL)
    await settle(client)
    async with database.transaction() as conn:
        await conn.execute(text(BACKLOG), {"subscription": UUID(busy["id"])})
    for _ in range(2):
        async with database.transaction() as conn:
            plan = await plan_of(conn, company_id, [busy, quiet])
            assert "ix_webhook_deliveries_waiting" in plan
            assert "Seq Scan on webhook_deliveries" not in plan
            assert "Seq Scan on webhook_events" not in plan
            await conn.execute(text("ANALYZE webhook_deliveries, webhook_events"))


async def plan_of(conn, company_id, subscriptions) -> str:
    rows = await conn.execute(
        text(f"EXPLAIN {claims._CLAIM.text}"),  # noqa: SLF001 - the statement that is sent
        {
            "companies": [company_id for _ in subscriptions],
            "subscriptions": [UUID(made["id"]) for made in subscriptions],
            "rooms": [16 for _ in subscriptions],
            "seconds": 8.0,
        },
    )
    return "\n".join(rows.scalars())


async def test_each_lane_gets_its_room_and_a_claim_holds_until_it_is_given_back(
    client, database, company_id
):
    lanes = [
        LaneKey(company_id, UUID((await subscribe(client, URL))["id"])),
        LaneKey(company_id, UUID((await subscribe(client, URL))["id"])),
    ]
    for _ in range(3):
        await settle(client)
    first = await claim(database, {lanes[0]: 2, lanes[1]: 9}, 30)
    assert sorted(
        [row.subscription_id for row in first].count(k.subscription_id) for k in lanes
    ) == [
        2,
        3,
    ]
    assert len(await claim(database, dict.fromkeys(lanes, 9), 30)) == 1
    assert await due_lanes(database) == []
    await renew(database, [(row.company_id, row.delivery_id) for row in first], 0)
    assert set(await due_lanes(database)) == set(lanes)
    again = await claim(database, dict.fromkeys(lanes, 9), 30)
    assert {row.delivery_id for row in again} == {row.delivery_id for row in first}
