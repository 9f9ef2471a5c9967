"""Keys, signing secrets and guests' names must not be in logs, whatever goes wrong."""

import httpx
import pytest
from sqlalchemy import text

from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, order
from support.service import serving

HOOK = {
    "notificationUrl": "http://127.0.0.1:9/hook?t=whispered",
    "eventName": "ota_cm_order_processed",
}


@pytest.mark.parametrize("form", ["json", "console"])
async def test_nothing_secret_is_logged_when_all_goes_well_or_ill(
    capfd, database, database_url, company_id, form
):
    key = await castle.make_key(database, company_id)
    env = {
        "CHANNEL_MANAGER_DATABASE_URL": database_url,
        "CHANNEL_MANAGER_DEVELOPMENT": "true",
        "CHANNEL_MANAGER_LOG_LEVEL": "DEBUG",
        "CHANNEL_MANAGER_LOG_FORMAT": form,
    }
    async with (
        serving(env) as service,
        httpx.AsyncClient(base_url=service.base, headers={"x-np-api-key": key}) as client,
    ):
        hook = (await client.post(f"{COMPANY_PATH}/webhook", json=HOOK)).json()
        made = (await client.post(f"{COMPANY_PATH}/keys", json={})).json()
        await client.post(f"{ORDERS_PATH}?sync=1", json=order(sellToName="Jane Hidden"))
        async with database.transaction() as conn:
            await conn.execute(text("ALTER TABLE order_lines RENAME TO lost_lines"))
        broken = await client.post(ORDERS_PATH, json=order(sellToName="Jane Hidden"))
    assert broken.status_code == 500
    said = capfd.readouterr().err
    assert "request_failed" in said
    for secret in (key, made["key"], hook["secret"], "Jane Hidden", "whispered"):
        assert secret not in said
        assert secret not in broken.text
