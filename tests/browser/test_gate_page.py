"""The gate's page in a real browser, with a scanner that types."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from support.axe import assert_accessible
from support.gate_page import admitted_today, set_up, ticket

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture
async def page(browser, venue) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport=PHONE)
    page = await context.new_page()
    await set_up(page, venue.service.base, venue.key)
    yield page
    await context.close()


async def scan(page: Page, number: str) -> None:
    await page.keyboard.type(number)
    await page.keyboard.press("Enter")


async def test_a_hand_scanner_lets_a_guest_in_once(page, client, venue, screenshots):
    name = "<img src=x onerror=alert(1)> 王小明"
    number = await ticket(client, venue.database, name)
    before = await admitted_today(client)
    await scan(page, number)
    await expect(page.locator("#light")).to_have_text("Go")
    await expect(page.locator("#verdict")).to_have_class("green")
    await expect(page.locator("#tickets")).to_contain_text(name)
    await expect(page.locator("#today")).to_have_text(str(before + 1))
    await page.screenshot(path=screenshots / "gate-green.png")
    await scan(page, number)
    await expect(page.locator("#verdict")).to_have_class("red")
    await expect(page.locator("#reason")).to_contain_text("Already admitted")
    await page.screenshot(path=screenshots / "gate-red.png")


async def test_scans_without_a_line_are_kept_and_sent_later(page, client, venue):
    number = await ticket(client, venue.database)
    before = await admitted_today(client)
    await page.context.set_offline(True)
    await scan(page, number)
    await expect(page.locator("#light")).to_have_text("No line")
    await expect(page.locator("#offline")).to_have_text("Scans waiting for the line: 1")
    await page.context.set_offline(False)
    await expect(page.locator("#offline")).to_be_hidden(timeout=20_000)
    await expect(page.locator("#today")).to_have_text(str(before + 1))


async def test_a_wrong_key_is_told(browser, venue):
    page = await browser.new_page()
    await set_up(page, venue.service.base, "nope")
    await expect(page.locator("#reason")).to_contain_text("valid API key")
    assert "nope" not in page.url
    await page.close()


@pytest.mark.parametrize(
    ("language", "direction", "said"),
    [
        ("da", "ltr", ("Gå ind", "Stop", "Allerede lukket ind")),
        ("de", "ltr", ("Eintritt", "Halt", "Bereits eingelassen")),
        ("ar", "rtl", ("تفضّل", "قف", "سبق الدخول")),
    ],
)
async def test_the_page_and_its_verdicts_speak_the_browsers_language(  # noqa: PLR0917
    browser, client, venue, screenshots, language, direction, said
):
    go, stop, already = said
    number = await ticket(client, venue.database, "محمد علي")
    context = await browser.new_context(locale=language, viewport=PHONE)
    page = await context.new_page()
    await set_up(page, venue.service.base, venue.key, language="")
    assert await page.get_attribute("html", "lang") == language
    assert await page.get_attribute("html", "dir") == direction
    for light, name in ((go, "green"), (stop, "red")):
        await scan(page, number)
        await expect(page.locator("#light")).to_have_text(light)
        await expect(page.locator("#verdict")).to_have_class(name)
        await page.screenshot(path=screenshots / f"gate-{language}-{name}.png", full_page=True)
    await expect(page.locator("#reason")).to_contain_text(already)
    await context.close()


async def test_a_language_is_chosen_on_the_page_and_the_set_up_stays(page):
    await page.get_by_label("Language").select_option("de")
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await expect(page.locator("#light")).to_have_text("Bereit")


async def test_the_gates_page_breaks_no_rule_of_accessibility(browser, client, venue, screenshots):
    context = await browser.new_context(locale="en")
    page = await context.new_page()
    await page.goto(f"{venue.service.base}/gate")
    await in_every_look(page, "gate, set-up", screenshots)
    await set_up(page, venue.service.base, venue.key)
    await in_every_look(page, "gate, waiting", screenshots)
    number = await ticket(client, venue.database, "Jane Doe " * 11)
    for state in ("green", "red"):
        await scan(page, number)
        await expect(page.locator("#verdict")).to_have_class(state)
        await in_every_look(page, f"gate, {state}", screenshots)
    await context.set_offline(offline=True)
    await scan(page, number)
    await expect(page.locator("#light")).to_have_text("No line")
    await in_every_look(page, "gate, no line", screenshots)
    await context.close()


async def in_every_look(page: Page, what: str, screenshots: Path) -> None:
    for size, scheme in ((PHONE, "light"), (PHONE, "dark"), (DESKTOP, "dark"), (DESKTOP, "light")):
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        look = f"{what}, {size['width']}, {scheme}"
        await page.screenshot(path=screenshots / f"{look.replace(', ', '-')}.png", full_page=True)
        await assert_accessible(page, look)
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth"), look
