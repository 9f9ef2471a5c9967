"""Whether a page in the browser can be used by everybody: axe-core's rules, run within the page.

    await assert_accessible(page, "order page, dark")

axe-core and its like come from npm (`npm install --prefix tests/browser`); none of it is served.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

PACKAGES = Path(__file__).parents[1] / "browser" / "node_modules"
REQUIRED = os.environ.get("CHANNEL_MANAGER_REQUIRE_BROWSER") == "1"
# WCAG 2.0 to 2.2, levels A and AA, and what axe calls best practices.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """async (rules) => {
  const { violations } = await axe.run(document, {
    runOnly: { type: "tag", values: rules }, resultTypes: ["violations"],
  });
  return violations;
}"""


def package_file(name: str) -> str:
    """The text of a file of an npm package; where it isn't installed, the test is skipped.

    It fails instead where the browser's tests are required, as in CI.
    """
    path = PACKAGES / name
    if path.exists():
        return path.read_text(encoding="utf-8")
    reason = f"needs {name}: npm install --prefix tests/browser"
    if REQUIRED:
        pytest.fail(reason)
    pytest.skip(reason)


async def violations(page: Page) -> list[str]:
    """What axe finds wrong with the page as it is now, one line for each element."""
    # Evaluated by the browser's tools and not as an element of the page: its own content security
    # policy stays as strict as it is.
    await page.evaluate(package_file("axe-core/axe.min.js"))
    found: list[dict[str, Any]] = await page.evaluate(_RUN, RULES)
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:200]}"
        f" {' '.join(check['message'] for check in node['any'])}".strip()
        for rule in found
        for node in rule["nodes"]
    ]


async def assert_accessible(page: Page, what: str) -> None:
    """The page as it is now breaks no rule; `what` says in the failure which page it was."""
    # A colour in transition would be judged half-way.
    await page.evaluate("Promise.all(document.getAnimations().map(a => a.finished))")
    found = await violations(page)
    assert not found, f"{what}:\n" + "\n".join(found)
