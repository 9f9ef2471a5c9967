"""What the operator of a venue sees of webhooks, and does about them: command and metrics."""

from aiohttp import web
from sqlalchemy import text

from support.receiver import receiving
from support.service import command
from support.webhooks import attempted, hasten, log_of, settle, shown, subscribe


async def test_a_paused_subscription_is_listed_counted_resumed_and_replayed_by_command(
    client, database, database_url, worker
):
    env = {"DATABASE_URL": database_url, "COLUMNS": "400"}
    async with receiving() as receiver:
        receiver.answer = lambda _: web.Response(status=500, text="out of paper")
        made = await subscribe(client, receiver.url)
        await settle(client)
        await attempted(client, made, 1)
        await hasten(database, attempts=11)
        failed = await attempted(client, made, 2)

        _, listed, _ = await command("webhook", "list", "--stopped", env=env)
        assert made["id"] in listed
        assert "given up after 12 attempts" in listed
        _, log, _ = await command("webhook", "deliveries", made["id"], env=env)
        assert failed["deliveryId"] in log
        assert "out of paper" in log
        figures = await metrics_of(client)
        paused = 'channel_manager_webhook_subscriptions{failing="yes",state="paused"}'
        assert figures[paused] == 1
        assert figures['channel_manager_webhook_attempts_recent{outcome="retry"}'] == 2

        receiver.answer = lambda _: web.Response(status=204)
        code, out, err = await command("webhook", "resume", made["id"], env=env)
        assert (code, made["id"] in out) == (0, True), err
        assert (await shown(client, made))["state"] == "active"
        code, out, err = await command(
            "webhook", "replay", made["id"], "--since", "2026-01-01T00:00:00", env=env
        )
        assert (code, out) == (0, "1 deliveries are on their way again.\n"), err
        await receiver.wait_for(3)


async def test_the_metrics_tell_what_waits_and_for_how_long(client, database):
    await subscribe(client, "http://127.0.0.1:9/hook")
    await settle(client)
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE webhook_deliveries SET created_at = now() - interval '90 s'")
        )
    figures = await metrics_of(client)
    assert figures["channel_manager_webhook_deliveries_waiting"] == 1
    assert 90 <= figures["channel_manager_webhook_delivery_oldest_seconds"] < 150


async def metrics_of(client):
    reply = await client.get("/metrics", headers={"x-np-api-key": ""})
    assert reply.status_code == 200
    lines = [line for line in reply.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def test_an_unknown_subscription_is_told_in_a_line(client, database_url):
    env = {"DATABASE_URL": database_url}
    code, _, err = await command(
        "webhook", "resume", "00000000-0000-4000-8000-000000000000", env=env
    )
    assert (code, err) == (1, "There is no such webhook subscription.\n")


async def test_the_log_of_attempts_tells_why_nothing_arrived(client, worker):
    made = await subscribe(client, "http://127.0.0.1:9/hook")
    await settle(client)
    first = await attempted(client, made, 1)
    assert first["attempts"][0]["error"] == "connection refused"
    assert first["attempts"][0]["status"] is None
    assert len(await log_of(client, made)) == 1
