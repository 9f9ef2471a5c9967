"""Subscribing, and looking at what came of deliveries."""

import asyncio
from typing import Any

import httpx
from sqlalchemy import text

from channel_manager.db import Database
from support.castle import COMPANY_PATH, ORDERS_PATH, order

WEBHOOK = f"{COMPANY_PATH}/webhook"
PROCESSED = "ota_cm_order_processed"


async def subscribe(
    client: httpx.AsyncClient, url: str, event: str = PROCESSED, **more: Any
) -> dict[str, Any]:
    """A new subscription, with its secret."""
    body = {"notificationUrl": url, "eventName": event} | more
    reply = await client.post(WEBHOOK, json=body)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def settle(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    """An order, settled inside its request: one processed event."""
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=order(**changes))
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


async def log_of(client: httpx.AsyncClient, made: dict[str, Any], **query: Any) -> list[Any]:
    """The delivery log of a subscription, newest first."""
    reply = await client.get(f"{WEBHOOK}/{made['id']}/deliveries", params=query)
    assert reply.status_code == 200, reply.text
    found: list[Any] = reply.json()["data"]
    return found


async def shown(client: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    """A subscription as the API shows it now."""
    found: dict[str, Any] = (await client.get(f"{WEBHOOK}/{made['id']}")).json()
    return found


async def until(check: Any, seconds: float = 20) -> Any:
    """What `check` answers, as soon as that is true."""
    async with asyncio.timeout(seconds):
        while not (found := await check()):  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.02)
        return found


async def attempted(
    client: httpx.AsyncClient, made: dict[str, Any], attempts: int
) -> dict[str, Any]:
    """The newest delivery, once so many attempts have been recorded."""

    async def check() -> Any:
        newest = (await log_of(client, made) or [{"attempts": []}])[0]
        return newest if len(newest["attempts"]) >= attempts else None

    found: dict[str, Any] = await until(check)
    return found


async def hasten(database: Database, **values: Any) -> None:
    """Make every waiting delivery due now, and set columns of it."""
    more = "".join(f", {name} = {value}" for name, value in values.items())
    async with database.transaction() as conn:
        await conn.execute(
            text(
                f"UPDATE webhook_deliveries SET next_attempt_at = now(){more}"
                " WHERE state = 'waiting'"
            )
        )
