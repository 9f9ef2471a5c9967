from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table


class Partner(Table):
    """An external sales channel of one company (domain: Partner)."""

    __tablename__ = "partners"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    # A number pattern of the partner's own for buyFromOrderReference; None means the standard.
    order_reference_pattern: Mapped[str | None]
    orders_per_year: Mapped[int | None]
    # How long a Draft holds its capacity, in minutes; 0 means for ever.
    hold_minutes: Mapped[int] = mapped_column(default=60)
    reject_unknown_fields: Mapped[bool] = mapped_column(default=False)
    # What its guests see of the venue: name, address, colour, code format, and its logo's hash.
    design: Mapped[dict[str, Any]] = mapped_column(default=dict)
