import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import pytest
from argon2 import PasswordHasher

from channel_manager.app import make_app
from channel_manager.console import passwords
from channel_manager.db import Database
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.settings import Settings
from channel_manager.worker import run_worker
from support import castle
from support.octo import HARBOUR, Reseller, selling
from support.postgres import fresh_database, make_template, running_server


@pytest.fixture(scope="session", autouse=True)
def _logs() -> None:
    configure_logs("WARNING", "console")
    logging.getLogger("pgqueuer").setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    # The true ones take a tenth of a second each; their cost is checked by a test.
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(1, 8, 1))


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
async def template(postgres: str) -> str:
    """A database with the schema alone."""
    return await make_template(postgres, "schema", upgrade)


@pytest.fixture(scope="session")
async def loaded(postgres: str) -> dict[str, str]:
    """Databases with a venue, by the fixture that is the id of its company.

    Copying one takes a third of the time of an import.
    """

    async def with_castle(database: Database) -> None:
        await upgrade(database)
        await castle.load_venue(database)

    async def with_harbour(database: Database) -> None:
        await upgrade(database)
        await castle.load_venue(database, HARBOUR)

    return {
        "castle_id": await make_template(postgres, "castle", with_castle),
        "harbour_id": await make_template(postgres, "harbour", with_harbour),
    }


@pytest.fixture
async def database_url(
    request: pytest.FixtureRequest, postgres: str, template: str, loaded: dict[str, str]
) -> AsyncIterator[str]:
    wanted = (loaded[name] for name in request.fixturenames if name in loaded)
    async with fresh_database(postgres, next(wanted, template)) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=10)
    yield database
    await database.close()


@pytest.fixture
def settings() -> Settings:
    return Settings(development=True, public_url="http://venue.example", heartbeat_seconds=2)


@pytest.fixture
async def castle_id(database: Database) -> UUID:
    """The castle of the walk-through, imported."""
    return await castle.company_of_copy(database)


@pytest.fixture
def company_id(castle_id: UUID) -> UUID:
    """The company that `client` speaks for: the castle, where a file of tests has no other."""
    return castle_id


@pytest.fixture
async def harbour_id(database: Database) -> UUID:
    """The harbour of OCTO's example, imported."""
    return await castle.company_of_copy(database)


@pytest.fixture
async def client(
    database: Database, database_url: str, settings: Settings, company_id: UUID
) -> AsyncIterator[httpx.AsyncClient]:
    """The application in this process, called with a key to all of the castle's company."""
    app = make_app(settings, database_url)
    key = await castle.make_key(database, company_id)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://venue.example",
            headers={"x-np-api-key": key},
        ) as client,
    ):
        client.app = app  # tests reach the app's state through it
        yield client


@pytest.fixture
async def worker(database_url: str, settings: Settings) -> AsyncIterator[None]:
    """A worker in this process; stopped as SIGTERM would stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_worker(settings, database_url, stop))
    yield
    stop.set()
    await asyncio.wait_for(task, 30)


@pytest.fixture
async def shop(
    database: Database, database_url: str, settings: Settings, harbour_id: UUID
) -> AsyncIterator[tuple[Reseller, Reseller, httpx.AsyncClient]]:
    """The harbour of OCTO's example: two resellers, and a client of all of the company."""
    async with selling(database, database_url, settings, harbour_id) as resellers_and_venue:
        yield resellers_and_venue


@pytest.fixture
def reseller(shop: tuple[Reseller, Reseller, httpx.AsyncClient]) -> Reseller:
    """One that sells for the harbour by OCTO."""
    return shop[0]


@pytest.fixture
def other_reseller(shop: tuple[Reseller, Reseller, httpx.AsyncClient]) -> Reseller:
    """Another one."""
    return shop[1]


@pytest.fixture
def venue(shop: tuple[Reseller, Reseller, httpx.AsyncClient]) -> httpx.AsyncClient:
    """The channel manager's own API, with a key to all of the harbour."""
    return shop[2]
