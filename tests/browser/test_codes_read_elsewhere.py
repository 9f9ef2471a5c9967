"""Codes on the page and in the PDF, as readers that aren't ours see them."""

from io import BytesIO

import httpx
import pypdfium2
import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import text

from channel_manager.manifests.view import CodeFormat
from support.castle import ORDERS_PATH, line, order
from support.readers import read_elsewhere

NAMES = ["Jane Doe", "王小明", "محمد علي", "<img src=x onerror=alert(1)>"]
SCALE = 4


@pytest.mark.parametrize("code_format", CodeFormat)
async def test_the_codes_of_four_tickets_are_their_numbers(browser, client, venue, code_format):
    async with venue.database.transaction() as conn:
        await conn.execute(
            text("UPDATE partners SET design = design || CAST(:f AS jsonb)"),
            {"f": f'{{"codeFormat": "{code_format}"}}'},
        )
    items = [line(quantity=4, wallet={"names": NAMES})]
    issued = (await client.post(f"{ORDERS_PATH}?sync=1", json=order(items=items))).json()
    wallets = issued["items"][0]["wallets"]
    numbers = [wallet["assets"][0]["referenceNumber"] for wallet in wallets]
    assert len(set(numbers)) == 4
    reader = await browser.new_page()
    assert await on_page(browser, issued["manifestUrl"], reader, code_format) == numbers
    assert await in_pdf(client, issued, reader, code_format) == numbers
    await reader.close()


async def on_page(browser, url: str, reader, code_format: CodeFormat) -> list[str]:
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=3
    )
    page = await context.new_page()
    await page.goto(url)
    read = []
    for code in await page.locator("img.code").all():
        shot = Image.open(BytesIO(await code.screenshot()))
        read.append(await read_elsewhere(reader, shot, code_format))
    await context.close()
    return read


async def in_pdf(
    client: httpx.AsyncClient, issued: dict, reader, code_format: CodeFormat
) -> list[str]:
    url = issued["manifestUrl"].replace("/manifest?", "/manifest/pdf?")
    read = []
    for sheet in pypdfium2.PdfDocument((await client.get(url)).content):
        image = sheet.render(scale=SCALE).to_pil().convert("L")
        # Our own reader finds the place; what stands there is the other's to say.
        (found,) = zxingcpp.read_barcodes(image)
        read.append(await read_elsewhere(reader, around(image, found.position), code_format))
    return read


def around(image: Image.Image, place: zxingcpp.Position) -> Image.Image:
    corners = (place.top_left, place.top_right, place.bottom_left, place.bottom_right)
    across, down = [corner.x for corner in corners], [corner.y for corner in corners]
    # With the white that belongs to the code.
    margin = 12 * SCALE
    return image.crop(
        (min(across) - margin, min(down) - margin, max(across) + margin, max(down) + margin)
    )
