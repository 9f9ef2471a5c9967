"""The catalogue, venue files and the audit trail in a real browser: each page and action."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from channel_manager.companies.service import list_companies
from channel_manager.console.roles import Role
from channel_manager.jobs import enqueue
from channel_manager.venue_uploads.service import import_job
from support import castle
from support.axe import assert_accessible
from support.console import PASSWORD, add_person

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
EVIL = "<img src=x onerror=alert(1)>"
# A venue with something of everything, at the castle's address.
ADMISSION = """admissions:
  - code: TOWER
    name: The tower
    dayCapacity: 50
    earlyMinutes: 10
    schedules:
      - {code: SUMMER, validFrom: 2026-06-01, validUntil: 2036-08-31,
         recurrence: "FREQ=WEEKLY;BYDAY=SA,SU", capacity: 40, salesOpenDaysBefore: 30,
         salesCloseMinutesBefore: 15, opening: {opens: "10:00", closes: "18:00", slotMinutes: 60}}
    closures: [{dateFrom: 2027-07-01, dateTo: 2027-07-02, reason: Storm}]
  - code: CASTLE
"""
MORE = f"""priceRules:
  - code: SUMMER
    item: I001
    visitFrom: 2027-06-01
    visitTo: 2027-08-31
    change: {{percent: 10}}
  - {{code: EARLY, weekdays: [mon, tue], bookedAheadMin: 30, change: {{relative: -5}}}}
couponTypes:
  - {{code: CAFE, numberPattern: "HC-[X*9]", gives: {{freeItem: A hot drink}}}}
  - {{code: SHOP, numberPattern: "HS-[X*9]", gives: {{percent: 10}}, uses: 3}}
items:
  - number: PACK
    description: Castle and café
    package: {{components: [{{item: I001}}, {{item: CUP}}]}}
  - {{number: CUP, description: A cup, couponType: CAFE, price: {{amount: 20}}, sellable: false}}
  - {{number: EVIL, description: "{EVIL}", ticketType: ADMISSION, price: {{amount: 1}}}}
"""
ITEM = """  - number: I{n:03}
    description: Thing {n}
    ticketType: ADMISSION
    price: {{amount: {n}}}
"""
VENUE = (
    castle.CASTLE_FILE.read_text("utf-8")
    .replace("admissions:\n  - code: CASTLE\n", ADMISSION, 1)
    .replace("name: Example Travel", f'name: "{EVIL}"', 1)
    .replace("items:\n", MORE + "".join(ITEM.format(n=n) for n in range(120)), 1)
)


@pytest.fixture(scope="module")
async def people(venue) -> None:
    async with venue.database.read() as conn:
        [company] = await list_companies(conn)
    for login, role in (("anna", Role.ADMIN), ("vera", Role.VIEWER)):
        await add_person(venue.database, company.company_id, login, role)


async def sign_in(page: Page, base: str, login: str) -> None:
    await page.goto(f"{base}/console")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", level=1).wait_for()


async def visit(browser: Browser, base: str, **options: object) -> tuple[BrowserContext, Page]:
    context = await browser.new_context(viewport=DESK, locale="en-GB", **options)
    page = await context.new_page()
    await sign_in(page, base, "anna")
    return context, page


@pytest.fixture
async def anna(venue, people, browser: Browser) -> AsyncIterator[Page]:
    """An admin at a desk, whose page must never run what somebody has written."""
    context, page = await visit(browser, venue.service.base)
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    yield page
    assert [said for said in trouble if "status of 400" not in said] == []
    await context.close()


async def shots(page: Page, screenshots, name: str) -> None:
    """A picture in both widths and lights, usable by everybody and no wider than its screen."""
    for light in ("light", "dark"):
        await page.emulate_media(color_scheme=light)
        for width, size in (("desk", DESK), ("phone", PHONE)):
            await page.set_viewport_size(size)
            await assert_accessible(page, f"{name}, {width}, {light}")
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} pixels too wide on a {width}"
            await page.screenshot(
                path=screenshots / f"console-{name}-{width}-{light}.png", full_page=True
            )
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(DESK)


async def upload(page: Page, base: str, content: str, name: str = "castle.yaml") -> None:
    await page.goto(f"{base}/console/catalogue/files")
    await page.get_by_label(re.compile("Venue file")).set_input_files(
        {"name": name, "mimeType": "application/yaml", "buffer": content.encode()}
    )
    await page.get_by_role("button", name="Check").click()


async def test_a_file_is_uploaded_compared_applied_and_its_progress_seen(anna, venue, screenshots):
    base = venue.service.base
    await anna.goto(f"{base}/console/catalogue/files")
    await shots(anna, screenshots, "files-none")
    await upload(anna, base, "company: [", "broken.yaml")
    await expect(anna.get_by_role("alert")).to_contain_text("not YAML")
    await shots(anna, screenshots, "files-broken")
    many = "".join(f"  - {{code: S{n}, description: Store {n}}}\n" for n in range(40))
    await upload(anna, base, VENUE.replace("stores:\n", f"stores:\n{many}", 1))
    await expect(anna.get_by_role("table")).to_contain_text(EVIL)
    await shots(anna, screenshots, "upload-checked")
    # Nothing is applied by somebody who thinks better of it.
    anna.once("dialog", lambda dialog: dialog.dismiss())
    await anna.get_by_role("button", name="Apply").click()
    await expect(anna.get_by_role("button", name="Apply")).to_be_visible()
    asked = []
    anna.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept())[1])
    await anna.get_by_role("button", name="Apply").click()
    # The page renews itself; nobody reloads it.
    await expect(anna.locator("#upload")).to_contain_text(
        "The venue is now as the file says", timeout=30_000
    )
    assert asked == ["Apply this file to the venue?"]
    await shots(anna, screenshots, "upload-applied")
    await anna.goto(f"{base}/console/catalogue/files")
    await expect(anna.get_by_role("table")).to_contain_text("applied")
    await shots(anna, screenshots, "files")


async def test_an_upload_under_way_and_one_that_failed(anna, venue, screenshots):
    base = venue.service.base
    await upload(anna, base, VENUE.replace("holdMinutes: 60", "holdMinutes: 45"))
    address = anna.url
    upload_id = UUID(address.rpartition("/")[2])
    running = "state = 'running', step = 'writing', rows_done = 300, rows_total = 900"
    await set_row(venue, upload_id, running)
    await anna.goto(address)
    await expect(anna.get_by_role("progressbar")).to_be_visible()
    await anna.evaluate("document.querySelector('[data-live]')?.removeAttribute('data-live')")
    await shots(anna, screenshots, "upload-running")
    await set_row(venue, upload_id, "state = 'failed', message = 'Slot 10:00 has sold 40'")
    await anna.goto(address)
    await expect(anna.get_by_role("alert")).to_contain_text("Slot 10:00")
    await shots(anna, screenshots, "upload-failed")
    await anna.get_by_role("button", name="Check again").click()
    await expect(anna.get_by_role("status").first).to_contain_text("compared with the venue")
    await anna.get_by_role("button", name="Discard").click()
    await expect(anna.get_by_role("status").first).to_contain_text("discarded")


async def set_row(venue, upload_id: UUID, what: str) -> None:
    async with venue.database.transaction() as conn:
        [company] = await list_companies(conn)
        await conn.execute(
            text(f"UPDATE venue_uploads SET {what} WHERE upload_id = :id"), {"id": upload_id}
        )
        # A job for later, so that the workers don't take it for one whose job was lost.
        job = import_job(company.company_id, upload_id)
        await enqueue(conn, [replace(job, delay=timedelta(hours=1))])


async def test_without_scripts_an_upload_is_applied_and_looked_at_again(
    venue, people, browser: Browser
):
    base = venue.service.base
    context, page = await visit(browser, base, java_script_enabled=False)
    await upload(page, base, VENUE.replace("holdMinutes: 60", "holdMinutes: 30"))
    await page.get_by_role("button", name="Apply").click()
    # By itself every three seconds, in the head alone.
    await expect(page.locator("#upload")).to_contain_text(
        "The venue is now as the file says", timeout=30_000
    )
    await page.goto(f"{base}/console/catalogue?q=thing+11")
    await expect(page.get_by_role("table")).to_contain_text("Thing 110")
    await context.close()


async def test_the_catalogue_is_looked_through_and_taken_away(anna, venue, screenshots, tmp_path):
    base = venue.service.base
    await anna.goto(f"{base}/console/catalogue")
    await shots(anna, screenshots, "catalogue")
    await anna.get_by_role("link", name="Next").first.click()
    await expect(anna.get_by_text("Page 2 of 3").first).to_be_visible()
    await anna.keyboard.press("/")
    await anna.keyboard.type("café")
    await anna.keyboard.press("Enter")
    await expect(anna.get_by_role("table")).to_contain_text("Castle and café")
    await shots(anna, screenshots, "catalogue-found")
    for ending in ("CSV", "XLSX"):
        async with anna.expect_download() as started:
            await anna.get_by_role("link", name=f"Download as {ending}").click()
        file = await started.value
        assert file.suggested_filename == f"{castle.COMPANY} items.{ending.lower()}"
        await file.save_as(tmp_path / ending)
        assert (tmp_path / ending).stat().st_size > 100
    for name, picture in (
        ("Prices", "prices"),
        ("Ticket and coupon types", "kinds"),
        ("Places and schedules", "places"),
    ):
        await anna.get_by_role("link", name=name, exact=True).click()
        await expect(anna.get_by_role("heading", level=1)).to_have_text(name)
        await shots(anna, screenshots, picture)
    async with anna.expect_download() as started:
        await anna.goto(f"{base}/console/catalogue")
        await anna.get_by_role("link", name="Download the venue file").click()
    file = await started.value
    await file.save_as(tmp_path / "venue.yaml")
    await upload(anna, base, (tmp_path / "venue.yaml").read_text("utf-8"), "same.yaml")
    await expect(anna.get_by_text("The file says what the venue is already.")).to_be_visible()


async def test_the_audit_trail_is_narrowed(anna, venue, screenshots):
    base = venue.service.base
    await anna.goto(f"{base}/console/audit")
    await shots(anna, screenshots, "audit")
    await anna.get_by_label("What", exact=True).fill("venue.import")
    await anna.locator("main").get_by_role("button", name="Find").click()
    await expect(anna.get_by_role("table")).to_contain_text("user anna")
    await anna.goto(f"{base}/console/audit?who=nobody")
    await expect(anna.get_by_text("Nothing like that was done.")).to_be_visible()
    await shots(anna, screenshots, "audit-nothing")
