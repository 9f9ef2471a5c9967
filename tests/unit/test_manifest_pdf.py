import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops

from channel_manager.designs.pictures import Picture, check_picture
from channel_manager.manifests.pdf import Layout, render_pdf
from channel_manager.manifests.view import (
    AssetState,
    CodeFormat,
    ManifestStatus,
    VenueView,
)
from manifest_views import ADULT, NAMES, VIEW, WALLET, with_asset, with_guest

LAYOUTS: tuple[Layout, ...] = ("ticket", "compact")


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document)


def codes_of(pdf: bytes) -> list[str]:
    found = []
    for page in pypdfium2.PdfDocument(pdf):
        image = page.render(scale=4).to_pil().convert("L")
        found += sorted(code.text for code in zxingcpp.read_barcodes(image))
    return found


def letters(text: str) -> str:
    """The base characters alone: marks and blanks come out of a PDF in more than one way."""
    folded = unicodedata.normalize("NFKD", text)
    return "".join(c for c in folded if unicodedata.category(c)[0] not in "CMZ")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_ticket_says_who_what_when_where_and_for_how_many(layout: Layout):
    text = text_of(render_pdf(with_asset(replace(ADULT, admits=4)), layout=layout))
    for said in (
        "Jane Doe",
        "Castle, adult",
        "Castle day",
        "Saturday, June 5, 2027",
        "Central European Summer Time",
        "Kronborg Example",
        "4 people",
        "TK-8F3KQ2ZX9PLM",
        "CM-20270501101500-AB12",
        "BOOKING-4711",
        "734901882644019275",
    ):
        assert said in text


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("code_format", CodeFormat)
def test_every_code_reads_back_from_the_rendered_page(layout: Layout, code_format: CodeFormat):
    asset = replace(ADULT, code_format=code_format)
    assert codes_of(render_pdf(with_asset(asset), layout=layout)) == ["TK-8F3KQ2ZX9PLM"]


def test_four_tickets_are_four_pages_with_four_codes_and_names():
    wallets = tuple(
        replace(
            WALLET, guest_name=f"Guest {n}", assets=(replace(ADULT, reference_number=f"TK-{n}"),)
        )
        for n in range(4)
    )
    pdf = render_pdf(replace(VIEW, wallets=wallets))
    assert codes_of(pdf) == ["TK-0", "TK-1", "TK-2", "TK-3"]
    for n, page in enumerate(pypdfium2.PdfDocument(pdf)):
        text = page.get_textpage().get_text_range()
        assert f"Guest {n}" in text
        assert text.count("Guest ") == 1


def test_the_compact_layout_takes_fewer_pages_and_cuts_no_ticket():
    wallets = tuple(
        replace(WALLET, assets=(replace(ADULT, reference_number=f"TK-{n}"),)) for n in range(10)
    )
    pdf = render_pdf(replace(VIEW, wallets=wallets), layout="compact")
    assert len(pypdfium2.PdfDocument(pdf)) <= 4
    assert codes_of(pdf) == [f"TK-{n}" for n in range(10)]
    for page in pypdfium2.PdfDocument(pdf):
        text = page.get_textpage().get_text_range()
        assert text.count("Castle, adult") == text.count("TK-") == text.count("GYG-1")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_set_read_and_stands_off_the_code(layout: Layout, name: str):
    pdf = render_pdf(with_guest(name, partner_reference=name[:50] or "-"), layout=layout)
    assert codes_of(pdf) == ["TK-8F3KQ2ZX9PLM"]
    read = letters(text_of(pdf))
    if "\u202e" in name or "م" in name:
        # PDFium gives what runs from right to left in the order of its glyphs.
        assert set(letters(name)) <= set(read)
    elif "\uffff" not in name:
        # PDFium gives a letter that is drawn of several glyphs once for each of them.
        following = iter(read.partition("Guest")[2] if name.strip() else read)
        assert all(letter in following for letter in letters(name))


@pytest.mark.parametrize(
    "name", ["王小明", "محمد علي", "دינה", "สมชาย", "अनीता", "김하늘", "さくら", "👩‍👩‍👧", "ⵣ"]
)
def test_a_name_is_drawn_with_the_glyphs_of_its_script(name: str):
    with_it, without = (
        pypdfium2.PdfDocument(render_pdf(with_guest(text)))[0].render(scale=2).to_pil()
        for text in (name, "\ue000" * len(name))
    )
    assert with_it.tobytes() != without.tobytes()


def test_nothing_is_drawn_outside_the_page_margins():
    page = pypdfium2.PdfDocument(render_pdf(with_guest("W" * 200)))[0]
    image = page.render(scale=2).to_pil().convert("L")
    band = image.crop((0, 30, image.width, image.height))
    inked = band.point(lambda value: 255 if value < 250 else 0).getbbox()
    assert inked is not None
    left, _, right, _ = inked
    assert left >= image.width * 18 / 210 - 2
    assert right <= image.width * 192 / 210 + 2


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_cancelled_order_says_so_and_leaves_nothing_to_scan(layout: Layout):
    pdf = render_pdf(replace(VIEW, status=ManifestStatus.CANCELLED), layout=layout)
    assert "This order is cancelled" in text_of(pdf)
    assert "TK-8F3KQ2ZX9PLM" in text_of(pdf)
    assert codes_of(pdf) == []


def test_a_used_ticket_says_when_and_leaves_nothing_to_scan():
    used = replace(ADULT, state=AssetState.USED, used_at=datetime(2027, 6, 5, 12, 31, tzinfo=UTC))
    pdf = render_pdf(with_asset(used))
    assert "Used on June 5, 2027, 2:31" in text_of(pdf)
    assert codes_of(pdf) == []


def test_words_come_in_the_language_of_the_order():
    assert "Mitteleuropäische Sommerzeit" in text_of(render_pdf(replace(VIEW, language="DEU")))
    hebrew = letters(text_of(render_pdf(replace(VIEW, language="HEB"))))
    assert letters("מספר הזמנה") in hebrew


def picture(width: int, height: int, kind: str = "PNG") -> Picture:
    file = BytesIO()
    Image.new("RGB", (width, height), "red").save(file, kind)
    return check_picture(file.getvalue())


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg"])
def test_a_logo_that_can_not_be_read_is_left_out(mime: str):
    broken = Picture(b"\x00not a picture", mime)
    assert codes_of(render_pdf(VIEW, logo=broken)) == ["TK-8F3KQ2ZX9PLM", "CP-77QXW2MNBD41"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(20, 20), (1000, 10), (10, 1000)])
def test_a_logo_is_shown_within_its_band(size: tuple[int, int], kind: str):
    page = pypdfium2.PdfDocument(render_pdf(VIEW, logo=picture(*size, kind)))[0]
    image = page.render(scale=2).to_pil()
    reds = image.split()[0].point(lambda v: 255 if v > 200 else 0)
    others = image.split()[1].point(lambda v: 255 if v < 60 else 0)
    box = ImageChops.multiply(reds, others).getbbox()
    assert box is not None
    left, _, right, bottom = box
    assert right - left <= image.width * 62 / 210
    assert bottom <= image.height * 28 / 297
    assert "Kronborg Example" in text_of(render_pdf(VIEW, logo=picture(*size, kind)))


def test_a_venue_of_any_name_can_be_set():
    for name in ("", " ", '"#panic()"', "A" * 300):
        assert render_pdf(replace(VIEW, venue=VenueView(name, "UTC"), wallets=(WALLET,) * 2))


def test_the_same_manifest_gives_the_same_file():
    assert render_pdf(VIEW) == render_pdf(VIEW)
