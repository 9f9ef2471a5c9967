from pathlib import Path

from channel_manager.venue_difference import differences
from channel_manager.venue_file import read_venue_file

FILE = Path(__file__).parents[2] / "examples" / "harbour.yaml"
TEXT = FILE.read_text(encoding="utf-8")
HARBOUR = read_venue_file(TEXT, "harbour.yaml")


def told(*changes, old=HARBOUR):
    text = TEXT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    found = differences(old, read_venue_file(text, "harbour.yaml"))
    return [line for difference in found for line in difference.lines()]


def test_the_same_file_is_no_difference():
    assert told() == []


def test_a_new_company_adds_everything():
    lines = told(old=None)
    assert lines[0] == "+ company Fabrikam Harbour GmbH"
    assert "+ items 5000" in lines
    assert all(line.startswith("+ ") for line in lines)


def test_a_change_is_told_with_the_old_and_the_new():
    assert told(("amount: 20\n", "amount: 21.50\n")) == [
        "~ items 2000",
        "    price.amount: 20 → 21.5",
    ]


def test_what_is_inside_a_package_is_told_by_its_place():
    assert told(("percentOff: 50", "amountOff: 1")) == [
        "~ items 5000",
        "    package.components[1].price.percentOff: 50 → nothing",
        "    package.components[1].price.amountOff: nothing → 1",
    ]


def test_an_amount_written_otherwise_is_no_difference():
    assert told(("amount: 20\n", "amount: 20.00\n")) == []


def test_what_the_file_no_longer_names_is_removed_but_a_partner_is_kept():
    start = TEXT.index("  - code: BOAT-EARLY-BIRD")
    second = TEXT[TEXT.index("  - id: 6c1a7d2f") : TEXT.index("# GET …/ticket")]
    assert told((TEXT[start:], ""), (second, "\n")) == [
        "= partners 6c1a7d2f-8b3e-4f9c-8d4a-2e3f4a5b6c7d  (not in the file, but never removed)",
        "- priceRules BOAT-EARLY-BIRD",
    ]


def test_the_company_itself_may_change():
    assert told(("language: DEU", "language: DAN")) == [
        "~ company Fabrikam Harbour GmbH",
        "    language: DEU → DAN",
    ]
