"""Writing a venue file into the database: whole, in one transaction, as often as one likes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.capacity.generation import generate_slots
from channel_manager.capacity.models import Admission
from channel_manager.capacity.venue import AdmissionSection
from channel_manager.catalog.models import Item, TicketType
from channel_manager.clock import system_clock
from channel_manager.companies.models import Company
from channel_manager.companies.service import find_company
from channel_manager.db import Table, new_id
from channel_manager.partners.models import Partner
from channel_manager.venue_file import (
    CompanySection,
    ItemSection,
    PartnerSection,
    TicketTypeSection,
    VenueFile,
)

ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote."""

    company_id: UUID
    partners: int
    items: int


async def import_venue(conn: AsyncConnection, venue: VenueFile) -> Imported:
    """Make the database say what the file says. Running it again changes nothing.

    Items and types that the file no longer names are taken out; partners are never deleted, since
    their orders stay. Orders already issued keep what they were issued with.
    """
    company_id = await _company(conn, venue.company)
    await _upsert(conn, Partner, [_partner_row(company_id, p) for p in venue.partners])
    await _replace(
        conn, TicketType, company_id, [_ticket_row(company_id, t) for t in venue.ticket_types]
    )
    await _replace(conn, Item, company_id, [_item_row(company_id, i) for i in venue.items])
    await _replace(
        conn, Admission, company_id, [_admission_row(company_id, a) for a in venue.admissions]
    )
    await conn.execute(
        update(Company)
        .where(Company.company_id == company_id)
        .values(catalog_version=Company.catalog_version + 1)
    )
    company = await find_company(conn, company_id)
    if company is not None:
        # Last, since it locks slots that orders wait for.
        await generate_slots(conn, company, system_clock())
    return Imported(company_id, len(venue.partners), len(venue.items))


async def _company(conn: AsyncConnection, section: CompanySection) -> UUID:
    values = {
        "tenant_id": section.tenant,
        "environment": section.environment,
        "name": section.name,
        "time_zone": section.time_zone,
        "currency": section.currency,
        "language": section.language,
    }
    # Two imports of one company wait for each other here.
    await conn.execute(select(func.pg_advisory_xact_lock(func.hashtext(str(section.tenant)))))
    found = await conn.scalar(
        select(Company.company_id).where(
            Company.tenant_id == section.tenant,
            func.lower(Company.environment) == section.environment.lower(),
            func.lower(Company.name) == section.name.lower(),
        )
    )
    company_id: UUID = found or new_id()
    if found is None:
        await conn.execute(insert(Company).values(company_id=company_id, **values))
    else:
        await conn.execute(update(Company).where(Company.company_id == company_id).values(values))
    return company_id


async def _replace(
    conn: AsyncConnection, model: type[Table], company_id: UUID, rows: Sequence[dict[str, Any]]
) -> None:
    await _upsert(conn, model, rows)
    table = model.__table__
    keys = [column for column in table.primary_key if column.key != "company_id"]
    kept = [tuple(row[key.key] for key in keys) for row in rows]
    await conn.execute(
        delete(model).where(table.c.company_id == company_id, tuple_(*keys).not_in(kept))
    )


async def _upsert(
    conn: AsyncConnection, model: type[Table], rows: Sequence[dict[str, Any]]
) -> None:
    if not rows:
        return
    statement = insert(model)
    keys = [column.key for column in model.__table__.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    await conn.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows)
    )


def _partner_row(company_id: UUID, partner: PartnerSection) -> dict[str, Any]:
    return {
        "company_id": company_id,
        "partner_id": partner.id,
        "name": partner.name,
        "active": partner.active,
        "order_reference_pattern": partner.order_reference_pattern,
        "hold_minutes": partner.hold_minutes,
        "reject_unknown_fields": partner.reject_unknown_fields,
        "design": partner.design.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def _ticket_row(company_id: UUID, kind: TicketTypeSection) -> dict[str, Any]:
    return {
        "company_id": company_id,
        "code": kind.code,
        "is_group": kind.kind == "group",
        "number_pattern": kind.number_pattern,
        "entries": kind.entries,
        "valid_days": kind.valid_days,
    }


def _admission_row(company_id: UUID, admission: AdmissionSection) -> dict[str, Any]:
    return {
        "company_id": company_id,
        "code": admission.code,
        "name": admission.name,
        "translations": admission.translations,
        "early_minutes": admission.early_minutes,
        "late_minutes": admission.late_minutes,
        "horizon_days": admission.horizon_days,
        "schedule": admission.stored_schedule(),
    }


def _item_row(company_id: UUID, item: ItemSection) -> dict[str, Any]:
    price = item.price
    return {
        "company_id": company_id,
        "item_number": item.number,
        "kind": "ticket",
        "description": item.description,
        "translations": item.translations,
        "sellable": item.sellable,
        "unit_price": price.amount if price else None,
        "price_includes_vat": price.includes_vat if price else True,
        "vat_percent": price.vat_percent if price else 0,
        "ticket_type": item.ticket_type,
        "coupon_type": None,
        "components": [],
        "admissions": [{"admission": a.code, "slots": a.slots} for a in item.admissions],
        "stores": item.stores,
    }
