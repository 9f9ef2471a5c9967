"""The commands about keys, the trail and guests, as an operator runs them."""

import json
import re
from datetime import datetime
from zoneinfo import ZoneInfo

from support.castle import COMPANY_PATH, ORDERS_PATH, PARTNER, line, order
from support.service import command

TODAY = {"items": [line(visitDate=datetime.now(ZoneInfo("Europe/Copenhagen")).date().isoformat())]}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def run(database_url, *arguments):
    env = {"CHANNEL_MANAGER_DATABASE_URL": database_url, "COLUMNS": "200"}
    code, out, err = await command(*arguments, env=env)
    assert code == 0, err
    return out


async def status_with(client, key):
    path = f"{ORDERS_PATH}/orders/{PARTNER}"
    return (await client.get(path, headers={"x-np-api-key": key})).status_code


async def test_keys_by_command(client, database_url):
    made = await run(database_url, "key", "create", "--partner", PARTNER, "--name", "till")
    old = made.split()[-1]
    assert await status_with(client, old) == 200
    listed = await run(database_url, "key", "list")
    row = next(line for line in listed.splitlines() if "till" in line)
    assert old[:4] in row
    assert old not in listed
    key_id = UUID.search(row).group()
    new = (await run(database_url, "key", "rotate", key_id)).split()[-1]
    assert [await status_with(client, key) for key in (old, new)] == [200, 200]
    await run(database_url, "key", "revoke", key_id)
    assert [await status_with(client, key) for key in (old, new)] == [401, 200]
    trail = await run(database_url, "audit", "list", "--subject", f"key {key_id}")
    assert list(re.findall(r"key\.\w+", trail)) == [
        "key.revoke",
        "key.rotate",
        "key.create",
    ]
    assert "operator " in trail


async def test_the_trail_tells_of_entries_at_the_gate_too(client, database_url):
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order(**TODAY))).json()
    number = made["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
    scan = {"referenceNumber": number, "scannerId": "left door"}
    scanned = await client.post(f"{COMPANY_PATH}/speedgate/tryAndAttemptAdmit", json=scan)
    assert scanned.json()["admitted"] == 1
    for subject in ([], ["--subject", f"order {made['orderId']}"]):
        newest, oldest = (await run(database_url, "audit", "list", *subject)).splitlines()
        assert re.search(rf"key {UUID.pattern}  gate\.admit  order {made['orderId']}", newest)
        assert number in newest
        assert "left door" in newest
        assert "order.create" in oldest
    other = await run(database_url, "audit", "list", "--subject", f"key {made['orderId']}")
    assert other == ""


async def test_a_key_for_no_partner_is_refused(client, database_url):
    env = {"CHANNEL_MANAGER_DATABASE_URL": database_url}
    nobody = "11111111-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
    code, _, err = await command("key", "create", "--partner", nobody, env=env)
    assert code == 1
    assert "no such partner" in err


async def test_guests_by_command(client, database_url):
    await client.post(f"{ORDERS_PATH}?sync=1", json=order())
    found = json.loads(await run(database_url, "guest", "export", "guest@example.com"))
    assert [entry["sell_to_name"] for entry in found] == ["Jane Doe"]
    assert "1 orders" in await run(database_url, "guest", "erase", "guest@example.com")
    assert json.loads(await run(database_url, "guest", "export", "guest@example.com")) == []
    assert "0 orders" in await run(database_url, "guest", "pseudonymise", "--days", "30")
