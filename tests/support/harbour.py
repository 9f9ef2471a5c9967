"""The second venue: packages, groups, coupons, seasons, three languages."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from channel_manager.db import Database
from support import castle

HARBOUR_FILE = Path(__file__).parents[2] / "examples" / "harbour.yaml"
# The seasons of next year, whenever the tests run: always more than 60 days ahead.
YEAR = castle.today().year + 1
HARBOUR = HARBOUR_FILE.read_text(encoding="utf-8").replace("2027", str(YEAR))
TENANT = "89abcdef-0123-4567-89ab-cdef01234567"
PARTNER = "5b0f6c1e-7a2d-4e8b-9c3f-1d2e3f4a5b6c"
SCHOOLS_PARTNER = "6c1a7d2f-8b3e-4f9c-8d4a-2e3f4a5b6c7d"
COMPANY_PATH = f"/{TENANT}/production/{quote('Fabrikam Harbour GmbH')}"
ORDERS_PATH = f"{COMPANY_PATH}/channelManager"


async def key_to_harbour(database: Database, text: str = HARBOUR) -> dict[str, str]:
    """Import the harbour, or a changed one; the header that a request needs."""
    company_id = await castle.load_venue(database, text)
    return {"x-np-api-key": await castle.make_key(database, company_id)}


def on(month: int, day: int, weekday: int) -> str:
    """The first such weekday (0 = Monday) from a day of the season's year on."""
    start = date(YEAR, month, day)
    return (start + timedelta(days=(weekday - start.weekday()) % 7)).isoformat()


def line(item: str, **changes: Any) -> dict[str, Any]:
    """A line for one, on a Wednesday out of season, booked less than 60 days ahead or not."""
    return castle.line(itemNumber=item, quantity=1) | changes


def order(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A paid order in the company's language."""
    return castle.order(
        **{"partnerId": PARTNER, "items": list(lines), "sellToLanguage": ..., **changes}
    )
