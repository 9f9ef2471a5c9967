from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class VenueUpload(Table):
    """A venue file that somebody has uploaded: what it would change, and what became of it."""

    __tablename__ = "venue_uploads"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    upload_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    uploaded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # As the audit trail says it: "user anna".
    uploaded_by: Mapped[str]
    file_name: Mapped[str]
    # None for an old one, of which only this row is kept; `differences` is empty then too.
    content: Mapped[str | None]
    # The company's catalog_version that it was compared with, and what it would change.
    catalog_version: Mapped[int]
    differences: Mapped[list[dict[str, Any]]]
    added: Mapped[int]
    changed: Mapped[int]
    removed: Mapped[int]
    # checked, queued, running, applied, failed or discarded
    state: Mapped[str] = mapped_column(default="checked")
    applied_by: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # While it runs: what is being done, and how many rows of how many are written.
    step: Mapped[str] = mapped_column(default="")
    rows_done: Mapped[int] = mapped_column(default=0)
    rows_total: Mapped[int] = mapped_column(default=0)
    # Why it failed.
    message: Mapped[str] = mapped_column(default="")

    __table_args__ = (
        CheckConstraint(
            "state IN ('checked', 'queued', 'running', 'applied', 'failed', 'discarded')",
            name="state",
        ),
    )
