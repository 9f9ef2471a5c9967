"""What a venue file says of the design is what guests see (reference: The design)."""

from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from channel_manager.venue_export import read_venue, write_yaml
from channel_manager.venue_file import VenueFileError, read_venue_file
from channel_manager.venue_import import import_venue
from support.castle import CASTLE_FILE, ORDERS_PATH, order

CASTLE = CASTLE_FILE.read_text(encoding="utf-8")
PARTNERS_DESIGN = (
    '    design:\n      name: The Castle\n      colour: "#8a1538"\n      codeFormat: qr\n'
)
OWN = """  design:
    address: [Slotsvej 1, Elsinore]
    logo: logo.png
    colour: "#123456"
    codeFormat: code128
"""


def drawn(colour: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (60, 20), colour).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logo.png").write_bytes(drawn("red"))
    (tmp_path / "other.png").write_bytes(drawn("lime"))
    return tmp_path


def castle(company: str = "", partner: str = "", item: str = "") -> str:
    """The castle with these designs, and with this said of its item."""
    assert PARTNERS_DESIGN in CASTLE
    return (
        CASTLE.replace(PARTNERS_DESIGN, partner)
        .replace("  language: DAN\n", "  language: DAN\n" + company, 1)
        .replace("    ticketType: ADMISSION\n", "    ticketType: ADMISSION\n" + item, 1)
    )


async def load(database, file_text: str, folder: Path):
    async with database.transaction() as conn:
        return await import_venue(conn, read_venue_file(file_text, "venue.yaml", folder))


async def issue(client) -> dict:
    return (await client.post(f"{ORDERS_PATH}?sync=1", json=order())).json()


def form(issued, kind: str) -> str:
    return issued["manifestUrl"].replace("/manifest?", f"/manifest/{kind}?")


async def shown(client) -> dict:
    return (await client.get(form(await issue(client), "json"))).json()


async def test_logo_and_address_are_on_page_and_pdf(client, database, folder):
    await load(database, castle(OWN), folder)
    issued = await issue(client)
    page = await client.get(issued["manifestUrl"])
    assert "Slotsvej 1" in page.text
    venue = (await client.get(form(issued, "json"))).json()["venue"]
    assert venue["address"] == ["Slotsvej 1", "Elsinore"]
    path = venue["logo"].removeprefix("http://venue.example")
    assert f'<img class="logo" src="{path}" alt="">' in page.text
    document = pypdfium2.PdfDocument((await client.get(form(issued, "pdf"))).content)
    assert "Slotsvej 1" in document[0].get_textpage().get_text_bounded()
    assert (255, 0, 0) in {c for _, c in document[0].render().to_pil().getcolors(1 << 20)}
    document.close()


async def test_a_logo_is_served_as_what_it_is_and_may_be_kept(client, database, folder):
    await load(database, castle(OWN), folder)
    address = (await shown(client))["venue"]["logo"]
    reply = await client.get(address, headers={"x-np-api-key": ""})
    assert reply.content == drawn("red")
    assert reply.headers["content-type"] == "image/png"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    never = await client.get("/wallets/logo/" + "0" * 64)
    assert (never.status_code, never.json()["code"]) == (404, "resource_not_found")
    assert (await client.get("/wallets/logo/nope")).status_code == 400


async def test_a_partners_design_outranks_the_companys_field_by_field(client, database, folder):
    own = "    design:\n      name: Castle for you\n      logo: other.png\n"
    await load(database, castle(OWN, own), folder)
    venue = (await shown(client))["venue"]
    assert (venue["name"], venue["colour"]) == ("Castle for you", "#123456")
    assert (await client.get(venue["logo"])).content == drawn("lime")


@pytest.mark.parametrize(
    ("designs", "drawn_as"),
    [
        (("", "", ""), "qr"),
        ((OWN, "", ""), "code128"),
        ((OWN, "    design: {codeFormat: aztec}\n", ""), "aztec"),
        ((OWN, "    design: {codeFormat: aztec}\n", "    codeFormat: datamatrix\n"), "datamatrix"),
        ((OWN, "", "    codeFormat: qr\n"), "qr"),
    ],
)
async def test_item_then_partner_then_company_say_the_code(
    client, database, folder, designs, drawn_as
):
    await load(database, castle(*designs), folder)
    (asset, *_) = (await shown(client))["wallets"][0]["assets"]
    assert asset["codeFormat"] == drawn_as


async def test_an_export_holds_the_picture_and_imports_as_no_change(database, folder):
    own = "    design:\n      logo: other.png\n"
    company_id = (await load(database, castle(OWN, own), folder)).company_id
    async with database.transaction() as conn:
        exported = write_yaml(await read_venue(conn, company_id))
    # No folder: the text alone is enough.
    async with database.transaction() as conn:
        done = await import_venue(conn, read_venue_file(exported, "exported.yaml"))
    assert done.differences == []


async def test_another_picture_is_told_in_short_and_the_old_one_goes(client, database, folder):
    await load(database, castle(OWN), folder)
    old = (await shown(client))["venue"]["logo"]
    done = await load(database, castle(OWN.replace("logo.png", "other.png")), folder)
    (difference,) = done.differences
    was, now = difference.fields["design.logo"]
    assert was.startswith("image/png, ")
    assert max(len(was), len(now)) < 60
    assert (await client.get(old)).status_code == 404
    assert (await client.get((await shown(client))["venue"]["logo"])).content == drawn("lime")


@pytest.mark.parametrize(
    ("logo", "why"),
    [
        ("nowhere.png", "nowhere.png can't be read beside the venue file: No such file"),
        ("text.png", "text.png is not a whole picture; save it as PNG or JPEG"),
        ("drawing.svg", "drawing.svg is an SVG, which can carry a program"),
        ("large.png", "large.png is 200,001 bytes; 200,000 are taken"),
        (".", "can't be read beside the venue file: Is a directory"),
        ('"data:image/png;base64,AAAA"', "is not a whole picture"),
    ],
)
def test_a_bad_logo_is_told_with_its_place(folder, logo, why):
    (folder / "text.png").write_text("hello")
    (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "large.png").write_bytes(b"\x89PNG".ljust(200_001))
    with pytest.raises(VenueFileError) as told:
        read_venue_file(castle(OWN.replace("logo.png", logo)), "venue.yaml", folder)
    assert "company.design.logo: " in str(told.value)
    assert str(told.value).startswith("venue.yaml:")
    assert why in str(told.value)
