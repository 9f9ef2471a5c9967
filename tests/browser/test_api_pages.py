"""The API's own page: nothing is fetched from elsewhere, and no policy is broken."""


async def test_the_page_shows_the_operations_and_fetches_nothing_from_elsewhere(
    browser, venue, screenshots
):
    page = await browser.new_page()
    asked, told = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    await page.goto(venue.service.base + "/docs")
    await page.get_by_text("Confirm Order").first.wait_for()
    await page.screenshot(path=screenshots / "api.png")
    await page.close()
    own = (venue.service.base, "blob:", "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert [text for text in told if "Content Security Policy" in text] == []
