"""What the benchmarks share: a scratch service in processes of its own, and how figures print."""

import asyncio
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from channel_manager.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "channel_manager"]
COMPANY = "/01234567-89ab-cdef-0123-456789abcdef/production/CRONUS%20International%20Ltd."
ORDERS = f"{COMPANY}/channelManager"
PARTNER = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
_numbers = count(1)


@dataclass(frozen=True)
class Service:
    """A running service: its address, a key to it, and its database."""

    base: str
    key: str
    database_url: str
    # The process that keeps the service's others running, and PostgreSQL's own parent.
    pid: int
    database_pid: int


@contextmanager
def scratch_service(*options: str) -> Iterator[Service]:
    """`channel-manager serve` with the castle, on a durable embedded database of its own.

    Where BENCH_DATABASE_URL names an empty database on this machine, on that one instead.
    """
    with _database() as (url, database_pid):
        env = os.environ | {
            "CHANNEL_MANAGER_DATABASE_URL": url,
            "CHANNEL_MANAGER_LOG_LEVEL": "WARNING",
            "CHANNEL_MANAGER_DEVELOPMENT": "true",
            # A benchmark is no partner.
            "CHANNEL_MANAGER_RATE_LIMIT": "1000000000",
            "CHANNEL_MANAGER_KEY_CONCURRENCY": "10000",
        }
        _command(env, "migrate")
        _command(env, "import", str(ROOT / "examples" / "castle.yaml"))
        key = _command(env, "key", "create").splitlines()[-1]
        with _serving(env, options) as (base, pid):
            yield Service(base, key, url, pid, database_pid)


@contextmanager
def _database() -> Iterator[tuple[str, int]]:
    if url := os.environ.get("BENCH_DATABASE_URL"):
        yield url, asyncio.run(_parent_of_backends(url))
        return
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        url = embedded.start()
        try:
            yield url, int((embedded.data / "postmaster.pid").read_text().split()[0])
        finally:
            embedded.release()


async def _parent_of_backends(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        backend: int = await connection.fetchval("SELECT pg_backend_pid()")
        return psutil.Process(backend).ppid()
    finally:
        await connection.close()


def _command(env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [*COMMAND, *arguments], env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


@contextmanager
def _serving(env: dict[str, str], options: Sequence[str]) -> Iterator[tuple[str, int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([*COMMAND, "serve", "--port", str(port), *options], env=env)
    try:
        _wait_ready(base)
        yield base, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_ready(base: str) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{base}/readyz").close()  # noqa: S310 - our own service
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing ready at {base}")


def order(quantity: int = 2) -> dict[str, Any]:
    """A paid order of the walk-through's shape, with a reference of its own."""
    return {
        "partnerId": PARTNER,
        "sellToOrderReference": f"BENCH-{next(_numbers)}",
        "items": [
            {
                "itemNumber": "31001",
                "visitDate": (datetime.now(UTC) + timedelta(days=7)).date().isoformat(),
                "visitTime": "10:30:00",
                "quantity": quantity,
            }
        ],
        "sellToEmail": "guest@example.com",
        "sellToName": "Jane Doe",
        "sellToLanguage": "ENU",
        "paymentReference": "PAY-987654",
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that this many percent are at or below."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def save(name: str, figures: dict[str, Any]) -> None:
    """Keep a run's figures as JSON under bench/results/, for comparisons."""
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n")
