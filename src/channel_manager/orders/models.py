from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id

IN_FLIGHT_SQL = "status IN ('Submitted', 'Scheduled', 'Processing')"


class Order(Table):
    """One order of a partner (contract: Order representation).

    `submission` counts the POST and each PUT; lines, wallets and assets carry the number of the
    submission that they belong to, so that what a replace voided stays for audit.
    """

    __tablename__ = "orders"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID]
    sell_to_order_reference: Mapped[str]
    # Case-folded: references are compared without case.
    reference_key: Mapped[str]
    buy_from_order_reference: Mapped[str]
    status: Mapped[str]
    status_message: Mapped[str] = mapped_column(default="")
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    sell_to_email: Mapped[str] = mapped_column(default="")
    sell_to_name: Mapped[str] = mapped_column(default="")
    sell_to_language: Mapped[str] = mapped_column(default="")
    payment_reference: Mapped[str] = mapped_column(default="")
    submission: Mapped[int] = mapped_column(default=1)
    # The number in jobId; None until the submission has settled.
    job_number: Mapped[int | None]
    # The guest's page of the whole order; unguessable.
    manifest_id: Mapped[UUID | None] = mapped_column(index=True)
    # Until when a Draft holds its capacity; None: for ever, or not a Draft.
    hold_expires_at: Mapped[datetime | None]
    # When a Draft's hold ran out and its capacity was given back.
    hold_ended_at: Mapped[datetime | None]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # A Draft or Error that was deleted: gone from the API, kept for audit.
    removed_at: Mapped[datetime | None]
    # When its guests' names were taken out, because it had grown old.
    pseudonymised_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "status IN ('Submitted', 'Scheduled', 'Processing', 'Issued', 'Draft', 'Error',"
            " 'Cancelled')",
            name="status",
        ),
        Index(
            "uq_orders_reference",
            "company_id",
            "partner_id",
            "reference_key",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index("uq_orders_buy_from", "company_id", "buy_from_order_reference", unique=True),
        Index("ix_orders_list", "company_id", "partner_id", "received_at", "order_id"),
        Index(
            "ix_orders_holds",
            "hold_expires_at",
            postgresql_where=text("status = 'Draft' AND hold_ended_at IS NULL"),
        ),
        Index("ix_orders_in_flight", "changed_at", postgresql_where=text(IN_FLIGHT_SQL)),
    )


class OrderLine(Table):
    """One entry of `items`, as it was ordered."""

    __tablename__ = "order_lines"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    submission: Mapped[int] = mapped_column(primary_key=True)
    # 100000, 200000, …
    line_no: Mapped[int] = mapped_column(primary_key=True)
    item_number: Mapped[str]
    description: Mapped[str]
    is_package: Mapped[bool]
    quantity: Mapped[int]
    # How many wallets the line makes: its quantity, or 1 for a group ticket.
    wallet_count: Mapped[int]
    # Venue-local.
    visit_date: Mapped[date]
    visit_time: Mapped[time]
    sell_to_email: Mapped[str]
    sell_to_name: Mapped[str]
    sell_to_language: Mapped[str]
    names: Mapped[list[str] | None]
    external_references: Mapped[list[str] | None]
    # {"itemNumber", "visitDate", "visitTime"} per scheduled component; None where none was given.
    component_schedule: Mapped[list[dict[str, Any]] | None]

    __table_args__ = (Index("ix_order_lines_visit", "company_id", "visit_date"),)
