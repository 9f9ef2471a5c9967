from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.companies.models import Company
from channel_manager.db import AnyRow


@dataclass(frozen=True, slots=True)
class CompanyInfo:
    """What every operation needs to know of the company it works for."""

    company_id: UUID
    tenant_id: UUID
    environment: str
    name: str
    zone: ZoneInfo
    currency: str
    language: str
    catalog_version: int
    # How wallets are numbered; None: 18 random digits.
    wallet_number_pattern: str | None = None


COMPANY_COLUMNS = (
    Company.company_id,
    Company.tenant_id,
    Company.environment,
    Company.name,
    Company.time_zone,
    Company.currency,
    Company.language,
    Company.catalog_version,
    Company.wallet_number_pattern,
)


async def find_company(conn: AsyncConnection, company_id: UUID) -> CompanyInfo | None:
    """The company with this id, or None."""
    found = await conn.execute(select(*COMPANY_COLUMNS).where(Company.company_id == company_id))
    row = found.one_or_none()
    return None if row is None else company_info(row)


async def find_address(conn: AsyncConnection, company_id: UUID) -> list[str]:
    """The lines of a company's address, as its guests see it; none where it says none."""
    design = await conn.scalar(select(Company.design).where(Company.company_id == company_id))
    lines: list[str] = (design or {}).get("address", [])
    return lines


async def list_companies(conn: AsyncConnection) -> list[CompanyInfo]:
    """All companies in this database, by name."""
    return [
        company_info(row)
        for row in await conn.execute(select(*COMPANY_COLUMNS).order_by(Company.name))
    ]


def company_info(row: AnyRow) -> CompanyInfo:
    """What a query over `COMPANY_COLUMNS` found."""
    return CompanyInfo(
        company_id=row.company_id,
        tenant_id=row.tenant_id,
        environment=row.environment,
        name=row.name,
        zone=ZoneInfo(row.time_zone),
        currency=row.currency,
        language=row.language,
        catalog_version=row.catalog_version,
        wallet_number_pattern=row.wallet_number_pattern,
    )
