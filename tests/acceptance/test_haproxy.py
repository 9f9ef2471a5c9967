"""Behind HAProxy, as configured in deploy: one of two API processes leaves unnoticed."""

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path

import httpx
import pytest

from support import castle
from support.castle import ORDERS_PATH, order
from support.service import free_port, serving, wait_ready

CONFIGURATION = Path(__file__).parents[2] / "deploy/proxy/haproxy.cfg"
PROGRAM = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
REQUIRED = os.environ.get("CHANNEL_MANAGER_REQUIRE_BROWSER") == "1"
pytestmark = pytest.mark.skipif(
    PROGRAM is None and not REQUIRED, reason="HAProxy is missing: apt-get install haproxy"
)


@contextlib.asynccontextmanager
async def proxied(folder: Path, *servers: str):
    port = free_port()
    text = CONFIGURATION.read_text(encoding="utf-8")
    text = text.replace(
        "bind :443 ssl crt /etc/haproxy/tickets.pem alpn h2,http/1.1", f"bind :{port}"
    )
    for example, server in zip(("127.0.0.1:8000", "127.0.0.1:8001"), servers, strict=True):
        assert example in text
        text = text.replace(example, server)
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(PROGRAM, "-db", "-f", folder / "haproxy.cfg")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def test_a_process_that_is_stopped_fails_no_request(database, database_url, tmp_path):
    key = await castle.make_key(database, await castle.load_venue(database))
    env = {
        "DATABASE_URL": database_url,
        "CHANNEL_MANAGER_LOG_LEVEL": "WARNING",
        "CHANNEL_MANAGER_DRAIN_SECONDS": "3",
    }
    statuses = []
    async with (
        serving(env) as leaving,
        serving(env) as staying,
        proxied(tmp_path, *(s.base.removeprefix("http://") for s in (leaving, staying))) as base,
        httpx.AsyncClient(base_url=base, headers={"x-np-api-key": key}, timeout=30) as client,
    ):
        await wait_ready(base)
        assert (await client.get("/metrics")).status_code == 404
        await orders(client, statuses, 20)
        leaving.process.send_signal(signal.SIGTERM)
        while leaving.process.returncode is None:
            await orders(client, statuses, 1)
        await orders(client, statuses, 20)
    assert leaving.process.returncode == 0
    assert set(statuses) == {201}, {s: statuses.count(s) for s in set(statuses)}


async def orders(client, statuses, rounds):
    for _ in range(rounds):
        replies = await asyncio.gather(*(client.post(ORDERS_PATH, json=order()) for _ in range(4)))
        statuses += [reply.status_code for reply in replies]
