"""What the venue file may say of OCTO, and what it may not."""

from pathlib import Path

import pytest
import yaml

from channel_manager.venue_file import VenueFileError, read_venue_file
from channel_manager.venue_rows import KEPT, row_of, section_of

HARBOUR = (Path(__file__).parents[2] / "examples" / "octo-harbour.yaml").read_text("utf-8")


def harbour(number: str, **octo: object) -> str:
    """The harbour with another `octo` part of one item."""
    parsed = yaml.safe_load(HARBOUR)
    (item,) = (item for item in parsed["items"] if item["number"] == number)
    item["octo"] = octo
    return yaml.safe_dump(parsed, sort_keys=False)


@pytest.mark.parametrize(
    ("number", "octo", "said"),
    [
        ("TOUR-SENIOR", {"variantOf": "NEVER"}, "there is no item NEVER that is sold"),
        ("TOUR-SENIOR", {"variantOf": "TOUR-SENIOR"}, "is itself a variant"),
        ("TOWER-CHILD", {"variantOf": "TOUR-CHILD"}, "TOUR-CHILD is itself a variant"),
        ("TOWER-CHILD", {"variantOf": "TOUR"}, "admit to different places"),
        ("AUDIO", {"variantOf": "MUSEUM"}, "admit to different places"),
        ("AUDIO", {"optionOf": "NEVER"}, "there is no item NEVER that is sold"),
        ("AUDIO", {"optionOf": "TOUR-GROUP"}, "TOUR-GROUP doesn't head a product"),
        ("TOUR-CHILD", {"variantOf": "TOUR", "accompaniedBy": ["TOWER"]}, "no unit of the same"),
        ("AUDIO", {"variantOf": "TOUR", "optionOf": "TOUR"}, "not both"),
        ("AUDIO", {"minAge": 9, "maxAge": 8}, "minAge 9 is over maxAge 8"),
        ("AUDIO", {"minUnits": 3, "maxUnits": 2}, "minUnits is over maxUnits"),
        ("AUDIO", {"minQuantity": 3, "maxQuantity": 2}, "minQuantity is over maxQuantity"),
        ("AUDIO", {"unitType": "GIANT"}, "unitType"),
        ("AUDIO", {"picture": "http://example.com/a.png"}, "picture"),
        ("AUDIO", {"colour": "red"}, "colour"),
    ],
)
def test_what_contradicts_itself_or_the_rest(number, octo, said):
    with pytest.raises(VenueFileError) as refused:
        read_venue_file(harbour(number, **octo), "venue.yaml")
    assert said in str(refused.value)


def test_what_a_row_keeps_of_an_item_is_what_the_file_says():
    (kept,) = (kept for kept in KEPT if kept.name == "items")
    venue = read_venue_file(HARBOUR, "venue.yaml")
    for item in venue.items:
        row = row_of(kept, venue.company.tenant, item)
        assert section_of(kept, row) == item
    assert row_of(kept, venue.company.tenant, venue.items[-1])["octo"] == {}
