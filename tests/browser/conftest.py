import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, async_playwright

from channel_manager.db import Database
from support import castle
from support.postgres import fresh_database
from support.service import Service, serving

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REQUIRED = os.environ.get("CHANNEL_MANAGER_REQUIRE_BROWSER") == "1"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="session")
def screenshots() -> Path:
    folder = Path(__file__).parent / "screenshots"
    folder.mkdir(exist_ok=True)
    return folder


@dataclass
class Venue:
    """The castle, served by the real command: one for all tests of a file."""

    service: Service
    database: Database
    key: str


@pytest.fixture(scope="module")
async def venue(postgres: str, template: str) -> AsyncIterator[Venue]:
    async with fresh_database(postgres, template) as url:
        database = Database(url, pool_size=2)
        key = await castle.make_key(database, await castle.load_venue(database))
        env = {
            "DATABASE_URL": url,
            "CHANNEL_MANAGER_LOG_LEVEL": "WARNING",
            # Receivers of webhooks are on this machine.
            "CHANNEL_MANAGER_DEVELOPMENT": "true",
        }
        async with serving(env) as service:
            yield Venue(service, database, key)
        await database.close()


@pytest.fixture
async def client(venue: Venue) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"x-np-api-key": venue.key}
    async with httpx.AsyncClient(base_url=venue.service.base, headers=headers) as client:
        yield client


Launch = Callable[..., Awaitable[Browser]]


@pytest.fixture(scope="module")
async def browser_with() -> AsyncIterator[Launch]:
    """Starts Chromium from the system, with more arguments.

    Where there is none, tests are skipped unless it is required.
    """
    if CHROMIUM is None:
        if REQUIRED:
            pytest.fail("Chromium is missing: apt-get install chromium")
        pytest.skip("needs Chromium: apt-get install chromium")
    async with async_playwright() as playwright:

        async def launch(*arguments: str) -> Browser:
            return await playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments]
            )

        # Ends every browser that it started.
        yield launch


@pytest.fixture(scope="module")
async def browser(browser_with: Launch) -> Browser:
    """Chromium, one for all tests of a file."""
    return await browser_with()
