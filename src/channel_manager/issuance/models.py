from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, func, text
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class Wallet(Table):
    """What one guest carries (domain: Wallet). Prices are its assets' sums, fixed at issuance."""

    __tablename__ = "wallets"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    wallet_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    order_id: Mapped[UUID]
    submission: Mapped[int]
    line_no: Mapped[int]
    seq_no: Mapped[int]
    # 18 digits without a leading zero.
    reference_number: Mapped[str]
    # The partner's own reference; "" where none was given.
    external_reference: Mapped[str]
    name: Mapped[str]
    issued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    price_excl_vat: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    price_incl_vat: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    currency: Mapped[str]
    # The guest's page of this wallet alone; unguessable.
    manifest_id: Mapped[UUID] = mapped_column(index=True)
    voided_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_wallets_reference", "company_id", "reference_number", unique=True),
        Index("ix_wallets_order", "company_id", "order_id"),
        Index(
            "ix_wallets_external",
            "company_id",
            "external_reference",
            postgresql_where=text("external_reference <> ''"),
        ),
        Index(
            "ix_wallets_guest",
            text("array_to_tsvector(guest_words(company_id, name, ''::text))"),
            postgresql_using="gin",
        ),
    )


class Asset(Table):
    """A ticket or coupon in a wallet.

    Not valid until `valid_at` is set (on issue, or on confirm of a Draft); void once `voided_at`
    is. A void asset stays for audit and never shows in the API.
    """

    __tablename__ = "assets"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    # `id` in the API: this asset's place in its wallet.
    row_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # `assetId` in the API: the ticket or coupon itself.
    asset_id: Mapped[UUID] = mapped_column(default=new_id)
    wallet_id: Mapped[UUID]
    order_id: Mapped[UUID]
    submission: Mapped[int]
    position: Mapped[int]
    # ticket or coupon
    kind: Mapped[str]
    reference_number: Mapped[str]
    item_number: Mapped[str]
    description: Mapped[str]
    # How many guests a ticket lets in: 1, or the line's quantity on a group ticket.
    admits: Mapped[int]
    # The places it lets in, for the gate: {"admission", "slotId": the slot taken, or None}.
    admits_to: Mapped[list[dict[str, Any]] | None]
    price_excl_vat: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    price_incl_vat: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    # From when to before when it may be used; midnights at the venue.
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    # What it was sold with, whatever the catalogue says later: a ticket's `entries`; a coupon's
    # `gives` and `uses`.
    terms: Mapped[dict[str, Any] | None]
    valid_at: Mapped[datetime | None]
    # How many guests the gate has let in, in all and on the venue-local day of the last entry.
    admitted: Mapped[int] = mapped_column(default=0, server_default="0")
    admitted_that_day: Mapped[int] = mapped_column(default=0, server_default="0")
    last_admitted_at: Mapped[datetime | None]
    last_admission: Mapped[str] = mapped_column(default="", server_default="")
    voided_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("kind IN ('ticket', 'coupon')", name="kind"),
        Index("uq_assets_reference", "company_id", "reference_number", unique=True),
        Index("ix_assets_order", "company_id", "order_id"),
        # The gate counts entries here: room on the page keeps those updates off the indexes.
        {"postgresql_with": {"fillfactor": 85}},
    )


class ExternalReference(Table):
    """A partner's own wallet reference in use, claimed at order time (contract: Order body).

    Freed when the wallet is voided, so that a replace may use it again.
    """

    __tablename__ = "external_references"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[UUID]
    line_no: Mapped[int]
    seq_no: Mapped[int]

    __table_args__ = (Index("ix_external_references_order", "company_id", "order_id"),)
