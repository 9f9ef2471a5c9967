"""The catalogue's pages: what is sold, found and taken away."""

import csv
from io import BytesIO, StringIO

import openpyxl
import pytest

from channel_manager.console.roles import Role
from channel_manager.venue_file import read_venue_file
from support import castle
from support.console import add_person, signed_in
from support.harbour import HARBOUR

EVIL = "<img src=x onerror=alert(1)>"
FORMULA = '=HYPERLINK("http://evil.example")'


@pytest.fixture
async def vera(client, database):
    """Somebody who only looks, at the harbour."""
    harbour = await castle.load_venue(database, HARBOUR)
    await add_person(database, harbour, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as visitor:
        yield visitor


async def table(visitor, path):
    reply = await visitor.http.get(f"/console/catalogue/{path}")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-disposition"].startswith("attachment; ")
    if ".csv" in path:
        return list(csv.DictReader(StringIO(reply.content.decode("utf-8-sig"), newline="")))
    [sheet] = openpyxl.load_workbook(BytesIO(reply.content)).worksheets
    heading, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(heading, row, strict=True)) for row in rows]


async def test_items_are_shown_in_the_venues_languages_with_their_prices(vera):
    page = await vera.page("/catalogue")
    assert "Harbour museum" in page
    assert '<dd lang="de-DE">Hafenmuseum</dd>' in page
    assert "€12.50" in page
    assert "with 7 % VAT" in page
    assert "as its contents cost" in page
    assert "group ticket" in page
    await vera.do("/account/language", language="da")
    page = await vera.page("/catalogue")
    assert "12,50" in page
    assert "gruppebillet" in page


@pytest.mark.parametrize(
    ("query", "there", "missing"),
    [
        ("q=boat", "Boat trip", "Harbour museum, child"),
        ("q=HAFENMUSEUM+kind", "Harbour museum, child", "Boat trip"),
        ("q=1001", "Harbour museum, child", "Boat trip"),
        ("kind=package", "as its contents cost", "<td>Boat trip"),
        ("kind=group", '<span class="quiet mono">GROUP</span>', "Boat trip"),
    ],
)
async def test_items_are_found_without_scripts(vera, query, there, missing):
    page = await vera.page(f"/catalogue?{query}")
    assert there in page
    assert missing not in page
    assert "found" in page


async def test_what_is_not_there_is_said(vera):
    assert "No item is like that." in await vera.page("/catalogue?q=unicorn")
    assert "No rule changes a price." in await vera.page("/catalogue/prices?q=unicorn")
    await vera.page("/catalogue/items.pdf", 404)
    for query in ("page=0", "page=x", "q=" + "x" * 201, "q=%00"):
        await vera.page(f"/catalogue?{query}", 400)
    assert "Page 1 of" not in await vera.page("/catalogue?page=99999")


async def test_price_rules_with_when_they_hold(vera):
    venue = read_venue_file(HARBOUR, "harbour.yaml")
    page = await vera.page("/catalogue/prices")
    for rule in venue.price_rules:
        assert rule.code in page
    items = await vera.page("/catalogue")
    assert "/console/catalogue/prices?item=2000" in items
    page = await vera.page("/catalogue/prices?item=2000")
    for rule in venue.price_rules:
        assert (rule.code in page) == (rule.item in (None, "2000"))


async def test_kinds_stores_and_places(vera, client, database, company_id):
    page = await vera.page("/catalogue/kinds")
    for told in ("HM-[X*9]", "once a day", "A hot drink", "−10 %", "Schools and clubs"):
        assert told in page
    await add_person(database, company_id, "otto", Role.OPERATOR)
    async with signed_in(client.app, "otto") as otto:
        page = await otto.page("/catalogue/places")
    assert "The castle" in page
    assert '<span lang="da-DK">Slottet</span>' in page
    assert "00:00–24:00" in page
    assert "until 1,440 minutes after the start" in page


async def test_schedules_of_all_kinds_are_shown(client, database):
    admission = """admissions:
  - code: TOWER
    name: The tower
    dayCapacity: 50
    earlyMinutes: 10
    schedules:
      - {code: SUMMER, validFrom: 2026-06-01, validUntil: 2026-08-31,
         recurrence: "FREQ=WEEKLY;BYDAY=SA,SU", capacity: 40, salesOpenDaysBefore: 30,
         salesCloseMinutesBefore: 15, exceptDates: [2026-06-06], extraDates: [2026-06-08],
         opening: {opens: "10:00", closes: "18:00", slotMinutes: 60, stepMinutes: 30}}
    closures: [{dateFrom: 2026-07-01, dateTo: 2026-07-02, reason: "<b>Storm</b>"}]
    overrides: [{date: 2026-07-04, start: "10:00", capacity: 5}, {date: 2026-07-05, closed: true}]
  - code: CASTLE
"""
    text = castle.CASTLE_FILE.read_text("utf-8").replace(castle.COMPANY, "Tower Ltd.")
    venue = text.replace("admissions:\n  - code: CASTLE\n", admission, 1)
    company_id = await castle.load_venue(database, venue)
    await add_person(database, company_id, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as visitor:
        page = await visitor.page("/catalogue/places")
    for told in (
        "FREQ=WEEKLY;BYDAY=SA,SU",
        "10:00–18:00",
        "slots of 60 minutes",
        "one each 30 minutes",
        "from 30 days before",
        "until 15 minutes before the start",
        "&lt;b&gt;Storm&lt;/b&gt;",
        "Guests: 5",
        "without 1 days",
        "with 1 more days",
    ):
        assert told in page


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
async def test_items_are_taken_away_as_they_were_found(vera, ending):
    rows = {str(row["Item"]): row for row in await table(vera, f"items.{ending}")}
    assert len(rows) == len(read_venue_file(HARBOUR, "x").items)
    museum = rows["1000"]
    assert float(museum["Price"]) == 12.5
    assert museum["Currency"] == "EUR"
    assert museum["DEU"] == "Hafenmuseum"
    if ending == "xlsx":
        assert isinstance(museum["Price"], float)
        assert museum["Item"] == "1000"
    found = await table(vera, f"items.{ending}?q=boat")
    assert 0 < len(found) < len(rows)
    rules = await table(vera, f"prices.{ending}")
    assert {row["Rule"] for row in rules} >= {"BOAT-EARLY-BIRD"}
    assert {row["Currency"] or None for row in rules} <= {"EUR", None}


async def test_what_was_written_is_neither_run_nor_calculated(client, database):
    text = castle.CASTLE_FILE.read_text("utf-8").replace(castle.COMPANY, "Evil Ltd.")
    venue = text.replace("description: Castle Admission", f"description: '{FORMULA} {EVIL}'")
    company_id = await castle.load_venue(database, venue)
    await add_person(database, company_id, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as visitor:
        page = await visitor.page("/catalogue")
        assert EVIL not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
        [row] = await table(visitor, "items.csv")
        assert row["Description"] == f"'{FORMULA} {EVIL}"
        reply = await visitor.http.get("/console/catalogue/items.xlsx")
    sheet = openpyxl.load_workbook(BytesIO(reply.content)).worksheets[0]
    assert (sheet["C2"].data_type, sheet["C2"].value) == ("s", f"{FORMULA} {EVIL}")


async def test_five_thousand_items_come_in_pages(client, database):
    text = castle.CASTLE_FILE.read_text("utf-8").replace(castle.COMPANY, "Large Ltd.")
    many = "".join(
        f"  - {{number: 'N{n:04}', description: Thing {n}, ticketType: ADMISSION,"
        f" price: {{amount: {n}}}}}\n"
        for n in range(5_000)
    )
    venue = text.replace("items:\n", f"items:\n{many}", 1)
    company_id = await castle.load_venue(database, venue)
    await add_person(database, company_id, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as visitor:
        page = await visitor.page("/catalogue")
        assert "5,001 found" in page
        assert "Page 1 of 101" in page
        assert len(page) < 200_000
        page = await visitor.page("/catalogue?page=3&q=thing")
        assert "Page 3 of 100" in page
        assert "N0100" in page
        assert "N0099" not in page
        assert "page=4&amp;q=thing" in page
        assert len(await table(visitor, "items.csv")) == 5_001


async def test_a_stranger_takes_nothing_away(client):
    for path in ("items.csv", "prices.xlsx", "venue.yaml", ""):
        client.headers.pop("x-np-api-key", None)
        reply = await client.get(f"/console/catalogue/{path}".rstrip("/"))
        assert reply.status_code == 303
        assert "/console/sign-in" in reply.headers["location"]
