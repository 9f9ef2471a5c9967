import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from sqlalchemy import text

from channel_manager.access.service import create_key
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.cli.serving import COMMAND
from channel_manager.db import Database
from channel_manager.migrations import upgrade
from channel_manager.venue_file import VenueFile, read_venue_file
from channel_manager.venue_import import import_venue

START_SECONDS = 60
SETTLED = ("Issued", "Draft", "Error")
console = Console(highlight=False)
_LISTENING = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'channel-manager-queue' AND query LIKE 'LISTEN%'
""")


def demo(
    venue: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The venue to load.")
    ] = Path("examples/castle.yaml"),
    port: Annotated[int, typer.Option(help="The port to serve on.")] = 8000,
    once: Annotated[  # noqa: FBT002 - a Typer flag
        bool, typer.Option("--once", help="Stop after the order instead of going on serving.")
    ] = False,
) -> None:
    """Load a venue, serve it, and show an order going from Submitted to Issued."""
    parsed = read_venue_file(venue.read_text(encoding="utf-8"), str(venue))
    with the_database() as url:
        console.print(f"[bold]1.[/] A database, and the venue of {venue}:", parsed.company.name)

        async def load(database: Database) -> str:
            await upgrade(database)
            async with database.transaction() as conn:
                imported = await import_venue(conn, parsed)
                return await create_key(conn, imported.company_id, name="demo")

        key = run(url, load)
        base = f"http://127.0.0.1:{port}"
        console.print(f"[bold]2.[/] API and worker on {base}")
        with _serving(url, base, port):
            _show_order(parsed, base, key)
            _show_next_steps(parsed, base, key)
            if not once:
                console.print("\nServing until Ctrl-C.")
                with contextlib.suppress(KeyboardInterrupt):
                    signal.pause()


@contextmanager
def _serving(url: str, base: str, port: int) -> Iterator[None]:
    environment = os.environ | {
        "CHANNEL_MANAGER_DATABASE_URL": url,
        "CHANNEL_MANAGER_PUBLIC_URL": base,
        "CHANNEL_MANAGER_DEVELOPMENT": "true",
        "CHANNEL_MANAGER_LOG_LEVEL": "WARNING",
    }
    command = [*COMMAND, "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own command
    try:
        _wait_until_ready(process, base)
        run(url, _wait_for_a_worker)
        yield
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], base: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise typer.Exit(1)
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{base}/readyz").close()  # noqa: S310 - our own server
            return
        time.sleep(0.05)
    console.print(f"Nothing answered on {base} within {START_SECONDS} seconds.", style="red")
    raise typer.Exit(1)


async def _wait_for_a_worker(database: Database) -> None:
    # So that the order shows how long an order takes, and not how long a start.
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        async with database.read() as conn:
            if await conn.scalar(_LISTENING):
                return
        await asyncio.sleep(0.05)


def _show_order(venue: VenueFile, base: str, key: str) -> None:
    address = _address(venue, base)
    now = datetime.now(UTC)
    body = _example_order(venue, now)
    started = time.monotonic()
    order = _call("POST", address, key, body)
    console.print(f"[bold]3.[/] POST {address}")
    _show_status(order, started)
    while order["status"] not in SETTLED:
        time.sleep(0.01)
        status, order = order["status"], _call("GET", f"{address}/{order['orderId']}", key)
        if order["status"] != status:
            _show_status(order, started)
    for wallet in (wallet for item in order["items"] for wallet in item["wallets"]):
        numbers = ", ".join(asset["referenceNumber"] for asset in wallet["assets"])
        console.print(
            f"   {wallet['name']}: {numbers}  {wallet['unitPriceInclVat']} {wallet['currencyCode']}"
        )
    console.print(f"   The guest's page: {order.get('manifestUrl', '')}", soft_wrap=True)


def _example_order(venue: VenueFile, now: datetime) -> dict[str, Any]:
    return {
        "partnerId": str(venue.partners[0].id),
        "sellToOrderReference": f"DEMO-{now:%Y%m%d-%H%M%S-%f}",
        "items": [
            {
                "itemNumber": venue.items[0].number,
                "visitDate": (now + timedelta(days=7)).date().isoformat(),
                "visitTime": "10:30:00",
                "quantity": 2,
                "wallet": {"names": ["Jane Doe", "John Doe"]},
            }
        ],
        "sellToEmail": "guest@example.com",
        "sellToName": "Jane Doe",
        "sellToLanguage": "ENU",
        "paymentReference": "PAY-987654",
    }


def _show_status(order: dict[str, Any], started: float) -> None:
    milliseconds = (time.monotonic() - started) * 1000
    console.print(f"   {order['orderId']}  [bold]{order['status']}[/]  after {milliseconds:.0f} ms")


def _show_next_steps(venue: VenueFile, base: str, key: str) -> None:
    address, partner = _address(venue, base), venue.partners[0].id
    console.print("[bold]4.[/] Now you, with this key (shown only this once):\n")
    console.print(f"   export KEY={key}", soft_wrap=True)
    console.print(f'   curl -H "x-np-api-key: $KEY" {address}/orders/{partner}', soft_wrap=True)
    console.print(f"   The API's description: {base}/docs")


def _address(venue: VenueFile, base: str) -> str:
    company = venue.company
    return f"{base}/{company.tenant}/{company.environment}/{quote(company.name)}/channelManager"


def _call(method: str, url: str, key: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own server
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"x-np-api-key": key, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as reply:  # noqa: S310 - our own server
            answer: dict[str, Any] = json.load(reply)
            return answer
    except urllib.error.HTTPError as error:
        console.print(error.read().decode(), style="red", markup=False)
        raise typer.Exit(1) from None
