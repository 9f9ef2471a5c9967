from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table


class TicketType(Table):
    """How a ticket is numbered and used (domain: Ticket type)."""

    __tablename__ = "ticket_types"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    # One ticket and one wallet for the whole line, admitting `quantity` guests.
    is_group: Mapped[bool] = mapped_column(default=False)
    number_pattern: Mapped[str]
    # single, once_a_day or many
    entries: Mapped[str] = mapped_column(default="single")
    # Days from the visit date on which the ticket is valid; 1 means the visit date alone.
    valid_days: Mapped[int] = mapped_column(default=1)
    # What the venue says of its sales and its pattern, as checked at import.
    numbers_per_year: Mapped[int | None]
    insist_on_pattern: Mapped[bool] = mapped_column(default=False)


class CouponType(Table):
    """An item sold as a coupon: what it gives, how often, for how long (domain: Coupon type)."""

    __tablename__ = "coupon_types"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    number_pattern: Mapped[str]
    # One of percent, amount, freeItem, with its value.
    gives: Mapped[dict[str, Any]]
    uses: Mapped[int] = mapped_column(default=1)
    valid_days: Mapped[int] = mapped_column(default=1)
    numbers_per_year: Mapped[int | None]
    insist_on_pattern: Mapped[bool] = mapped_column(default=False)


class Store(Table):
    """A list of items that partners may be shown."""

    __tablename__ = "stores"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    description: Mapped[str]


class Item(Table):
    """What is sold, by its number (domain: Item)."""

    __tablename__ = "items"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    item_number: Mapped[str] = mapped_column(primary_key=True)
    # ticket, coupon or package
    kind: Mapped[str]
    description: Mapped[str]
    translations: Mapped[dict[str, str]] = mapped_column(default=dict)
    # False: only sold as part of a package.
    sellable: Mapped[bool] = mapped_column(default=True)
    # In the company's currency; None on a package that costs what its components cost.
    unit_price: Mapped[Decimal | None] = mapped_column(Numeric(18, 4))
    price_includes_vat: Mapped[bool] = mapped_column(default=True)
    vat_percent: Mapped[Decimal] = mapped_column(Numeric(7, 4), default=Decimal(0))
    ticket_type: Mapped[str | None]
    coupon_type: Mapped[str | None]
    # Package contents in order: {"item", "quantity", "price": {...} or None}
    components: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    # The places it admits to: {"admission", "slots": scheduled | any_time | none}
    admissions: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    # The stores that list it; empty means all.
    stores: Mapped[list[str]] = mapped_column(default=list)
    # How its numbers are drawn as codes; None: as the design says.
    code_format: Mapped[str | None]
    # How it is sold by OCTO, as in the venue file; what is by default is left out.
    octo: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))

    __table_args__ = (CheckConstraint("kind IN ('ticket', 'coupon', 'package')", name="kind"),)


class PriceRule(Table):
    """A change to prices by date, weekday, slot or days booked ahead (domain: Price)."""

    __tablename__ = "price_rules"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    item_number: Mapped[str | None]
    # As in the venue file: conditions and one of fixed, relative, percent.
    rule: Mapped[dict[str, Any]]
