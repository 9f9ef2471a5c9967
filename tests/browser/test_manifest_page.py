"""The guest's page in a real browser: three languages, phone and desktop, light and dark."""

from io import BytesIO

import httpx
import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Locator, Page
from sqlalchemy import text

from channel_manager.designs.pictures import check_picture
from channel_manager.designs.service import keep_logos
from support.axe import assert_accessible
from support.castle import ORDERS_PATH, line, order

NAMES = ["王小明", "<img src=x onerror=alert(1)>"]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


async def issue(client: httpx.AsyncClient, language: str) -> dict:
    body = order(sellToLanguage=language, items=[line(wallet={"names": NAMES})])
    issued: dict = (await client.post(f"{ORDERS_PATH}?sync=1", json=body)).json()
    return issued


def numbers(issued: dict) -> set[str]:
    return {
        asset["referenceNumber"]
        for wallet in issued["items"][0]["wallets"]
        for asset in wallet["assets"]
    }


async def opened(browser, url: str, size: dict, scheme: str = "light") -> Page:
    context = await browser.new_context(viewport=size, color_scheme=scheme)
    page = await context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda _: pytest.fail("a name ran as a script"))
    await page.goto(url)
    assert {
        r for r in requests if not r.startswith((url.split("/wallets", maxsplit=1)[0], "data:"))
    } == set()
    return page


async def codes_on(page: Page) -> set[str]:
    shot = Image.open(BytesIO(await page.screenshot(full_page=True)))
    return {found.text for found in zxingcpp.read_barcodes(shot)}


@pytest.mark.parametrize(
    ("language", "tag", "direction"),
    [("ENU", "en", "ltr"), ("DAN", "da", "ltr"), ("ARA", "ar", "rtl")],
)
async def test_every_ticket_shows_its_own_code(
    browser, client, screenshots, language, tag, direction
):
    issued = await issue(client, language)
    for size, scheme in ((PHONE, "light"), (DESKTOP, "light"), (PHONE, "dark")):
        page = await opened(browser, issued["manifestUrl"], size, scheme)
        name = f"manifest-{tag}-{size['width']}-{scheme}.png"
        await page.screenshot(path=screenshots / name, full_page=True)
        assert await codes_on(page) == numbers(issued)
        assert (await page.get_attribute("html", "lang") or "").startswith(tag)
        assert await page.get_attribute("html", "dir") == direction
        shown = await page.inner_text("body")
        assert all(name in shown for name in NAMES)
        overflow = await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not overflow
        await page.context.close()


async def test_hard_names_are_legible_and_stand_off_the_codes(browser, client, screenshots):
    names = ["محمد علي", "Ħ Ł Ő", "👩‍👩‍👧", "W" * 100, "Jane Doe " * 10 + "!", "=HYPERLINK(1)"]
    items = [line(quantity=len(names), wallet={"names": names})]
    issued = (await client.post(f"{ORDERS_PATH}?sync=1", json=order(items=items))).json()
    for size in (PHONE, DESKTOP):
        page = await opened(browser, issued["manifestUrl"], size)
        shown = await page.locator("section h2").all_inner_texts()
        assert shown == names
        # Each code as a camera sees it, with whatever might lie over it.
        read = [await code_in(code) for code in await page.locator("img.code").all()]
        assert sorted(read) == sorted(numbers(issued))
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
        await page.screenshot(
            path=screenshots / f"manifest-names-{size['width']}.png", full_page=True
        )
        await page.context.close()


async def code_in(element: Locator) -> str:
    shot = Image.open(BytesIO(await element.screenshot()))
    (found,) = zxingcpp.read_barcodes(shot)
    return found.text


async def test_the_logo_is_shown_and_nothing_comes_from_elsewhere(browser, client, venue):
    file = BytesIO()
    Image.new("RGB", (60, 20), "red").save(file, "PNG")
    async with venue.database.transaction() as conn:
        company_id = await conn.scalar(text("SELECT company_id FROM companies"))
        picture = check_picture(file.getvalue())
        await keep_logos(conn, company_id, [picture])
        await conn.execute(
            text("UPDATE companies SET design = CAST(:design AS jsonb)"),
            {"design": f'{{"logo": "{picture.digest}"}}'},
        )
    page = await opened(browser, (await issue(client, "ENU"))["manifestUrl"], PHONE)
    logo = page.locator("img.logo")
    assert await logo.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [60, 20]
    await assert_accessible(page, "order, with a logo")
    await page.context.close()


async def test_a_page_that_is_not_there_says_so(browser, venue):
    context = await browser.new_context(locale="de", viewport=PHONE)
    page = await context.new_page()
    await page.goto(f"{venue.service.base}/wallets/manifest?mid=nope")
    assert await page.inner_text("h1") == "Diese Seite gibt es nicht"
    await assert_accessible(page, "no such page")
    await context.close()


async def test_a_wallets_page_shows_its_own_ticket_alone(browser, client):
    issued = await issue(client, "ENU")
    for wallet in issued["items"][0]["wallets"]:
        page = await opened(browser, wallet["manifestUrl"], PHONE)
        assert await codes_on(page) == {wallet["assets"][0]["referenceNumber"]}
        await page.context.close()


async def test_a_cancelled_order_says_so_and_shows_no_code(browser, client, screenshots):
    issued = await issue(client, "ENU")
    await client.delete(f"{ORDERS_PATH}/{issued['orderId']}")
    page = await opened(browser, issued["manifestUrl"], PHONE)
    await page.screenshot(path=screenshots / "manifest-cancelled.png", full_page=True)
    assert "cancelled" in (await page.inner_text("body")).lower()
    assert await codes_on(page) == set()
    await page.context.close()
