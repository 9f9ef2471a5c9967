"""The venue file of what the database says: the same company gives the same bytes."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import yaml
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.beside import beside
from channel_manager.companies.models import Company
from channel_manager.designs.pictures import Picture
from channel_manager.designs.service import company_logos
from channel_manager.errors import NotFound
from channel_manager.venue_file import VenueFile
from channel_manager.venue_rows import KEPT, Kept, company_section, section_of
from channel_manager.venue_sections import CompanySection
from channel_manager.venue_types import Section

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _VenueDumper(_Dumper):  # type: ignore[misc] # PyYAML's C part has no types
    """Writes a list's entries indented, and an amount as the number it is."""


def _number(dumper: Any, value: Decimal) -> Any:  # noqa: ANN401 - PyYAML's own
    text = format(value.normalize(), "f")
    return dumper.represent_scalar("tag:yaml.org,2002:float" if "." in text else _INT, text)


_INT = "tag:yaml.org,2002:int"
_VenueDumper.add_representer(Decimal, _number)


async def find_venue_company(conn: AsyncConnection, section: CompanySection) -> UUID | None:
    """The id of the company at the file's address; None where there is none yet."""
    return await conn.scalar(
        select(Company.company_id).where(
            Company.tenant_id == section.tenant,
            func.lower(Company.environment) == section.environment.lower(),
            func.lower(Company.name) == section.name.lower(),
        )
    )


async def read_venue(conn: AsyncConnection, company_id: UUID) -> VenueFile:
    """What a company sells and to whom, as its venue file says it; lists in order of their keys.

    Errors: `NotFound` for a company that isn't there.
    """
    found = await conn.execute(select(Company.__table__).where(Company.company_id == company_id))
    company = found.mappings().one_or_none()
    if company is None:
        raise NotFound("There is no such company.", code="saas_company_not_found")
    logos = await company_logos(conn, company_id)
    lists: dict[str, Any] = {
        kept.name: await _read_list(conn, kept, company_id, logos) for kept in KEPT
    }
    section = company_section(_with_logo(dict(company), logos))
    return VenueFile.model_construct(company=section, **lists)


Logos = Mapping[str, Picture]


def _with_logo(row: dict[str, Any], logos: Logos) -> dict[str, Any]:
    # The row has the picture's hash, and the file the picture.
    design = row.get("design") or {}
    if "logo" in design:
        row["design"] = design | {"logo": logos[design["logo"]].text}
    return row


async def _read_list(
    conn: AsyncConnection, kept: Kept, company_id: UUID, logos: Logos
) -> list[Section]:
    table = kept.model.__table__
    found = await conn.execute(select(table).where(table.c.company_id == company_id))
    rows = [dict(row) for row in found.mappings()]
    # Thousands of items take a second, for which nothing else must wait.
    return await beside(_sections, kept, rows, logos)


def _sections(kept: Kept, rows: Sequence[dict[str, Any]], logos: Logos) -> list[Section]:
    found = [section_of(kept, _with_logo(row, logos)) for row in rows]
    # Sorted here, since the database's order depends on its collation.
    return sorted(found, key=lambda section: str(getattr(section, kept.key)))


def write_yaml(venue: VenueFile) -> str:
    """The file's text. What a field has by default is left out."""
    values = venue.model_dump(by_alias=True, exclude_defaults=True)
    text: str = yaml.dump(
        _plain(values),
        Dumper=_VenueDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )
    return text


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a file
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, Decimal | bool | int) or value is None:
        return value
    return str(value.value if isinstance(value, Enum) else value)
