"""Deliveries per second to a bare receiver on loopback, and the ratio to plain httpx.

    python bench/outbound.py [--deliveries 3000] [--hosts 1,200] [--at-once 40]

The receiver is a process of its own that answers 204 to whatever comes. Each host is an address of
127.0.0.0/8, so that every one has connections of its own, as receivers in earnest do. httpx stands
for what a plain client costs in the same run on the same machine; it sends a tenth as many.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import cast

import httpx
import uvloop

from channel_manager.outbound import Outbound
from channel_manager.outbound_addresses import AddressPolicy
from channel_manager.webhooks.signing import new_secret, sign

BODY = b'{"value": [{"payload": {"status": "Issued"}}]}'.ljust(450)
POLICY = AddressPolicy(development=True)
SECRET = new_secret()

Send = Callable[[str], Awaitable[int | None]]


class Bare(asyncio.Protocol):
    """Counts header ends and bodies of a known length; nothing else."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.held = b""

    def data_received(self, data: bytes) -> None:
        self.held += data
        while (end := self.held.find(b"\r\n\r\n")) >= 0:
            whole = end + 4 + len(BODY)
            if len(self.held) < whole:
                return
            self.held = self.held[whole:]
            self.transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def serve(ready: Connection) -> None:
    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Bare, "127.0.0.1", 0, backlog=1024)
        port = server.sockets[0].getsockname()[1]
        others = [
            await loop.create_server(Bare, f"127.0.0.{n}", port, backlog=256) for n in range(2, 255)
        ]
        ready.send(port)
        await asyncio.gather(*(s.serve_forever() for s in (server, *others)))

    uvloop.run(forever())


async def run(send: Send, urls: list[str], count: int, at_once: int) -> tuple[float, float]:
    """Deliveries per second, and CPU seconds of this process for each."""

    async def keep_sending(numbers: Iterator[int]) -> None:
        for number in numbers:
            assert await send(urls[number % len(urls)]) == 204

    async def all_of(count: int) -> None:
        numbers = iter(range(count))
        await asyncio.gather(*(keep_sending(numbers) for _ in range(at_once)))

    await all_of(max(2 * len(urls), at_once))  # connections are open before the clock runs
    wall, cpu = time.perf_counter(), time.process_time()
    await all_of(count)
    return count / (time.perf_counter() - wall), (time.process_time() - cpu) / count


async def compare(port: int, options: argparse.Namespace) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with Outbound() as outbound, httpx.AsyncClient(trust_env=False, limits=limits) as plain:

        async def ours(url: str) -> int | None:
            headers = sign([SECRET], "msg_1", datetime.now(UTC), BODY)
            return (await outbound.post(url, BODY, headers, policy=POLICY)).status

        async def theirs(url: str) -> int | None:
            headers = sign([SECRET], "msg_1", datetime.now(UTC), BODY)
            return (await plain.post(url, content=BODY, headers=headers)).status_code

        for hosts in (int(n) for n in options.hosts.split(",")):
            urls = [f"http://127.0.0.{n + 1}:{port}/hook" for n in range(hosts)]
            rate, cpu = await run(ours, urls, options.deliveries, options.at_once)
            other, other_cpu = await run(theirs, urls, options.deliveries // 10, options.at_once)
            print(
                f"{hosts:>4} hosts: {rate:,.0f} deliveries/s ({cpu * 1e6:.0f} us CPU each), "
                f"httpx {other:,.0f}/s ({other_cpu * 1e6:.0f} us): {rate / other:.1f} times httpx",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--deliveries", type=int, default=3000)
    parser.add_argument("--hosts", default="1,200", help="comma-separated counts, each at most 254")
    parser.add_argument("--at-once", type=int, default=40)
    options = parser.parse_args()
    here, there = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    receiver.start()
    try:
        uvloop.run(compare(here.recv(), options))
    finally:
        receiver.terminate()


if __name__ == "__main__":
    main()
