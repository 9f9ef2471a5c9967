"""The castle of the walk-through, and orders for it."""

from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import update

from channel_manager.access.permissions import ALL_PERMISSIONS, Permission
from channel_manager.access.service import create_key
from channel_manager.companies.models import Company
from channel_manager.db import Database
from channel_manager.venue_file import read_venue_file
from channel_manager.venue_import import import_venue

CASTLE_FILE = Path(__file__).parents[2] / "examples" / "castle.yaml"
TENANT = "01234567-89ab-cdef-0123-456789abcdef"
COMPANY = "CRONUS International Ltd."
COMPANY_PATH = f"/{TENANT}/production/{quote(COMPANY)}"
ORDERS_PATH = f"{COMPANY_PATH}/channelManager"
PARTNER = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"

ZONE = ZoneInfo("Europe/Copenhagen")

_numbers = count(1)
_copies = count(1)


async def load_venue(database: Database, text: str | None = None) -> UUID:
    """Import a venue (the castle where none is given); returns the company's id."""
    venue = read_venue_file(text or CASTLE_FILE.read_text(encoding="utf-8"), "venue.yaml")
    async with database.transaction() as conn:
        return (await import_venue(conn, venue)).company_id


async def company_of_copy(database: Database) -> UUID:
    """The id of the only company in a copy of a database.

    A process keeps catalogues by company and version, so that each copy gets versions of its own.
    """
    version = Company.catalog_version + 1000 * next(_copies)
    own = update(Company).values(catalog_version=version).returning(Company.company_id)
    async with database.transaction() as conn:
        return (await conn.execute(own)).scalar_one()


async def make_key(
    database: Database,
    company_id: UUID,
    *,
    partner: str | None = None,
    permissions: tuple[Permission, ...] = ALL_PERMISSIONS,
) -> str:
    """A key to the company, or to one partner of it."""
    async with database.transaction() as conn:
        return await create_key(
            conn,
            company_id,
            partner_id=UUID(partner) if partner else None,
            permissions=permissions,
        )


def today() -> date:
    """The day at the castle: near midnight it isn't UTC's."""
    return datetime.now(ZONE).date()


def soon(days: int = 7) -> str:
    """A visit date some days ahead."""
    return (today() + timedelta(days=days)).isoformat()


def line(**changes: Any) -> dict[str, Any]:
    """A line for two guests."""
    return {
        "itemNumber": "31001",
        "visitDate": soon(),
        "visitTime": "10:30:00",
        "quantity": 2,
    } | changes


def order(**changes: Any) -> dict[str, Any]:
    """A paid order of the seed's shape, with a reference of its own."""
    body = {
        "partnerId": PARTNER,
        "sellToOrderReference": f"PARTNER-ORDER-{next(_numbers):05}",
        "items": [line()],
        "sellToEmail": "guest@example.com",
        "sellToName": "Jane Doe",
        "sellToLanguage": "ENU",
        "paymentReference": "PAY-987654",
    } | changes
    return {name: value for name, value in body.items() if value is not ...}
