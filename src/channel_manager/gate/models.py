from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class GateEntry(Table):
    """Guests let in on a ticket: when, where, by which scanner. Rows can only be added."""

    __tablename__ = "gate_entries"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    entry_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # The asset, by its row.
    ticket_id: Mapped[UUID]
    admission_code: Mapped[str]
    scanner_id: Mapped[str]
    # Whose key it was; None for what was recorded before keys were.
    key_id: Mapped[UUID | None]
    quantity: Mapped[int]
    admitted_at: Mapped[datetime]
    # Later than `admitted_at` for a scan that was taken while the line was down.
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    # The scanner's own id of an offline scan, so that uploading it twice records it once.
    scan_id: Mapped[str | None]
    # Why the ticket would have been refused, had the scanner been on line; "" where it wouldn't.
    conflict: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        Index("ix_gate_entries_ticket", "company_id", "ticket_id"),
        Index("ix_gate_entries_admission", "company_id", "admission_code", "admitted_at"),
        Index("ix_gate_entries_recorded", "company_id", "recorded_at"),
        Index("uq_gate_entries_scan", "company_id", "scan_id", unique=True),
    )
