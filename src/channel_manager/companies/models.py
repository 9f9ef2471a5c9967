from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class Company(Table):
    """One legal entity in a tenant's environment; owns all else, and nothing crosses it."""

    __tablename__ = "companies"

    company_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant_id: Mapped[UUID]
    environment: Mapped[str]
    name: Mapped[str]
    time_zone: Mapped[str]
    currency: Mapped[str]
    language: Mapped[str]
    # How wallets are numbered; None: 18 random digits.
    wallet_number_pattern: Mapped[str | None]
    wallets_per_year: Mapped[int | None]
    # What guests see of the venue where their partner's design says nothing.
    design: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
    # Goes up with each import, to the seconds of its time, so that a process knows when its copy of
    # the catalogue is old.
    catalog_version: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        Index(
            "uq_companies_address",
            "tenant_id",
            text("lower(environment)"),
            text("lower(name)"),
            unique=True,
        ),
    )
