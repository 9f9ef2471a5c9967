"""Logos in the database: kept once each, by their hash (reference: The design)."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.designs.models import Logo
from channel_manager.designs.pictures import Picture
from channel_manager.errors import NotFound


async def keep_logos(conn: AsyncConnection, company_id: UUID, pictures: Iterable[Picture]) -> None:
    """Make these the company's only logos."""
    rows = {
        picture.digest: {
            "company_id": company_id,
            "digest": picture.digest,
            "mime": picture.mime,
            "content": picture.content,
        }
        for picture in pictures
    }
    if rows:
        await conn.execute(insert(Logo).on_conflict_do_nothing(), list(rows.values()))
    await conn.execute(
        delete(Logo).where(Logo.company_id == company_id, Logo.digest.not_in(list(rows)))
    )


async def company_logos(conn: AsyncConnection, company_id: UUID) -> dict[str, Picture]:
    """All logos of a company, by hash."""
    rows = await conn.execute(
        select(Logo.digest, Logo.content, Logo.mime).where(Logo.company_id == company_id)
    )
    return {row.digest: Picture(row.content, row.mime) for row in rows}


async def find_logo(conn: AsyncConnection, digest: str) -> Picture:
    """The logo with this hash, whoever's: it is on pages for everybody. Errors: `NotFound`."""
    rows = await conn.execute(select(Logo.content, Logo.mime).where(Logo.digest == digest).limit(1))
    row = rows.one_or_none()
    if row is None:
        raise NotFound("There is no such logo.")
    return Picture(row.content, row.mime)
