import re
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, date, datetime, time
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.manifests.codes import symbol
from channel_manager.manifests.colour import DARK_SURFACE, LIGHT_SURFACE, accents, contrast
from channel_manager.manifests.page import Links, page_headers, render_page
from channel_manager.manifests.view import (
    AssetState,
    AssetView,
    CodeFormat,
    ManifestStatus,
    ManifestView,
    VenueView,
)
from manifest_views import ADULT, AUDIO, NAMES, VIEW, WALLET, with_asset, with_guest

LINKS = Links(pdf="/p.pdf", calendar="/c.ics", wallets={WALLET.wallet_page_id: "/w"})


class Reader(HTMLParser):
    """What a browser sees: the elements with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(view: ManifestView, links: Links = LINKS) -> Reader:
    return Reader(render_page(view, links=links))


def codes(read: Reader) -> list[dict[str, str | None]]:
    return [image for image in read.all("img") if "code" in (image.get("class") or "").split()]


def test_a_ticket_says_who_what_when_where_and_for_how_many():
    read = page(with_asset(replace(ADULT, admits=4)))
    for text in (
        "Jane Doe",
        "Castle, adult",
        "Saturday, June 5, 2027",
        "Central European Summer Time",
        "Kronborg Example",
        "4 people",
        "TK-8F3KQ2ZX9PLM",
        "CM-20270501101500-AB12",
        "BOOKING-4711",
        "734901882644019275",
    ):
        assert text in read.texts


def test_the_time_is_the_venues_own_and_standard_time_in_winter():
    winter = replace(WALLET, visit_date=date(2027, 1, 5), visit_time=time(14, 30))
    read = page(replace(VIEW, wallets=(winter,), language="DAN"))
    assert "14.30" in read.texts
    assert "Centraleuropæisk normaltid" in read.texts


def test_each_code_is_the_picture_of_its_own_number():
    wallets = tuple(
        replace(
            WALLET, assets=(replace(ADULT, reference_number=f"TK-{n}"),), guest_name=f"Guest {n}"
        )
        for n in range(4)
    )
    drawn = codes(page(replace(VIEW, wallets=wallets)))
    for n, image in enumerate(drawn):
        source = image["src"] or ""
        svg = b64decode(source.removeprefix("data:image/svg+xml;base64,")).decode()
        assert svg == symbol(f"TK-{n}", CodeFormat.QR).svg()
        assert image["alt"] == f"Code to scan: TK-{n}"
    assert len(drawn) == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is_and_does_nothing(name: str):
    plain, read = page(with_guest("Jane Doe")), page(with_guest(name))
    if name.strip():
        assert any(name in text for text in read.texts)
        assert [tag for tag, _ in read.tags] == [tag for tag, _ in plain.tags]
    assert not any(key.startswith("on") for _, attributes in read.tags for key in attributes)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_in_any_place_stays_text(text: str):
    wallet = replace(WALLET, guest_name=text, item_description=text, external_reference=text)
    html = render_page(
        replace(VIEW, wallets=(wallet,), partner_reference=text, venue=VenueView(text, "UTC")),
        links=Links(),
    )
    assert {tag for tag, _ in Reader(html).tags} <= {tag for tag, _ in page(VIEW).tags}


def test_nothing_is_fetched_and_no_script_is_needed():
    html = render_page(VIEW, links=LINKS)
    read = Reader(html)
    assert {"script", "link", "iframe", "object", "form"}.isdisjoint(tag for tag, _ in read.tags)
    assert all((image["src"] or "").startswith("data:image/") for image in read.all("img"))
    assert not any("style" in attributes for _, attributes in read.tags)
    assert "url(" not in html
    assert "@import" not in html


@pytest.mark.parametrize(
    "colour", [None, "#ffd400", "#000000", "#FFFFFF", "red;}*{display:none", "#fff"]
)
def test_the_policy_allows_exactly_the_style_sheet_of_the_page(colour: str | None):
    view = replace(VIEW, venue=replace(VIEW.venue, colour=colour))
    styles = re.findall("<style>(.*?)</style>", render_page(view, links=LINKS), re.DOTALL)
    hashes = [b64encode(sha256(style.encode()).digest()).decode() for style in styles]
    policy = page_headers(view)["Content-Security-Policy"].split("; ")
    assert "style-src " + " ".join(f"'sha256-{digest}'" for digest in hashes) in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in "".join(policy)
    assert len(styles) == (1 if colour is None else 2)
    assert not any("display:none" in style or "&" in style for style in styles)


def test_the_default_colour_is_the_one_that_the_style_sheet_falls_back_to():
    light, dark = accents(None)
    html = render_page(VIEW)
    assert f"var(--venue-light, {light})" in html
    assert f"var(--venue-dark, {dark})" in html


@given(st.integers(0, 0xFFFFFF))
def test_any_colour_of_a_venue_is_legible_on_light_and_on_dark(value: int):
    light, dark = accents(f"#{value:06x}")
    assert contrast(light, LIGHT_SURFACE) >= 4.5
    assert contrast(dark, DARK_SURFACE) >= 4.5


def test_contrast_is_what_wcag_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


def test_a_cancelled_order_says_so_first_and_leaves_nothing_to_scan():
    read = page(replace(VIEW, status=ManifestStatus.CANCELLED))
    assert "This order is cancelled" in read.texts
    assert read.texts.count("Cancelled") >= 2
    assert codes(read) == []
    assert not read.all("a")[1:]


@pytest.mark.parametrize(
    ("asset", "shown", "scannable"),
    [
        (replace(ADULT, state=AssetState.CANCELLED), "Cancelled", False),
        (
            replace(ADULT, state=AssetState.USED, used_at=datetime(2027, 6, 5, 12, 31, tzinfo=UTC)),
            "Used on June 5, 2027, 2:31\u202fPM",
            False,
        ),
        (
            replace(
                ADULT, state=AssetState.EXPIRED, valid_until=datetime(2027, 6, 5, 22, tzinfo=UTC)
            ),
            "Expired on June 6, 2027, 12:00\u202fAM",
            False,
        ),
        (
            replace(
                AUDIO,
                state=AssetState.NOT_VALID_YET,
                valid_from=datetime(2027, 6, 4, 22, tzinfo=UTC),
            ),
            "Valid from June 5, 2027, 12:00\u202fAM",
            True,
        ),
    ],
)
def test_what_is_not_valid_says_so_and_since_when(asset: AssetView, shown: str, *, scannable: bool):
    read = page(with_asset(asset))
    assert shown in [text.strip() for text in read.texts]
    assert bool(codes(read)) is scannable
    assert asset.reference_number in read.texts


def test_a_number_that_its_format_cannot_hold_is_drawn_as_qr():
    (image,) = codes(
        page(with_asset(replace(ADULT, reference_number="王-1", code_format=CodeFormat.CODE128)))
    )
    assert "wide" not in (image["class"] or "")


def test_an_arabic_page_runs_from_right_to_left_but_not_its_numbers():
    read = page(replace(VIEW, language="ARE"))
    (html,) = read.all("html")
    assert html == {"lang": "ar-EG", "dir": "rtl"}
    numbers = [bdi for bdi in read.all("bdi") if bdi.get("dir") == "ltr"]
    assert len(numbers) == 2


@pytest.mark.parametrize("language", ["JPN", "zz", "", "x" * 50])
def test_a_language_without_a_catalogue_reads_english(language: str):
    read = page(replace(VIEW, language=language))
    assert (read.all("html")[0]["lang"] or "").startswith("en")
    assert "Your tickets" in read.texts


def test_landmarks_and_headings_are_in_order():
    read = page(replace(VIEW, wallets=(WALLET,) * 3))
    tags = [tag for tag, _ in read.tags]
    assert [tags.count(tag) for tag in ("header", "main", "nav", "h1")] == [1, 1, 1, 1]
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all("alt" in image for image in read.all("img"))


def test_a_guest_without_a_name_is_not_called_by_the_items_name_twice():
    read = page(with_guest(WALLET.item_description))
    assert "Guest" not in read.texts


def test_an_open_ticket_needs_no_time():
    read = page(replace(VIEW, wallets=(replace(WALLET, visit_time=None),)))
    assert "Any time that day" in [text.strip() for text in read.texts]
    assert not any("Central European" in text for text in read.texts)


def test_the_logo_is_the_venues_own_and_decoration():
    with_it, without = page(VIEW, Links(logo="/wallets/logo/abc")), page(VIEW)
    shown = [image for image in with_it.all("img") if image.get("class") == "logo"]
    assert shown == [{"class": "logo", "src": "/wallets/logo/abc", "alt": ""}]
    assert not any(image.get("class") == "logo" for image in without.all("img"))
