"""Writing a venue file into the database: whole, in one transaction, as often as one likes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.beside import beside
from channel_manager.capacity.generation import generate_slots
from channel_manager.clock import system_clock
from channel_manager.companies.models import Company
from channel_manager.companies.service import find_company
from channel_manager.db import new_id
from channel_manager.designs.pictures import Picture
from channel_manager.designs.service import keep_logos
from channel_manager.venue_difference import Difference, differences
from channel_manager.venue_export import find_venue_company, read_venue
from channel_manager.venue_file import VenueFile
from channel_manager.venue_rows import KEPT, Kept, company_values, row_of
from channel_manager.webhooks.events import NotificationType, publish_notice

ROWS_AT_ONCE = 500

# Told how many rows of how many are written.
Progress = Callable[[int, int], None]
Entry = TypeVar("Entry")


def _no_progress(done: int, of: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote."""

    company_id: UUID
    partners: int
    items: int
    differences: Sequence[Difference]


async def compare_venue(conn: AsyncConnection, venue: VenueFile) -> list[Difference]:
    """What importing the file would change; writes nothing."""
    company_id = await find_venue_company(conn, venue.company)
    old = None if company_id is None else await read_venue(conn, company_id)
    return await beside(differences, old, venue)


async def import_venue(
    conn: AsyncConnection, venue: VenueFile, progress: Progress = _no_progress
) -> Imported:
    """Make the database say what the file says. Running it again changes nothing.

    Items and types that the file no longer names are taken out; partners are never deleted, since
    their orders stay. Orders already issued keep what they were issued with.
    """
    # Two imports of one company wait for each other here.
    lock = func.hashtext(str(venue.company.tenant))
    await conn.execute(select(func.pg_advisory_xact_lock(lock)))
    company_id = await find_venue_company(conn, venue.company)
    old = None if company_id is None else await read_venue(conn, company_id)
    found = await beside(differences, old, venue)
    company_id = await _write_company(conn, company_id, venue, changed=bool(found))
    if found:
        await keep_logos(conn, company_id, _pictures(venue))
    await _write_lists(conn, company_id, venue, found, progress)
    company = await find_company(conn, company_id)
    if company is not None:
        # Last, since it locks slots that orders wait for.
        await generate_slots(conn, company, system_clock())
    if found:
        await publish_notice(conn, company_id, NotificationType.PRODUCT)
        await publish_notice(conn, company_id, NotificationType.AVAILABILITY)
    return Imported(company_id, len(venue.partners), len(venue.items), found)


def _pictures(venue: VenueFile) -> Iterator[Picture]:
    for design in (venue.company.design, *(partner.design for partner in venue.partners)):
        if design.picture is not None:
            yield design.picture


# Seconds since this service's first year. A database that was set back to an earlier state mustn't
# count up to a version again that processes hold as another catalogue's.
_SECONDS = text("CAST(extract(epoch FROM now() - TIMESTAMPTZ '2026-01-01 00:00Z') AS int)")


async def _write_company(
    conn: AsyncConnection, company_id: UUID | None, venue: VenueFile, *, changed: bool
) -> UUID:
    values = company_values(venue.company)
    if company_id is None:
        company_id = new_id()
        await conn.execute(
            insert(Company).values(company_id=company_id, catalog_version=_SECONDS, **values)
        )
    elif changed:
        await conn.execute(
            update(Company)
            .where(Company.company_id == company_id)
            .values(catalog_version=func.greatest(Company.catalog_version + 1, _SECONDS), **values)
        )
    return company_id


async def _write_lists(
    conn: AsyncConnection,
    company_id: UUID,
    venue: VenueFile,
    found: Sequence[Difference],
    progress: Progress,
) -> None:
    wanted = {(d.name, d.key) for d in found if d.kind in ("added", "changed")}
    rows = {kept.name: await beside(_rows, kept, company_id, venue, wanted) for kept in KEPT}
    total, done = sum(map(len, rows.values())), 0
    for kept in KEPT:
        for some in _portions(rows[kept.name]):
            await _upsert(conn, kept, some)
            done += len(some)
            progress(done, total)
    # What items name goes after the items that named it.
    for kept in reversed(KEPT):
        await _remove(conn, kept, company_id, found)


def _portions(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    return (entries[at : at + ROWS_AT_ONCE] for at in range(0, len(entries), ROWS_AT_ONCE))


def _rows(
    kept: Kept, company_id: UUID, venue: VenueFile, wanted: set[tuple[str, str]]
) -> list[dict[str, Any]]:
    return [
        row_of(kept, company_id, section)
        for section in getattr(venue, kept.name)
        if (kept.name, str(getattr(section, kept.key))) in wanted
    ]


async def _upsert(conn: AsyncConnection, kept: Kept, rows: Sequence[Mapping[str, Any]]) -> None:
    statement = insert(kept.model)
    keys = [column.key for column in kept.model.__table__.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    await conn.execute(
        statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows)
    )


async def _remove(
    conn: AsyncConnection, kept: Kept, company_id: UUID, found: Sequence[Difference]
) -> None:
    gone = [d.key for d in found if d.name == kept.name and d.kind == "removed"]
    columns = kept.model.__table__.c
    for keys in _portions(gone):
        await conn.execute(
            delete(kept.model).where(
                columns.company_id == company_id, columns[kept.key_column].in_(keys)
            )
        )
