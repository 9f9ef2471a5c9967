"""axe itself works here: a page with known faults is found out."""

from support.axe import violations

FAULTY = """<!doctype html><html><title>t</title><main><h1>x</h1>
<img src="data:,"><p style="color:#aaa;background:#fff">pale</p></main></html>"""


async def test_faults_are_found(browser):
    page = await browser.new_page()
    await page.set_content(FAULTY)
    found = {line.partition(" ")[0] for line in await violations(page)}
    assert {"html-has-lang", "image-alt", "color-contrast"} <= found
    await page.close()
