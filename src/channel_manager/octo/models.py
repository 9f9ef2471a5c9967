from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table


class OctoBooking(Table):
    """What a booking made by OCTO says that its order doesn't.

    An order that came another way has none, and is a booking all the same.
    """

    __tablename__ = "octo_bookings"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID]
    # The reseller's own; the idempotency key.
    booking_uuid: Mapped[UUID]
    # Of what was asked for, to tell a repeat from another request under the same uuid.
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # Which submission of the order `units` are of.
    submission: Mapped[int]
    # In the reseller's order: {"uuid", "unitId", "resellerReference", "contact"}.
    units: Mapped[list[dict[str, Any]]]
    reseller_reference: Mapped[str | None]
    contact: Mapped[dict[str, Any]]
    notes: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    confirmed_at: Mapped[datetime | None]
    # FULL or NONE, once it is cancelled.
    refund: Mapped[str | None]
    cancel_reason: Mapped[str | None]

    __table_args__ = (
        Index("uq_octo_bookings_uuid", "company_id", "partner_id", "booking_uuid", unique=True),
        Index("ix_octo_bookings_reference", "company_id", "partner_id", "reseller_reference"),
    )
