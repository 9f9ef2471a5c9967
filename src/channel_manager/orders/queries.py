"""The only ways from a key to an order: each finder is scoped by company and partner."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from channel_manager.access.service import Access
from channel_manager.db import AnyRow, AnySelect
from channel_manager.errors import NotFound
from channel_manager.issuance.models import Asset, Wallet
from channel_manager.orders.models import Order, OrderLine
from channel_manager.orders.representation import OrderView
from channel_manager.partners.models import Partner
from channel_manager.schemas import parse_uuid
from channel_manager.statements import Statement

ORDER = Order.__table__


def _belongs(model: type[OrderLine | Wallet | Asset]) -> ColumnElement[bool]:
    return and_(
        model.company_id == Order.company_id,
        model.order_id == Order.order_id,
        model.submission == Order.submission,
    )


def _rows(
    model: type[OrderLine | Wallet | Asset],
    fields: Mapping[str, ColumnElement[Any] | InstrumentedAttribute[Any]],
    order_by: Sequence[Any],
    condition: ColumnElement[bool],
) -> ScalarSelect[Any]:
    # One statement reads the order and all its parts, so that they are of one instant.
    pairs = [
        part for name, column in fields.items() for part in (literal_column(f"'{name}'"), column)
    ]
    return (
        select(func.jsonb_agg(aggregate_order_by(func.jsonb_build_object(*pairs), *order_by)))
        .select_from(model)
        .where(_belongs(model), condition)
        .correlate(Order)
        .scalar_subquery()
    )


def _named(*columns: InstrumentedAttribute[Any]) -> dict[str, InstrumentedAttribute[Any]]:
    return {column.key: column for column in columns}


_LINES = _rows(
    OrderLine,
    _named(
        OrderLine.line_no,
        OrderLine.item_number,
        OrderLine.description,
        OrderLine.is_package,
        OrderLine.quantity,
        OrderLine.visit_date,
        OrderLine.visit_time,
        OrderLine.sell_to_email,
        OrderLine.sell_to_name,
        OrderLine.sell_to_language,
        OrderLine.component_schedule,
    ),
    [OrderLine.line_no],
    true(),
)
_WALLETS = _rows(
    Wallet,
    {
        **_named(
            Wallet.wallet_id,
            Wallet.line_no,
            Wallet.seq_no,
            Wallet.reference_number,
            Wallet.external_reference,
            Wallet.name,
            Wallet.currency,
            Wallet.manifest_id,
        ),
        "issued_at": func.to_char(
            Wallet.issued_at.op("AT TIME ZONE")("UTC"), 'YYYY-MM-DD"T"HH24:MI:SS"Z"'
        ),
        # As text: a JSON number would pass through a binary float.
        "price_excl_vat": cast(Wallet.price_excl_vat, Text),
        "price_incl_vat": cast(Wallet.price_incl_vat, Text),
    },
    [Wallet.line_no, Wallet.seq_no],
    Wallet.voided_at.is_(None),
)
_ASSETS = _rows(
    Asset,
    _named(
        Asset.row_id,
        Asset.asset_id,
        Asset.wallet_id,
        Asset.kind,
        Asset.reference_number,
        Asset.item_number,
        Asset.description,
    ),
    [Asset.position],
    Asset.voided_at.is_(None),
)
_VIEW = select(ORDER, _LINES.label("lines"), _WALLETS.label("wallets"), _ASSETS.label("assets"))


def no_such_order() -> NotFound:
    """The same error for an order that never was and one that isn't the caller's."""
    return NotFound("There is no such order.")


_SCOPE = and_(
    Order.company_id == bindparam("company_id"),
    or_(bindparam("partner_id", type_=Uuid).is_(None), Order.partner_id == bindparam("partner_id")),
    Order.order_id == bindparam("order_id"),
    Order.removed_at.is_(None),
)
_PARTNER_ACTIVE = (
    select(Partner.active)
    .where(Partner.company_id == Order.company_id, Partner.partner_id == Order.partner_id)
    .scalar_subquery()
    .label("partner_active")
)
_LOCK_IN_SCOPE = Statement(select(ORDER, _PARTNER_ACTIVE).where(_SCOPE).with_for_update(of=Order))
_VIEW_IN_SCOPE = Statement(_VIEW.where(_SCOPE))
_VIEW_BY_ID = Statement(
    _VIEW.where(
        Order.company_id == bindparam("company_id"), Order.order_id == bindparam("order_id")
    )
)


async def lock_order_in_scope(conn: AsyncConnection, access: Access, order_id: str) -> AnyRow:
    """The order, locked until the transaction ends, and whether its partner may still sell.

    Errors: `NotFound`.
    """
    return _one(await _LOCK_IN_SCOPE.one(conn, **_scope(access, order_id)))


async def view_order_in_scope(conn: AsyncConnection, access: Access, order_id: str) -> OrderView:
    """The order with all that belongs to its submission. Errors: `NotFound`."""
    return _as_view(_one(await _VIEW_IN_SCOPE.one(conn, **_scope(access, order_id))))


async def view_order(conn: AsyncConnection, company_id: UUID, order_id: UUID) -> OrderView:
    """An order that the caller has already found, removed ones too. Errors: `NotFound`."""
    found = await _VIEW_BY_ID.one(conn, company_id=company_id, order_id=order_id)
    return _as_view(_one(found))


def _scope(access: Access, order_id: str) -> dict[str, UUID | None]:
    try:
        wanted = parse_uuid(order_id)
    except ValueError:
        raise no_such_order() from None
    return {
        "company_id": access.company.company_id,
        "partner_id": access.partner_id,
        "order_id": wanted,
    }


def in_scope(query: AnySelect, access: Access) -> AnySelect:
    """Limit a query over orders to what a key may see: its company, its partner, what is there."""
    partner = true() if access.partner_id is None else Order.partner_id == access.partner_id
    return query.where(
        Order.company_id == access.company.company_id, partner, Order.removed_at.is_(None)
    )


def _one(row: AnyRow | None) -> AnyRow:
    if row is None:
        raise no_such_order()
    return row


def _as_view(row: AnyRow) -> OrderView:
    fields = row._asdict()
    return OrderView(
        order=fields,
        lines=fields["lines"] or (),
        wallets=fields["wallets"] or (),
        assets=fields["assets"] or (),
    )
