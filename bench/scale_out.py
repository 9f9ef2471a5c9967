"""Workers on more hosts: how fast orders are issued, until database or processor is the limit.

    python bench/scale_out.py [--orders 2000] [--hosts 3]

Each host is a network namespace of its own with an address of its own, bridged to the one where
PostgreSQL (Debian's) listens; all share this machine's cores. Orders are accepted while the
workers, one on each of 1, 2, … hosts, are held still; then these are let go, all at once.
Needs root, iproute2 and postgresql.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from channel_manager.cli.companies import operator_access
from channel_manager.clock import system_clock
from channel_manager.companies.service import list_companies
from channel_manager.db import Database
from channel_manager.migrations import upgrade
from channel_manager.orders.intake import create_order
from channel_manager.orders.schemas import OrderIn
from chaos.databases import DEBIAN
from scratch import COMMAND, order, save

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support import castle  # type: ignore[import-not-found]  # the tests' venue

BRIDGE = "cm-bench"
NETWORK = "10.213.77"
PORT = 54_977
START_SECONDS = 5.0
DAYS = 30
_OPEN = "SELECT count(*) FROM orders WHERE status IN ('Submitted', 'Scheduled', 'Processing')"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def hosts(count: int) -> Iterator[list[str]]:
    """So many namespaces, bridged; their names."""
    names = [f"cm-bench-{number}" for number in range(1, count + 1)]
    _ip("link", "add", BRIDGE, "type", "bridge")
    try:
        _ip("addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        for number, name in enumerate(names, start=2):
            _ip("netns", "add", name)
            _ip("link", "add", f"{name}-o", "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("link", "set", f"{name}-o", "master", BRIDGE, "up")
            _ip("-n", name, "addr", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)
        _ip("link", "del", BRIDGE)


@contextmanager
def database() -> Iterator[tuple[str, int]]:
    """PostgreSQL on the bridge's address: how it is reached, and its first process."""
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        data = f"{home}/data"
        shutil.chown(home, "postgres")

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [DEBIAN[-1] / program, "-D", data, *arguments],
                check=True, user="postgres", extra_groups=[], cwd="/",
                stdout=subprocess.DEVNULL,
            )  # fmt: skip

        run("initdb", "-A", "trust")
        with Path(data, "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK}.0/24 trust\n")
        options = f"-p {PORT} -c listen_addresses={NETWORK}.1 -c unix_socket_directories={home}"
        run("pg_ctl", "-l", f"{home}/log", "-o", options, "-w", "start")
        try:
            pid = int(Path(data, "postmaster.pid").read_text().split()[0])
            yield f"postgresql://postgres@{NETWORK}.1:{PORT}/postgres", pid
        finally:
            run("pg_ctl", "-m", "immediate", "stop")


async def accept(url: str, orders: int) -> None:
    """So many orders in flight, and no worker yet."""
    pool = Database(url, pool_size=8)
    async with pool.read() as conn:
        access = operator_access((await list_companies(conn))[0])

    async def some(count: int) -> None:
        for number in range(count):
            body = OrderIn.model_validate(_on_day(number % DAYS))
            async with pool.transaction() as conn:
                await create_order(conn, access, body, system_clock(), sync=False)

    await asyncio.gather(*(some(orders // 8) for _ in range(8)))
    await pool.close()


def _on_day(day: int) -> dict[str, Any]:
    # Over many time slots, so that none of them is what all wait for.
    body = order()
    body["items"][0]["visitDate"] = (datetime.now(UTC) + timedelta(days=day + 1)).date().isoformat()
    return body


async def issue(url: str, names: list[str], pid: int, orders: int) -> dict[str, Any]:
    """One worker on each of these hosts, until all is issued."""
    env = os.environ | {"CHANNEL_MANAGER_DATABASE_URL": url, "CHANNEL_MANAGER_LOG_LEVEL": "ERROR"}
    workers = [
        subprocess.Popen(["ip", "netns", "exec", name, *COMMAND, "worker"], env=env)  # noqa: ASYNC220
        for name in names
    ]
    await asyncio.sleep(START_SECONDS)
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)
    await accept(url, orders)
    used, database_used = [_cpu(worker.pid) for worker in workers], _cpu(pid)
    started = time.perf_counter()
    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    await _all_issued(url)
    seconds = time.perf_counter() - started
    row = {
        "hosts": len(names),
        "orders a second": round(orders / seconds),
        "database": round((_cpu(pid) - database_used) / seconds, 2),
        "workers": [
            round((_cpu(worker.pid) - before) / seconds, 2)
            for worker, before in zip(workers, used, strict=True)
        ],
    }
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait()
    return row


async def _all_issued(url: str) -> None:
    connection = await asyncpg.connect(url)
    while await connection.fetchval(_OPEN):  # noqa: ASYNC110 - it happens in other processes
        await asyncio.sleep(0.01)
    await connection.close()


def _cpu(pid: int) -> float:
    process = psutil.Process(pid)
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


async def measure(url: str, pid: int, names: list[str], orders: int) -> list[dict[str, Any]]:
    """The same number of orders for each number of hosts."""
    pool = Database(url, pool_size=2)
    await upgrade(pool)
    await castle.load_venue(pool)
    await pool.close()
    counts = range(1, len(names) + 1)
    return [await issue(url, names[:count], pid, orders) for count in counts]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=2_000)
    parser.add_argument("--hosts", type=int, default=3)
    options = parser.parse_args()
    if os.geteuid() or not DEBIAN or not shutil.which("ip"):
        print("not measured: needs root, and apt-get install iproute2 postgresql")
        return
    with ExitStack() as stack:
        try:
            names = stack.enter_context(hosts(options.hosts))
        except subprocess.CalledProcessError as error:
            print(f"not measured: no network namespaces here ({error.stderr.decode().strip()})")
            return
        url, pid = stack.enter_context(database())
        rows = asyncio.run(measure(url, pid, names, options.orders))
    print(f"{'hosts':>5}{'orders/s':>10}{'times one':>11}   cores of the database, of each worker")
    for row in rows:
        ratio = row["orders a second"] / rows[0]["orders a second"]
        print(f"{row['hosts']:5}{row['orders a second']:10,}{ratio:11.2f}", end="")
        print(f"   {row['database']}, {row['workers']}")
    save("scale_out", {"rows": rows})


if __name__ == "__main__":
    main()
