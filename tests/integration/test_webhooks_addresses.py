"""An address that was fine when it was saved is checked again when it is connected to."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from pydantic import ValidationError

from channel_manager.db import Database
from channel_manager.outbound import Outbound
from channel_manager.settings import Settings
from channel_manager.webhooks.dispatcher import run_dispatcher
from support.receiver import receiving
from support.webhooks import attempted, settle, subscribe


@asynccontextmanager
async def dispatching(url, settings, resolve=None):
    stop = asyncio.Event()
    database = Database(url, pool_size=4)
    async with Outbound(resolve=resolve) as outbound:
        task = asyncio.create_task(run_dispatcher(settings, database, outbound, stop))
        yield
        stop.set()
        await asyncio.wait_for(task, 20)
    await database.close()


async def last_error(client, made) -> str:
    return (await attempted(client, made, 1))["attempts"][-1]["error"]


async def test_an_address_from_development_is_not_connected_to_outside_it(client, database_url):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        await settle(client)
        async with dispatching(database_url, Settings()):
            assert await last_error(client, made) == "must start with https://"
    assert receiver.received == []


async def test_a_name_that_resolves_to_a_private_address_later_is_not_connected_to(
    client, database_url, database
):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        await point_to(database, "https://rebind.example/hook")
        await settle(client)

        async def private(_: str) -> list[str]:
            return ["93.184.215.14", "10.0.0.5"]

        async with dispatching(database_url, Settings(), private):
            assert await last_error(client, made) == "address not allowed: 10.0.0.5"


async def test_a_named_network_is_connected_to(client, database_url, database):
    made = await subscribe(client, "http://127.0.0.1:9/hook")
    await point_to(database, "https://127.0.0.1:9/hook")
    await settle(client)
    async with dispatching(database_url, Settings(webhook_networks="127.0.0.0/8")):
        assert await last_error(client, made) == "connection refused"


async def point_to(database, url: str) -> None:
    async with database.transaction() as conn:
        await conn.exec_driver_sql("UPDATE webhook_subscriptions SET notification_url = $1", (url,))


def test_networks_come_from_the_environment_separated_by_commas(monkeypatch):
    monkeypatch.setenv("CHANNEL_MANAGER_WEBHOOK_NETWORKS", "10.20.0.0/16, fd00:1::/64,")
    assert [str(n) for n in Settings().webhook_networks] == ["10.20.0.0/16", "fd00:1::/64"]
    monkeypatch.setenv("CHANNEL_MANAGER_WEBHOOK_NETWORKS", "10.20.0.1/16")
    with pytest.raises(ValidationError, match="webhook_networks"):
        Settings()
