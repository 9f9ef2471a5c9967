"""Keys, signing secrets and guests' names must not be in logs, whatever goes wrong."""

import pytest
from sqlalchemy import text

from channel_manager.logs import configure_logs
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, order

HOOK = {
    "notificationUrl": "http://127.0.0.1:9/hook?t=hidden",
    "eventName": "ota_cm_order_processed",
}


@pytest.fixture(params=["json", "console"])
def logs(request, capsys):
    configure_logs("DEBUG", request.param)
    yield lambda: "".join(capsys.readouterr())
    configure_logs("WARNING", "console")


async def test_nothing_secret_is_logged_when_all_goes_well_or_ill(
    logs, client, database, company_id
):
    key = await castle.make_key(database, company_id)
    client.headers["x-np-api-key"] = key
    await client.post(f"{ORDERS_PATH}?sync=1", json=order(sellToName="Jane Hidden"))
    hook = (await client.post(f"{COMPANY_PATH}/webhook", json=HOOK)).json()
    made = (await client.post(f"{COMPANY_PATH}/keys", json={})).json()
    async with database.transaction() as conn:
        await conn.execute(text("ALTER TABLE order_lines RENAME TO lost_lines"))
    broken = await client.post(ORDERS_PATH, json=order(sellToName="Jane Hidden"))
    assert broken.status_code == 500
    said = logs()
    assert "request_failed" in said
    for secret in (key, made["key"], hook["secret"], "Jane Hidden", "hidden"):
        assert secret not in said
        assert secret not in broken.text
