"""The audit trail's page: newest first, found by who, what and days, and taken away."""

import csv
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO

import openpyxl
import pytest
from sqlalchemy import text

from channel_manager.console.roles import Role
from support import castle
from support.console import add_person, signed_in

EVIL = "<img src=x onerror=alert(1)>"
COPENHAGEN_MIDNIGHT = datetime(2026, 7, 9, 22, 0, tzinfo=UTC)


@pytest.fixture
async def anna(client, database, company_id):
    await add_person(database, company_id, "anna", Role.ADMIN)
    async with signed_in(client.app, "anna") as visitor:
        yield visitor


async def event(database, company_id, actor="key 1", **values):
    """One as it was written at a moment: its id is of that moment too."""
    moment = values.pop("at", datetime.now(UTC))
    milliseconds = int(moment.timestamp() * 1_000)
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "INSERT INTO audit_events (company_id, event_id, happened_at, actor, action,"
                " subject, before, after) VALUES (:company, CAST(:id AS uuid), :at, :actor,"
                ' :action, :subject, \'{"name": "old"}\', \'{"name": "new", "n": 1}\')'
            ),
            {
                "company": company_id,
                "id": f"{milliseconds:012x}7{next(_numbers):019x}"[:32],
                "at": moment,
                "actor": actor,
                "action": values.get("action", "order.confirm"),
                "subject": values.get("subject", "order 1"),
            },
        )


_numbers = iter(range(1, 1_000_000))


async def test_the_newest_come_first_with_what_changed(anna, database, company_id):
    await event(database, company_id, subject="order A")
    await event(database, company_id, subject="order B", actor=EVIL)
    page = await anna.page("/audit")
    assert page.index("order B") < page.index("order A")
    assert '<span class="old">old</span> → new' in page
    assert "console.sign-in" in page
    assert EVIL not in page
    assert "&lt;img src=x" in page


async def test_who_what_and_to_what(anna, database, company_id):
    await event(database, company_id, actor="user otto", action="order.delete", subject="order A")
    await event(database, company_id, actor="key 7", action="order.confirm", subject="order AB")
    for query, there, missing in (
        ("who=OTTO", "order A<", "order AB"),
        ("what=confirm", "order AB", "order A<"),
        ("subject=order+A", "order A<", "order AB"),
        ("who=key&what=order", "order AB", "order A<"),
    ):
        page = await anna.page(f"/audit?{query}")
        assert there in page
        assert missing not in page
    # A sign of the pattern language is itself.
    for query in ("who=%25", "who=_", "what=order_confirm"):
        assert "Nothing like that was done." in await anna.page(f"/audit?{query}")


async def test_days_are_the_venues_own(anna, database, company_id):
    second = timedelta(seconds=1)
    await event(database, company_id, subject="order late", at=COPENHAGEN_MIDNIGHT - second)
    await event(database, company_id, subject="order early", at=COPENHAGEN_MIDNIGHT)
    page = await anna.page("/audit?first=2026-07-10&last=2026-07-10")
    assert "order early" in page
    assert "order late" not in page
    page = await anna.page("/audit?last=2026-07-09")
    assert "order late" in page
    assert "order early" not in page
    for wrong in ("2026-13-01", "x", "0001-01-01", "9999-12-31", "+2026-1-1"):
        await anna.page(f"/audit?first={wrong}", 400)


async def test_pages_go_back_to_the_first_event_and_miss_none(anna, database, company_id):
    for n in range(230):
        await event(database, company_id, actor="key x", subject=f"order {n:03}")
    path, seen = "/audit?who=key+x", []
    while path:
        page = await anna.page(path)
        seen += [part[:3] for part in page.split(">order ")[1:]]
        # What is written meanwhile moves nothing.
        await event(database, company_id, actor="key x", subject="order new")
        after = page.split('rel="next" href="/console')
        path = after[1].split('"')[0].replace("&amp;", "&") if len(after) > 1 else ""
    assert seen == [f"{n:03}" for n in reversed(range(230))]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_the_trail_is_taken_away(anna, database, company_id, ending, monkeypatch):
    monkeypatch.setattr("channel_manager.console.audit_page.ROWS_OF_FILE", 10)
    for n in range(30):
        await event(database, company_id, actor="=1+1", subject=f"order {n}")
    reply = await anna.http.get(f"/console/audit/trail.{ending}?who=%3D1")
    assert reply.status_code == 200
    if ending == "csv":
        heading, *rows = csv.reader(StringIO(reply.content.decode("utf-8-sig"), newline=""))
        assert {row[1] for row in rows} == {"'=1+1"}
    else:
        sheet = openpyxl.load_workbook(BytesIO(reply.content)).worksheets[0]
        heading, *rows = sheet.iter_rows(values_only=True)
        assert {row[1] for row in rows} == {"=1+1"}
        assert sheet["B2"].data_type == "s"
    assert list(heading) == ["At", "Who", "What", "To what", "Before", "After", "Id"]
    assert [row[3] for row in rows] == [f"order {n}" for n in reversed(range(30))]
    assert rows[0][4] == '{"name":"old"}'
    assert len({row[6] for row in rows}) == 30


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_only_an_admin_reads_the_trail(client, database, company_id, role):
    await add_person(database, company_id, "vera", role)
    async with signed_in(client.app, "vera") as vera:
        await vera.page("/audit", 403)
        await vera.page("/audit/trail.csv", 403)
        assert "/console/audit" not in await vera.page("")


async def test_another_companys_trail_is_not_there(client, anna, database, company_id):
    await event(database, company_id, subject="order secret")
    text_of = castle.CASTLE_FILE.read_text("utf-8").replace(castle.COMPANY, "Tower Ltd.")
    tower = await castle.load_venue(database, text_of)
    await add_person(database, tower, "carl", Role.ADMIN)
    async with signed_in(client.app, "carl") as carl:
        assert "order secret" not in await carl.page("/audit")
        assert "order secret" not in (await carl.http.get("/console/audit/trail.csv")).text
