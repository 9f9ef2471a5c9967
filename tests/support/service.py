"""The real command, as separate processes."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil

COMMAND = [sys.executable, "-m", "channel_manager"]
START_SECONDS = 60


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def command(*arguments: str, env: dict[str, str]) -> tuple[int, str, str]:
    """Run `channel-manager` to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *arguments,
        env=os.environ | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@dataclass
class Service:
    """A running `serve`, and where it is reached."""

    process: asyncio.subprocess.Process
    base: str
    env: dict[str, str] = field(default_factory=dict)

    def children(self, name: str) -> list[psutil.Process]:
        """Its child processes of one command: api or worker."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in found if _runs(child, name)]


def _runs(process: psutil.Process, name: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return name in process.cmdline()
    return False


@asynccontextmanager
async def serving(env: dict[str, str], *options: str) -> AsyncIterator[Service]:
    """`channel-manager serve` until the end of the block; it must stop cleanly on SIGTERM."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", "--port", str(port), *options, env=os.environ | env
    )
    service = Service(process, f"http://127.0.0.1:{port}", env)
    try:
        await wait_ready(service.base)
        yield service
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 60)


async def wait_ready(base: str) -> None:
    """Wait until the service answers that it is ready."""
    async with httpx.AsyncClient() as client:
        for _ in range(START_SECONDS * 20):
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{base}/readyz")).status_code == 200:
                    return
            await asyncio.sleep(0.05)
    raise TimeoutError(f"nothing ready at {base}")


async def curl(*arguments: str) -> tuple[int, Any, dict[str, str]]:
    """Call curl itself: status, JSON body, headers."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-i", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    head, _, body = out.decode().partition("\r\n\r\n")
    status_line, *lines = head.split("\r\n")
    headers = {k.lower(): v.strip() for k, _, v in (row.partition(":") for row in lines)}
    return int(status_line.split()[1]), json.loads(body) if body else None, headers


async def settled(client: httpx.AsyncClient, url: str, seconds: float = 30) -> dict[str, Any]:
    """Poll an order until it has settled."""
    for _ in range(int(seconds * 50)):
        order: dict[str, Any] = (await client.get(url)).json()
        if order["status"] not in ("Submitted", "Scheduled", "Processing"):
            return order
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{url} is still {order['status']}")


def statuses(orders: Sequence[dict[str, Any]]) -> list[str]:
    """The statuses of orders, in order."""
    return [order["status"] for order in orders]
