"""From a manifest id to what its page shows (domain: Manifest)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.catalog.models import Item
from channel_manager.companies.models import Company
from channel_manager.db import AnyRow
from channel_manager.errors import NotFound
from channel_manager.issuance.models import Asset, Wallet
from channel_manager.manifests.view import (
    AssetKind,
    AssetState,
    AssetView,
    CodeFormat,
    ManifestStatus,
    ManifestView,
    VenueView,
    WalletView,
)
from channel_manager.orders.models import Order, OrderLine
from channel_manager.partners.models import Partner
from channel_manager.schemas import parse_uuid


async def find_manifest(conn: AsyncConnection, mid: str, now: datetime) -> ManifestView:
    """What the page behind `mid` shows: a whole order, or one wallet of it.

    The id itself is the guest's key: it can't be guessed. Errors: `NotFound`, also for a Draft,
    which has no page yet. What is used, expired or not valid yet is told as of `now`.
    """
    try:
        wanted = parse_uuid(mid)
    except ValueError:
        raise _no_such_manifest() from None
    order = await _find_order(conn, Order.manifest_id == wanted)
    if order is not None:
        return _view(order, await _wallets(conn, order), await _assets(conn, order), now)
    wallet = await _find_wallet(conn, wanted)
    order = await _find_order(
        conn, and_(Order.company_id == wallet.company_id, Order.order_id == wallet.order_id)
    )
    # A wallet of a submission that was replaced has no page any more.
    if order is None or order.submission != wallet.submission:
        raise _no_such_manifest()
    return _view(order, [wallet], await _assets(conn, order), now)


def _no_such_manifest() -> NotFound:
    return NotFound("There is no such page.")


async def _find_order(conn: AsyncConnection, condition: Any) -> AnyRow | None:  # noqa: ANN401
    found = await conn.execute(
        select(
            Order.company_id,
            Order.order_id,
            Order.submission,
            Order.status,
            Order.buy_from_order_reference,
            Order.sell_to_order_reference,
            Order.sell_to_language,
            Company.name.label("company_name"),
            Company.time_zone,
            Company.language.label("company_language"),
            Company.design.label("company_design"),
            Partner.design.label("partner_design"),
        )
        .join(Company, Company.company_id == Order.company_id)
        .join(
            Partner,
            and_(Partner.company_id == Order.company_id, Partner.partner_id == Order.partner_id),
        )
        .where(condition, Order.status.in_(("Issued", "Cancelled")), Order.removed_at.is_(None))
    )
    return found.one_or_none()


_WALLET_FIELDS = (
    Wallet.company_id,
    Wallet.order_id,
    Wallet.submission,
    Wallet.wallet_id,
    Wallet.line_no,
    Wallet.seq_no,
    Wallet.reference_number,
    Wallet.external_reference,
    Wallet.name,
    Wallet.manifest_id,
    OrderLine.description,
    OrderLine.visit_date,
    OrderLine.visit_time,
    OrderLine.component_schedule,
)
_WITH_LINES = (
    select(*_WALLET_FIELDS)
    .join(
        OrderLine,
        and_(
            OrderLine.company_id == Wallet.company_id,
            OrderLine.order_id == Wallet.order_id,
            OrderLine.submission == Wallet.submission,
            OrderLine.line_no == Wallet.line_no,
        ),
    )
    .order_by(Wallet.line_no, Wallet.seq_no)
)


async def _find_wallet(conn: AsyncConnection, manifest_id: UUID) -> AnyRow:
    found = await conn.execute(_WITH_LINES.where(Wallet.manifest_id == manifest_id))
    wallet = found.one_or_none()
    if wallet is None:
        raise _no_such_manifest()
    return wallet


async def _wallets(conn: AsyncConnection, order: AnyRow) -> Sequence[AnyRow]:
    found = await conn.execute(
        _WITH_LINES.where(
            Wallet.company_id == order.company_id,
            Wallet.order_id == order.order_id,
            Wallet.submission == order.submission,
        )
    )
    return found.all()


async def _assets(conn: AsyncConnection, order: AnyRow) -> Mapping[UUID, Sequence[AnyRow]]:
    found = await conn.execute(
        select(
            Asset.wallet_id,
            Asset.kind,
            Asset.reference_number,
            Asset.item_number,
            Asset.description,
            Asset.admits,
            Asset.valid_from,
            Asset.valid_until,
            Asset.terms,
            Asset.admitted,
            Asset.last_admitted_at,
            Asset.voided_at,
            Item.code_format,
        )
        # As the item is now: tickets that were sold before a reader was replaced follow it. One
        # that is sold no more follows the design.
        .outerjoin(
            Item,
            and_(Item.company_id == Asset.company_id, Item.item_number == Asset.item_number),
        )
        .where(
            Asset.company_id == order.company_id,
            Asset.order_id == order.order_id,
            Asset.submission == order.submission,
        )
        .order_by(Asset.position)
    )
    by_wallet = defaultdict(list)
    for asset in found:
        by_wallet[asset.wallet_id].append(asset)
    return by_wallet


def _view(
    order: AnyRow,
    wallets: Sequence[AnyRow],
    assets: Mapping[UUID, Sequence[AnyRow]],
    now: datetime,
) -> ManifestView:
    # Field by field: what the partner's design doesn't say, the company's does.
    design = order.company_design | order.partner_design
    return ManifestView(
        order_reference=order.buy_from_order_reference,
        partner_reference=order.sell_to_order_reference,
        status=(ManifestStatus.ISSUED if order.status == "Issued" else ManifestStatus.CANCELLED),
        venue=VenueView(
            name=design.get("name") or order.company_name,
            time_zone=order.time_zone,
            colour=design.get("colour"),
            logo=design.get("logo", ""),
            address=tuple(design.get("address", ())),
        ),
        language=order.sell_to_language or order.company_language,
        wallets=tuple(_wallet(row, assets[row.wallet_id], design, now) for row in wallets),
    )


def _wallet(
    row: AnyRow, assets: Sequence[AnyRow], design: Mapping[str, Any], now: datetime
) -> WalletView:
    return WalletView(
        seq=row.seq_no,
        reference_number=row.reference_number,
        external_reference=row.external_reference,
        guest_name=row.name,
        item_description=row.description,
        visit_date=row.visit_date,
        visit_time=row.visit_time,
        wallet_page_id=str(row.manifest_id),
        assets=tuple(
            _asset(asset, design, now, visit)
            for asset, visit in zip(assets, _own_visits(row, assets), strict=True)
        ),
    )


Visit = tuple[date, time]


def _own_visits(wallet: AnyRow, assets: Sequence[AnyRow]) -> Iterator[Visit | None]:
    """The visit of each asset that the order schedules by itself; None for the wallet's own.

    Scheduled instances of a component are the first of it, in the order they came, as at issuance.
    """
    scheduled = defaultdict(list)
    for entry in wallet.component_schedule or ():
        visit = date.fromisoformat(entry["visitDate"]), time.fromisoformat(entry["visitTime"])
        scheduled[entry["itemNumber"]].append(visit)
    for asset in assets:
        waiting = scheduled[asset.item_number]
        yield waiting.pop(0) if waiting else None


def _asset(row: AnyRow, design: Mapping[str, Any], now: datetime, visit: Visit | None) -> AssetView:
    return AssetView(
        kind=AssetKind(row.kind),
        reference_number=row.reference_number,
        description=row.description,
        admits=row.admits,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        # The item outranks the design: it is bound to the readers at its own entrance.
        code_format=CodeFormat(row.code_format or design.get("codeFormat", "qr")),
        state=_state(row, now),
        used_at=row.last_admitted_at,
        visit_date=visit and visit[0],
        visit_time=visit and visit[1],
    )


def _state(row: AnyRow, now: datetime) -> AssetState:
    # In the gate's order: cancelled outranks used.
    once = (row.terms or {}).get("entries", "single") == "single"
    if row.voided_at is not None:
        return AssetState.CANCELLED
    if once and row.admitted >= row.admits:
        return AssetState.USED
    if row.valid_until is not None and now >= row.valid_until:
        return AssetState.EXPIRED
    if row.valid_from is not None and now < row.valid_from:
        return AssetState.NOT_VALID_YET
    return AssetState.VALID
