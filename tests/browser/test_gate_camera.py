"""The gate's camera in a browser that can't read codes: a real ticket held before a made camera."""

from pathlib import Path

import pytest
from PIL import Image
from playwright.async_api import expect

from channel_manager.manifests.codes import symbol
from channel_manager.manifests.view import CodeFormat
from support.gate_page import admitted_today, set_up, ticket

WIDTH, HEIGHT, FRAMES = 640, 480, 4


def film(path: Path, number: str, code_format: CodeFormat) -> None:
    """A film of one ticket: on its way into the picture, held a little askew, and still."""
    code = symbol(number, code_format).image(scale=6 if code_format is CodeFormat.QR else 3)
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F5:1 Ip A1:1 C420jpeg\n".encode())
        for frame in range(FRAMES):
            scene = Image.new("L", (WIDTH, HEIGHT), 110)
            if frame:
                held = code.rotate(7, expand=True, fillcolor=200)
                scene.paste(held, ((WIDTH - held.width) // 2, (HEIGHT - held.height) // 2))
            colours = bytes([128]) * (WIDTH * HEIGHT // 2)
            file.write(b"FRAME\n" + scene.tobytes() + colours)


@pytest.mark.parametrize("code_format", CodeFormat)
async def test_a_code_before_the_camera_is_admitted_once(
    browser_with, client, venue, screenshots, tmp_path, code_format
):
    number = await ticket(client, venue.database)
    film(tmp_path / "ticket.y4m", number, code_format)
    browser = await browser_with(
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={tmp_path / 'ticket.y4m'}",
    )
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, permissions=["camera"]
    )
    page = await context.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    await set_up(page, venue.service.base, venue.key)
    before = await admitted_today(client)
    async with page.expect_request("**/speedgate/read") as reading:
        await page.get_by_role("button", name="Use the camera").click()
    assert (await reading.value).headers["content-type"] == "image/jpeg"
    await expect(page.locator("#verdict")).to_have_class("green")
    await expect(page.locator("#today")).to_have_text(str(before + 1))
    await page.screenshot(path=screenshots / f"gate-camera-{code_format}.png", full_page=True)
    # The code stays before the camera: it is looked at again, and isn't scanned again.
    for _ in range(3):
        await page.wait_for_event(
            "response", lambda reply: reply.url.endswith("/read") and reply.ok
        )
    await expect(page.locator("#verdict")).to_have_class("green")
    await page.get_by_role("button", name="Stop the camera").click()
    await expect(page.locator("#view")).to_be_hidden()
    assert not refused
    await context.close()


async def test_a_camera_that_is_forbidden_is_told(browser, venue):
    context = await browser.new_context()
    page = await context.new_page()
    await set_up(page, venue.service.base, venue.key)
    await page.get_by_role("button", name="Use the camera").click()
    await expect(page.locator("#reason")).to_contain_text("The camera can't be used")
    await context.close()
