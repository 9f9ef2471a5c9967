import pytest
from sqlalchemy import text

from channel_manager.venue_file import VenueFileError, read_venue_file
from support import castle

CASTLE = castle.CASTLE_FILE.read_text(encoding="utf-8")


async def snapshot(database) -> list[object]:
    async with database.transaction() as conn:
        rows = []
        for table in ("companies", "partners", "ticket_types", "items"):
            found = await conn.execute(text(f"SELECT to_jsonb(t) AS row FROM {table} t"))
            rows += [{k: v for k, v in r.row.items() if k != "catalog_version"} for r in found]
        return rows


async def test_importing_twice_changes_nothing(database, company_id):
    before = await snapshot(database)
    await castle.load_venue(database)
    assert await snapshot(database) == before


async def test_what_the_file_no_longer_names_is_taken_out_and_partners_stay(database, company_id):
    changed = CASTLE.replace('number: "31001"', 'number: "31002"').replace(
        castle.PARTNER, "99999999-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
    )
    await castle.load_venue(database, changed)
    async with database.transaction() as conn:
        numbers = await conn.scalars(text("SELECT item_number FROM items"))
        assert numbers.all() == ["31002"]
        assert await conn.scalar(text("SELECT count(*) FROM partners")) == 2


@pytest.mark.parametrize(
    ("old", "new", "line_text", "message"),
    [
        ("timeZone: Europe/Copenhagen", "timeZone: Europe/Nowhere", "timeZone", "IANA"),
        ("currency: DKK", "currency: KR", "currency", "ISO 4217"),
        ("language: DAN", "language: XX1", "language: XX1", "language code"),
        ("amount: 100", "amount: -1", "amount", "greater than or equal"),
        ("amount: 100", "amount: much", "amount", "decimal"),
        ("ticketType: ADMISSION", "ticketType: NOPE", "ticketType: NOPE", "no ticket type NOPE"),
        ("kind: individual", "kind: herd", "kind: herd", "individual"),
        ('"ATF-[X*10]-[S]"', '"ATF-[Q]"', "numberPattern", "[Q]"),
        ("name: Example Travel", "nane: Example Travel", "id:", "Field required"),
        ("holdMinutes: 60", "colour: red", "colour: red", "not permitted"),
        ("holdMinutes: 60", "holdMinutes: 60\n    holdMinutes: 5", "holdMinutes: 5", "twice"),
        ("tenant: 01234567", "tenant: x1234567", "tenant", "UUID"),
        ("company:", "company: [", None, "not YAML"),
    ],
)
def test_a_fault_is_told_with_its_line(old, new, line_text, message):
    text_ = CASTLE.replace(old, new, 1)
    assert text_ != CASTLE
    with pytest.raises(VenueFileError) as refused:
        read_venue_file(text_, "venue.yaml")
    fault = refused.value.faults[0]
    assert message in fault.message
    if line_text is not None:
        assert line_text in text_.splitlines()[fault.line - 1]
    assert str(refused.value).startswith("venue.yaml:")


def test_all_faults_are_told_at_once():
    with pytest.raises(VenueFileError) as refused:
        read_venue_file(
            CASTLE.replace("currency: DKK", "currency: KR").replace("amount: 100", "amount: x"),
            "venue.yaml",
        )
    assert len(refused.value.faults) == 2


def test_text_stays_the_text_that_was_written():
    venue = read_venue_file(
        CASTLE.replace('number: "31001"', "number: 00042").replace(
            "name: Example Travel", "name: NO"
        ),
        "venue.yaml",
    )
    assert venue.items[0].number == "00042"
    assert venue.partners[0].name == "NO"
