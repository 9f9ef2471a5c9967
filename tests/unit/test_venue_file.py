"""What a venue file may say, and how it is told what is wrong with it."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from channel_manager.cli.venue import schema_text
from channel_manager.venue_export import write_yaml
from channel_manager.venue_file import VenueFileError, read_venue_file, venue_schema
from channel_manager.venue_rows import KEPT, row_of, section_of
from channel_manager.venue_yaml import read_yaml
from support.venues import venues

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
HARBOUR = (ROOT / "examples" / "harbour.yaml").read_text(encoding="utf-8")


def faults(*changes):
    text = HARBOUR
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    with pytest.raises(VenueFileError) as caught:
        read_venue_file(text, "harbour.yaml")
    lines = text.splitlines()
    return [(lines[fault.line - 1].strip(), fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "amount: 12.50",
            "amount: 12.505",
            "amount: 12.505",
            "more decimals than EUR, which has 2",
        ),
        ("currency: EUR", "currency: JPY", "amount: 12.50", "more decimals than JPY, which has 0"),
        ("amountOff: 2.50", "amountOff: 2.505", "amountOff: 2.505", "more decimals than EUR"),
        ("relative: -4", "relative: -4.001", "relative: -4.001", "more decimals than EUR"),
        ("fixed: 24", "fixed: 24.001", "fixed: 24.001", "more decimals than EUR"),
        ("fixed: 24", "fixed: -24", "fixed: -24", "greater than or equal to 0"),
        ("percent: 10\n    uses", "amount: 0.001\n    uses", "amount: 0.001", "more decimals"),
        ("        amount: 30", "        amount: 30.001", "amount: 30.001", "more decimals"),
        ("amount: 12.50", "amount: NaN", "amount: NaN", "finite number"),
        ("percentOff: 50", "percentOff: 101", "percentOff: 101", "less than or equal to 100"),
        ("ticketType: BOAT", "ticketType: SHIP", "ticketType: SHIP", "no ticket type SHIP"),
        ("couponType: CAFE", "couponType: TEA", "couponType: TEA", "no coupon type TEA"),
        ("stores: [SCHOOLS]", "stores: [CLUBS]", "stores: [CLUBS]", "no store CLUBS"),
        ('- item: "1000"', '- item: "1"', '- item: "1"', "there is no item 1"),
        ('- item: "1000"', '- item: "5001"', '- item: "5001"', "is a package itself"),
        ('- item: "1000"', '- item: "3000"', '- item: "3000"', "is a group ticket"),
        (
            '  item: "1000"\n    timeFrom',
            '  item: "5000"\n    timeFrom',
            'item: "5000"',
            "package.price",
        ),
        ('  item: "1000"\n    timeFrom', '  item: "77"\n    timeFrom', 'item: "77"', "no item 77"),
        ('number: "1001"', 'number: "1000"', '- number: "1000"', "1000 is given twice"),
        ("- code: SCHOOLS", "- code: online", "- code: online", "given twice"),
        ("- code: MUSEUM-LATE", "- code: BOAT-WEEKEND", "- code: BOAT-WEEKEND", "given twice"),
        ('"HM-[X*9]"', '"HM-[N*6]"', 'numberPattern: "HM-[N*6]"', "10^6 = 1,000,000 different"),
        ('"HC-[X*9]"', '"HC-[A*3]"', 'numberPattern: "HC-[A*3]"', "add [X*6], or set insistOnPatt"),
        (
            '"HB-[S]"',
            '"HB-[N*6]"',
            'orderReferencePattern: "HB-[N*6]"',
            "100,000 in a year * 10 ye",
        ),
        ('"HM-[X*9]"', '"HM"', 'numberPattern: "HM"', "every number would be the same"),
        ('"HM-[X*9]"', '"HM-[Q]"', 'numberPattern: "HM-[Q]"', "position 4: [Q] is unknown"),
        ("visitTo: 2027", "visitTo: 2026", "- code: SUMMER-2027", "swap them"),
        ("visitFrom: 2027-06-15", "visitFrom: 0", "visitFrom: 0", "YYYY-MM-DD"),
        ("visitFrom: 2027-06-15", "visitFrom: 2027-02-29", "visitFrom: 2027-02-29", "calendar"),
        ('timeFrom: "16:00"', 'timeFrom: "57600"', 'timeFrom: "57600"', "HH:mm:ss"),
        ("[sat, sun]", "[sat, zon]", "weekdays: [sat, zon]", "'mon', 'tue'"),
        ("bookedAheadMin: 60", "bookedAheadMin: -1", "bookedAheadMin: -1", "greater than"),
        (
            "freeItem: A hot drink",
            "freeItem: Tea\n      percent: 5",
            "gives:",
            "give one of percent",
        ),
        ("fixed: 0", "fixed: 0\n            percentOff: 5", "price:", "give one of fixed"),
        (
            "      DAN: Havnemuseum\n",
            "      DAN: Havnemuseum\n      dan: Museet\n",
            "translations:",
            "DAN is given twice",
        ),
        (
            "      DAN: Havnemuseum\n",
            "      XXX: Havnemuseum\n",
            "translations:",
            "XXX is not a known",
        ),
        ("language: DEU", "language: Klingon", "language: Klingon", "not a known language"),
        ("description: Boat trip", 'description: "Boat\\0"', 'description: "Boat\\0"', "NUL"),
        ('number: "2000"', 'number: " 2000"', '- number: " 2000"', "white space"),
        (
            "    sellable: false",
            "    sellable: false\n    colour: red",
            "colour: red",
            "not permitted",
        ),
        ("timeZone:", "time_zone:", "time_zone: Europe/Berlin", "not permitted"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_is_wrong(old, new, line, message):
    told = faults((old, new))
    assert any(where == line and message in what for where, what in told), told


def test_all_faults_are_told_at_once_in_order():
    told = faults(("amount: 12.50", "amount: 1.234"), ("relative: -4", "relative: 0.001"))
    assert [where for where, _ in told] == ["amount: 1.234", "relative: 0.001"]


def test_an_item_is_one_of_ticket_coupon_and_package():
    both = faults(("    ticketType: BOAT", "    ticketType: BOAT\n    couponType: CAFE"))
    assert "either its ticketType or its couponType" in both[0][1]
    none = faults(("    ticketType: BOAT\n", ""))
    assert "either its ticketType or its couponType" in none[0][1]


def test_a_package_has_no_price_beside_its_own():
    told = faults(("    package:\n", "    price: {amount: 1}\n    package:\n"))
    assert "under package.price" in told[0][1]


def test_a_ticket_needs_a_price():
    price = "    price:\n      amount: 20\n      vatPercent: 19\n"
    assert "give its price" in faults((price, ""))[0][1]


@pytest.mark.parametrize(
    "said",
    [
        "dayCapacity: 5",
        "closures: [{dateFrom: 2027-01-01, dateTo: 2027-01-02}]",
    ],
)
def test_what_a_schedule_is_needed_for_is_refused_without_one(said):
    told = faults(("items:\n", f"admissions:\n  - code: M\n    name: Museum\n    {said}\nitems:\n"))
    assert "needs schedules" in told[0][1]


@pytest.mark.parametrize("day", ["0", "1800000000", "2027-02-29"])
def test_a_date_that_is_none_is_refused_in_every_section(day):
    for said in (
        f"closures: [{{dateFrom: {day}, dateTo: 2027-01-02}}]",
        f"overrides: [{{date: {day}, closed: true}}]",
        f"schedules: [{{code: A, capacity: 1, validFrom: {day}}}]",
    ):
        section = f"admissions:\n  - code: M\n    name: Museum\n    {said}\nitems:\n"
        told = faults(("items:\n", section))
        assert "YYYY-MM-DD" in told[0][1] or "calendar" in told[0][1]


def test_a_venue_may_insist_on_numbers_that_can_be_guessed_but_not_on_ones_that_run_out():
    insist = '"HM-[N*6]"\n    insistOnPattern: true\n    numbersPerYear: {}'
    text = HARBOUR.replace('"HM-[X*9]"', insist.format(10_000))
    assert read_venue_file(text, "x").ticket_types[0].insist_on_pattern is True
    told = faults(('"HM-[X*9]"', insist.format(10_001)))
    assert "1,000,100 are wanted: 10,001 in a year * 10 years * 10" in told[0][1]


def test_a_pattern_is_checked_against_the_sales_that_the_venue_names():
    nine = '"HM-[X*9]"\n    numbersPerYear: {}'
    read_venue_file(HARBOUR.replace('"HM-[X*9]"', nine.format(100_000_000)), "x")
    told = faults(('"HM-[X*9]"', nine.format(1_000_000_000)))
    assert "36^9 = 101,559,956,668,416 different numbers" in told[0][1]


def test_a_wallet_pattern_is_checked_as_a_tickets_is():
    told = faults(("  language: DEU\n", '  language: DEU\n  walletNumberPattern: "W[N*6]"\n'))
    assert told[0][0] == 'walletNumberPattern: "W[N*6]"'
    assert "random bits" in told[0][1]


def test_the_published_schema_is_the_one_that_the_file_is_read_by():
    published = (ROOT / "docs/reference/venue-file.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), (
        "run: channel-manager schema > docs/reference/venue-file.sch…"
    )


class AsEditorsRead(yaml.SafeLoader):
    """YAML as editors read it: a date is a text."""


AsEditorsRead.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_fulfil_the_schema(example):
    value = yaml.load(example.read_text(encoding="utf-8"), Loader=AsEditorsRead)  # noqa: S506
    jsonschema.validate(value, venue_schema(), jsonschema.Draft202012Validator)
    read_venue_file(example.read_text(encoding="utf-8"), example.name)


def test_the_schema_refuses_what_the_reader_refuses():
    value = yaml.load(HARBOUR, Loader=AsEditorsRead)  # noqa: S506
    value["items"][0]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, venue_schema(), jsonschema.Draft202012Validator)


def test_every_field_is_described_in_the_schema_and_in_the_reference():
    reference = (ROOT / "docs/reference/venue-file.md").read_text(encoding="utf-8")
    schema = json.loads(schema_text())
    for definition in [schema, *schema["$defs"].values()]:
        for name, field in definition.get("properties", {}).items():
            assert field.get("description"), name
            assert f"`{name}`" in reference, name


@settings(max_examples=60, deadline=None)
@given(venue=venues())
def test_what_is_written_reads_back_as_the_same_venue(venue):
    text = write_yaml(venue)
    again = read_venue_file(text, "drawn.yaml")
    assert again == venue
    assert write_yaml(again) == text


@settings(max_examples=60, deadline=None)
@given(venue=venues())
def test_each_section_comes_back_from_its_row_as_it_was(venue):
    for kept in KEPT:
        for section in getattr(venue, kept.name):
            assert section_of(kept, row_of(kept, venue.partners[0].id, section)) == section


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &a [*a]", "1: *a is inside what it stands for, or stands for nothing"),
        ("a: 1\nb: *x", "2: *x is inside what it stands for, or stands for nothing"),
        ("a:\n - " + "[" * 60, "2: goes more than 50 levels deep"),
        ("a: &a [1,2,3]\nb: &b [*a,*a]\nc: [*b,*b,*a]\n", None),
    ],
)
def test_what_aliases_and_depth_would_make_is_counted_first(text, told):
    faults = [f"{fault.line}: {fault.message}" for fault in read_yaml(text).faults]
    assert faults[0].startswith(told) if told else faults == [], faults


def test_a_few_lines_may_not_say_more_than_memory_holds(monkeypatch):
    monkeypatch.setattr("channel_manager.venue_yaml.MOST_VALUES", 20)
    assert read_yaml("a: &a [1,2,3]\nb: [*a,*a,*a]\n").faults == []
    [fault] = read_yaml("a: &a [1,2,3]\nb: [*a,*a,*a,*a]\n").faults
    assert (fault.line, fault.message) == (2, "holds more than 20 values; split the file")
