from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class Admission(Table):
    """A place with its own capacity (domain: Admission)."""

    __tablename__ = "admissions"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    translations: Mapped[dict[str, str]] = mapped_column(default=dict)
    # How long before its start and after its end a slot's guests are let in.
    early_minutes: Mapped[int] = mapped_column(default=0)
    late_minutes: Mapped[int] = mapped_column(default=0)
    # How many days ahead time slots are made.
    horizon_days: Mapped[int] = mapped_column(default=366)
    # As in the venue file: rules, closures, overrides and the whole day's capacity.
    # Empty: a place without time slots, which takes any number of guests.
    schedule: Mapped[dict[str, Any]] = mapped_column(default=dict)


class TimeSlot(Table):
    """A dated entry of an admission, with room for so many guests (domain: Capacity).

    The database itself keeps `reserved` within `capacity`.
    """

    __tablename__ = "time_slots"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    admission_code: Mapped[str]
    # The one slot of a day for tickets that are good at any time of it.
    whole_day: Mapped[bool] = mapped_column(default=False)
    # Venue-local, of the start.
    local_date: Mapped[date]
    start_time: Mapped[time]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    capacity: Mapped[int]
    reserved: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    is_open: Mapped[bool] = mapped_column(default=True)
    # None: from now on, and until the slot ends.
    sales_from: Mapped[datetime | None]
    sales_until: Mapped[datetime | None]
    # Set by hand: the schedule leaves its capacity and state alone from then on.
    adjusted: Mapped[bool] = mapped_column(default=False, server_default=text("false"))

    __table_args__ = (
        CheckConstraint("reserved >= 0 AND reserved <= capacity", name="reserved"),
        CheckConstraint("ends_at > starts_at", name="times"),
        Index(
            "uq_time_slots_start",
            "company_id",
            "admission_code",
            "whole_day",
            "starts_at",
            unique=True,
        ),
        Index("ix_time_slots_search", "company_id", "admission_code", "local_date", "starts_at"),
        # reserved changes with every order: room on the page keeps those updates off the indexes.
        {"postgresql_with": {"fillfactor": 80}},
    )


class Reservation(Table):
    """What one submission of an order holds in one slot. Held until `released_at` is set."""

    __tablename__ = "reservations"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    submission: Mapped[int] = mapped_column(primary_key=True)
    slot_id: Mapped[UUID] = mapped_column(primary_key=True)
    quantity: Mapped[int]
    held_at: Mapped[datetime] = mapped_column(server_default=func.now())
    released_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        Index(
            "ix_reservations_held",
            "company_id",
            "slot_id",
            postgresql_where=text("released_at IS NULL"),
        ),
    )


class CapacityMovement(Table):
    """One line of the ledger: what changed in a slot, and why. Only ever added to."""

    __tablename__ = "capacity_ledger"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    movement_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    slot_id: Mapped[UUID]
    # None: a change of the slot itself.
    order_id: Mapped[UUID | None]
    submission: Mapped[int | None]
    # What was added to `reserved` and to `capacity`; negative: given back, made smaller.
    reserved_change: Mapped[int] = mapped_column(default=0)
    capacity_change: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str]
    moved_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_capacity_ledger_slot", "company_id", "slot_id", "moved_at"),)
