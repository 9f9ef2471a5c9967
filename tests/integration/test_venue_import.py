"""`channel-manager import` and `export`: whole, repeatable, and told before it is done."""

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from channel_manager.db import Database
from channel_manager.migrations import has_schema
from channel_manager.venue_difference import differences
from channel_manager.venue_export import read_venue, write_yaml
from channel_manager.venue_file import read_venue_file
from channel_manager.venue_import import compare_venue, import_venue
from support import castle
from support.harbour import HARBOUR
from support.postgres import fresh_database
from support.service import command

TABLES = ("companies", "partners", "stores", "ticket_types", "coupon_types", "items", "price_rules")


async def import_text(database, file_text, progress=None):
    venue = read_venue_file(file_text, "venue.yaml")
    async with database.transaction() as conn:
        if progress is None:
            return await import_venue(conn, venue)
        return await import_venue(conn, venue, progress)


async def export_text(database, company_id):
    async with database.transaction() as conn:
        return write_yaml(await read_venue(conn, company_id))


async def everything(database):
    """All rows with the transaction that wrote each, so that a row written anew shows."""
    async with database.transaction() as conn:
        return {
            table: sorted(map(str, await conn.execute(text(f"SELECT xmin, * FROM {table}"))))
            for table in TABLES
        }


async def test_the_same_file_again_writes_no_row(database):
    first = await import_text(database, HARBOUR)
    before = await everything(database)
    again = await import_text(database, HARBOUR)
    assert again.company_id == first.company_id
    assert again.differences == []
    assert await everything(database) == before


async def test_what_is_exported_is_stable_and_imports_as_no_change(database):
    company_id = (await import_text(database, HARBOUR)).company_id
    before = await everything(database)
    exported = await export_text(database, company_id)
    assert (await import_text(database, exported)).differences == []
    assert await everything(database) == before
    assert await export_text(database, company_id) == exported


async def test_an_export_loads_into_an_empty_database_as_the_same_venue(database):
    company_id = (await import_text(database, HARBOUR)).company_id
    exported = await export_text(database, company_id)
    async with database.transaction() as conn:
        for table in reversed(TABLES):
            await conn.execute(text(f"DELETE FROM {table}"))
    made = await import_text(database, exported)
    assert await export_text(database, made.company_id) == exported


async def test_a_comparison_says_what_an_import_then_does_and_writes_nothing(database):
    await import_text(database, HARBOUR)
    before = await everything(database)
    changed = HARBOUR.replace("amount: 20\n", "amount: 21\n").replace("BOAT-EARLY-BIRD", "EARLY")
    async with database.transaction() as conn:
        told = await compare_venue(conn, read_venue_file(changed, "venue.yaml"))
    assert await everything(database) == before
    assert [(d.kind, d.name, d.key) for d in told] == [
        ("changed", "items", "2000"),
        ("added", "price_rules", "EARLY"),
        ("removed", "price_rules", "BOAT-EARLY-BIRD"),
    ]
    assert (await import_text(database, changed)).differences == told


async def test_one_changed_item_writes_one_row_and_a_new_version(database):
    await import_text(database, HARBOUR)
    before = await everything(database)
    await import_text(database, HARBOUR.replace("amount: 20\n", "amount: 21\n"))
    after = await everything(database)
    written = {table: set(after[table]) - set(before[table]) for table in TABLES}
    assert {table: len(rows) for table, rows in written.items() if rows} == {
        "companies": 1,
        "items": 1,
    }


async def test_a_database_that_was_set_back_counts_to_no_version_again(database):
    company_id = (await import_text(database, HARBOUR)).company_id
    newest = await version(database, company_id)
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE companies SET catalog_version = :before WHERE company_id = :company"),
            {"before": newest - 100, "company": company_id},
        )
    await import_text(database, HARBOUR.replace("amount: 20\n", "amount: 22\n"))
    # Not to one of the hundred that processes may hold.
    assert await version(database, company_id) >= newest


async def version(database, company_id):
    async with database.read() as conn:
        return await conn.scalar(
            text("SELECT catalog_version FROM companies WHERE company_id = :company"),
            {"company": company_id},
        )


async def test_what_the_file_no_longer_names_is_taken_out_but_partners_stay(database):
    company_id = (await import_text(database, HARBOUR)).company_id
    await import_text(database, HARBOUR[: HARBOUR.index("partners:")])
    left = await export_text(database, company_id)
    assert read_venue_file(left, "left.yaml").items == []
    assert len(read_venue_file(left, "left.yaml").partners) == 2


async def test_another_companys_catalogue_is_left_alone(database, company_id):
    before = await export_text(database, company_id)
    await import_text(database, HARBOUR)
    await import_text(database, HARBOUR[: HARBOUR.index("partners:")])
    assert await export_text(database, company_id) == before


async def test_two_imports_at_once_end_as_one_of_them(database):
    texts = [HARBOUR, HARBOUR.replace("amount: 20\n", "amount: 21\n")] * 3
    await asyncio.gather(*(import_text(database, file_text) for file_text in texts))
    async with database.transaction() as conn:
        (company_id,) = (await conn.execute(text("SELECT company_id FROM companies"))).scalars()
        left = await read_venue(conn, company_id)
    found = [differences(left, read_venue_file(file_text, "x")) for file_text in texts[:2]]
    assert [] in found


async def test_ten_thousand_items_are_imported_with_progress_and_exported(database):
    many = "".join(
        f'  - {{number: "T{n}", description: Tour {n}, ticketType: BOAT, price: {{amount: {n}}}}}\n'
        for n in range(10_000)
    )
    many = HARBOUR.replace("priceRules:", f"{many}priceRules:")
    told = []
    made = await import_text(database, many, lambda done, of: told.append((done, of)))
    assert made.items == 10_008
    dones, totals = zip(*told, strict=True)
    assert list(dones) == sorted(dones)
    assert dones[-1] == totals[-1] == len(made.differences) - 1
    assert len(told) > 10
    exported = await export_text(database, made.company_id)
    assert (await import_text(database, exported)).differences == []


@pytest.fixture
def run_command(database_url):
    async def run(*arguments):
        return await command(
            *arguments, env={"DATABASE_URL": database_url, "COLUMNS": "200", "NO_COLOR": "1"}
        )

    return run


async def test_the_commands_import_compare_and_export(run_command, database, tmp_path):
    file = tmp_path / "harbour.yaml"
    file.write_text(HARBOUR, encoding="utf-8")
    code, out, _ = await run_command("import", "--dry-run", str(file))
    assert (code, out.splitlines()[0]) == (0, "+ company Fabrikam Harbour GmbH")
    assert (await everything(database))["companies"] == []
    code, _, told = await run_command("import", "--progress", str(file))
    assert code == 0
    assert "2 partners and 8 items imported (22 added, 0 changed, 0 removed)" in told
    written = tmp_path / "exported.yaml"
    assert (await run_command("export", "--output", str(written)))[0] == 0
    code, out, _ = await run_command("export")
    assert out == written.read_text(encoding="utf-8")
    code, out, told = await run_command("import", "--dry-run", str(written))
    assert (code, out) == (0, "")
    assert "no difference" in told
    written.write_text(out.replace("x", "y") + "company: [", encoding="utf-8")
    code, _, told = await run_command("import", str(written))
    assert code == 1
    assert re.search(r"exported\.yaml:\d+: not YAML", told)


async def test_export_names_the_companies_where_there_are_several(run_command, database):
    await castle.load_venue(database)
    await castle.load_venue(database, HARBOUR)
    code, _, told = await run_command("export")
    assert code == 1
    assert "Fabrikam Harbour GmbH" in told
    assert "CRONUS International Ltd." in told


async def test_a_dry_run_leaves_an_empty_database_empty(postgres, tmp_path):
    file = tmp_path / "harbour.yaml"
    file.write_text(HARBOUR, encoding="utf-8")
    async with fresh_database(postgres, "template1") as url:
        env = {"DATABASE_URL": url, "NO_COLOR": "1"}
        code, out, _ = await command("import", "--dry-run", str(file), env=env)
        assert (code, out.splitlines()[0]) == (0, "+ company Fabrikam Harbour GmbH")
        empty = Database(url, pool_size=1)
        assert await has_schema(empty) is False
        await empty.close()


# A Sunday, on which there are slots.
SUNDAY = castle.today() + timedelta(days=6 - castle.today().weekday() + 7)
ADMISSIONS = f"""admissions:
  - code: MUSEUM
    name: Museum
    translations: {{DAN: Museet}}
    dayCapacity: 200
    lateMinutes: 30
    schedules:
      - code: WEEKEND
        validFrom: 2026-01-01
        recurrence: FREQ=WEEKLY;BYDAY=SA,SU
        opening: {{opens: "10:00", closes: "24:00", slotMinutes: 60}}
        capacity: 20
        exceptDates: [2026-01-03]
    closures:
      - {{dateFrom: 2099-12-24, dateTo: 2099-12-25, reason: Holidays}}
    overrides:
      - {{date: {SUNDAY}, start: "12:00", capacity: 5}}
items:
"""


async def test_admissions_are_exported_as_they_were_imported(database):
    text_with = HARBOUR.replace("items:\n", ADMISSIONS).replace(
        "    ticketType: MUSEUM\n",
        "    ticketType: MUSEUM\n    admissions: [{code: MUSEUM, slots: any_time}]\n",
    )
    company_id = (await import_text(database, text_with)).company_id
    exported = await export_text(database, company_id)
    assert "FREQ=WEEKLY;BYDAY=SA,SU" in exported
    assert (await import_text(database, text_with)).differences == []
    assert (await import_text(database, exported)).differences == []
    assert await export_text(database, company_id) == exported
