"""kill -9 of the worker in the middle of a large import: the venue is as before, then as after."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import text

from channel_manager.companies.service import find_company
from channel_manager.console.roles import Role
from channel_manager.db import Database
from channel_manager.venue_uploads.service import check_text
from support import castle
from support.console import PASSWORD, Visitor, add_person
from support.service import Service, serving

ITEMS = 12_000
ITEM = """
  - number: "M{n}"
    description: Item {n}
    translations: {{DAN: Vare {n}, DEU: Artikel {n}}}
    ticketType: ADMISSION
    price: {{amount: {n}.50}}
"""
UPLOAD = text("SELECT state, step, rows_done, rows_total, message FROM venue_uploads")
KILLED_AT: tuple[Callable[[Any], bool], ...] = (
    lambda row: row.step == "reading",
    lambda row: 0 < row.rows_done < row.rows_total / 2,
    lambda row: 0 < row.rows_total / 2 <= row.rows_done,
)


async def test_a_venue_is_never_half_of_a_file(database, database_url):
    company_id = await castle.load_venue(database)
    await add_person(database, company_id, "anna", Role.ADMIN)
    before = await figures(database)
    env = {
        "DATABASE_URL": database_url,
        "CHANNEL_MANAGER_HEARTBEAT_SECONDS": "2",
        "CHANNEL_MANAGER_LOG_LEVEL": "ERROR",
    }
    async with (
        serving(env, "--workers", "1") as service,
        httpx.AsyncClient(base_url=service.base, timeout=60) as http,
    ):
        form = {"login": "anna", "password": PASSWORD}
        assert (await http.post("/console/sign-in", data=form)).status_code == 303
        visitor = Visitor(http)
        files = {"venue": ("large.yaml", large_file().encode())}
        reply = await visitor.send("/catalogue", files=files)
        assert reply.status_code == 303
        path = reply.headers["location"].removeprefix("/console")
        await visitor.do(f"{path}/apply")
        killed = [await kill_when(database, service, reached, before) for reached in KILLED_AT]
        # Three workers died of it, and a fourth does it.
        assert len(set(killed)) == len(KILLED_AT)
        row = await until(database, lambda row: row.state != "running")
        assert row.state == "applied", row.message
        assert "The venue is now as the file says" in await visitor.page(path)
    items, version, imports = await figures(database)
    assert (items, imports) == (before[0] + ITEMS, 1)
    assert version > before[1]
    async with database.read() as conn:
        company = await find_company(conn, company_id)
    assert company
    assert (await check_text(database, company, large_file())).differences == []


def large_file() -> str:
    items = "".join(ITEM.format(n=n) for n in range(ITEMS)).lstrip("\n")
    return castle.CASTLE_FILE.read_text("utf-8").replace("items:\n", f"items:\n{items}", 1)


async def kill_when(
    database: Database,
    service: Service,
    reached: Callable[[Any], bool],
    before: tuple[int, int, int],
) -> int:
    await until(database, reached)
    [worker] = service.children("worker")
    worker.kill()
    # What the dead one had begun is undone by the database as its connections end.
    for _ in range(100):
        assert await figures(database) == before
        async with database.transaction() as conn:
            row = (await conn.execute(UPLOAD)).one()
            assert row.state == "running"
            # As if nothing had been told yet, so that the next round isn't taken for this one.
            await conn.execute(text("UPDATE venue_uploads SET step = '', rows_done = 0"))
        if not worker.is_running():
            break
        await asyncio.sleep(0.02)
    return worker.pid


async def until(database: Database, reached: Callable[[Any], bool]) -> Any:
    for _ in range(6_000):
        async with database.read() as conn:
            row = (await conn.execute(UPLOAD)).one()
        if reached(row):
            return row
        assert row.state in ("queued", "running"), row.message
        await asyncio.sleep(0.01)
    raise AssertionError(f"after 60 s: {row.state}, {row.step}, {row.rows_done}")


async def figures(database: Database) -> tuple[int, int, int]:
    """Items, the catalogue's version, and imports in the audit trail."""
    async with database.read() as conn:
        row = (
            await conn.execute(
                text(
                    "SELECT (SELECT count(*) FROM items), (SELECT catalog_version FROM companies),"
                    " (SELECT count(*) FROM audit_events WHERE action = 'venue.import')"
                )
            )
        ).one()
    return row[0], row[1], row[2]
