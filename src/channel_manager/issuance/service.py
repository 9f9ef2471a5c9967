"""Minting: wallets with their tickets and coupons, set-based, in the caller's transaction.

Knows lines, not orders: an order's status is the business of `orders`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Sequence as DatabaseSequence
from sqlalchemy import delete, func, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from channel_manager import local_time
from channel_manager.capacity.wants import Moment, moment
from channel_manager.catalog.prices import total
from channel_manager.catalog.service import Catalogue
from channel_manager.companies.service import CompanyInfo
from channel_manager.db import Table, bulk_insert, column_lists, new_id
from channel_manager.errors import Refused
from channel_manager.issuance.contents import AssetPlan, LineToIssue, contents
from channel_manager.issuance.models import Asset, ExternalReference, Wallet
from channel_manager.issuance.numbers import NumberPattern, wallet_reference_numbers
from channel_manager.statements import Statement, json_text

# Bounds the memory that one big order takes: 500 lines of 1,000 wallets are legal.
WALLETS_AT_ONCE = 5_000
NUMBER_TRIES = 20
ASSET_NUMBERS = DatabaseSequence("asset_number_seq", metadata=Table.metadata)


_DRAW = Statement(
    "SELECT nextval('asset_number_seq') AS number FROM generate_series(1, CAST(:count AS int))"
)


@dataclass(frozen=True, slots=True)
class Minting:
    """What is minted: the lines of one submission of one order, paid or not."""

    company: CompanyInfo
    items: Catalogue
    order_id: UUID
    submission: int
    lines: Sequence[LineToIssue]
    paid: bool
    # The venue-local day of the order, for prices by days booked ahead.
    booked_on: date
    # The time slots that the order takes.
    slots: Mapping[Moment, UUID]


@dataclass(frozen=True, slots=True)
class Claim:
    """A partner's own wallet reference, wanted for one wallet."""

    line_no: int
    seq_no: int
    reference: str


async def mint(conn: AsyncConnection, mintings: Sequence[Minting]) -> None:
    """Mint all wallets of some orders of one company. Assets are valid at once where it is paid.

    Errors: `Refused`; the caller rolls back, since nothing may be issued in part.
    """
    for portion in _in_portions(mintings):
        wallets: list[dict[str, Any]] = []
        valid: list[dict[str, Any]] = []
        drafts: list[dict[str, Any]] = []
        for minting, line, seq_numbers in portion:
            plan = contents(line, minting.items, minting.booked_on, minting.company.language)
            assets = valid if minting.paid else drafts
            for seq_no in seq_numbers:
                wallet = _wallet_row(minting, line, seq_no, plan)
                wallets.append(wallet)
                assets += [_asset_row(minting, wallet, asset, i) for i, asset in enumerate(plan)]
        await _insert_wallets(conn, wallets, mintings[0].company.wallet_number_pattern)
        await _insert_assets(conn, valid, _INSERT_VALID_ASSETS)
        await _insert_assets(conn, drafts, _INSERT_DRAFT_ASSETS)


async def void(conn: AsyncConnection, company_id: UUID, order_id: UUID) -> None:
    """Make all that the order has void and free the partner's references. They stay for audit."""
    for model in (Wallet, Asset):
        await conn.execute(
            update(model)
            .where(
                model.company_id == company_id,
                model.order_id == order_id,
                model.voided_at.is_(None),
            )
            .values(voided_at=func.now())
        )
    await conn.execute(
        delete(ExternalReference).where(
            ExternalReference.company_id == company_id, ExternalReference.order_id == order_id
        )
    )


async def lock_admitted(conn: AsyncConnection, company_id: UUID, order_id: UUID) -> int:
    """How many guests the gate has let in on this order.

    Locks its tickets, so that until the transaction ends the gate waits; whichever of a cancel and
    an admission comes first, the other finds it.
    """
    rows = await conn.execute(
        select(Asset.admitted)
        .where(
            Asset.company_id == company_id, Asset.order_id == order_id, Asset.voided_at.is_(None)
        )
        .order_by(Asset.row_id)
        .with_for_update()
    )
    return sum(rows.scalars())


async def claim_references(
    conn: AsyncConnection, company_id: UUID, order_id: UUID, claims: Sequence[Claim]
) -> list[Claim]:
    """Claim the partner's own references; returns those that another wallet has."""
    if not claims:
        return []
    # In one order everywhere, so that two orders with the same references can't deadlock.
    rows = [
        {
            "company_id": company_id,
            "reference": claim.reference,
            "order_id": order_id,
            "line_no": claim.line_no,
            "seq_no": claim.seq_no,
        }
        for claim in sorted(claims, key=lambda claim: claim.reference)
    ]
    got = await conn.execute(
        pg_insert(ExternalReference)
        .values(rows)
        .on_conflict_do_nothing()
        .returning(ExternalReference.reference)
    )
    mine = set(got.scalars())
    return [claim for claim in claims if claim.reference not in mine]


async def next_in_sequence(conn: AsyncConnection, count: int) -> list[int]:
    """The next numbers for `[S]` in number patterns."""
    return [row.number for row in await _DRAW.rows(conn, count=count)]


def _in_portions(
    mintings: Sequence[Minting],
) -> Iterator[list[tuple[Minting, LineToIssue, range]]]:
    portion: list[tuple[Minting, LineToIssue, range]] = []
    room = WALLETS_AT_ONCE
    for minting, line in ((one, line) for one in mintings for line in one.lines):
        first = 1
        while first <= line.wallet_count:
            last = min(line.wallet_count, first + room - 1)
            portion.append((minting, line, range(first, last + 1)))
            room -= last + 1 - first
            first = last + 1
            if room == 0:
                yield portion
                portion, room = [], WALLETS_AT_ONCE
    if portion:
        yield portion


def _wallet_row(
    minting: Minting, line: LineToIssue, seq_no: int, plan: Sequence[AssetPlan]
) -> dict[str, Any]:
    price = total((asset.price for asset in plan), minting.company.currency)
    return {
        "company_id": minting.company.company_id,
        "wallet_id": new_id(),
        "order_id": minting.order_id,
        "submission": minting.submission,
        "line_no": line.line_no,
        "seq_no": seq_no,
        "reference_number": "",
        "external_reference": _nth(line.external_references, seq_no),
        "name": _nth(line.names, seq_no) or line.description,
        "price_excl_vat": price.excl_vat,
        "price_incl_vat": price.incl_vat,
        "currency": minting.company.currency,
        "manifest_id": uuid4(),
    }


def _nth(given: Sequence[str] | None, seq_no: int) -> str:
    return given[seq_no - 1].strip() if given else ""


def _asset_row(
    minting: Minting, wallet: dict[str, Any], plan: AssetPlan, position: int
) -> dict[str, Any]:
    return {
        "company_id": minting.company.company_id,
        "row_id": new_id(),
        "asset_id": new_id(),
        "wallet_id": wallet["wallet_id"],
        "order_id": minting.order_id,
        "submission": minting.submission,
        "position": position,
        "kind": plan.kind,
        "pattern": plan.pattern,
        "reference_number": "",
        "item_number": plan.item.number,
        "description": plan.description,
        "valid_from": local_time.day_start(plan.visit.day, minting.company.zone),
        "valid_until": local_time.day_start(
            plan.visit.day + timedelta(days=plan.item.valid_days), minting.company.zone
        ),
        "terms": json_text(plan.item.terms),
        "admits": plan.admits,
        "admits_to": json_text(_admits_to(minting, plan)),
        "price_excl_vat": plan.price.excl_vat,
        "price_incl_vat": plan.price.incl_vat,
    }


def _admits_to(minting: Minting, plan: AssetPlan) -> list[dict[str, Any]]:
    return [
        {
            "admission": admission["admission"],
            "slotId": str(minting.slots[wanted]) if wanted else None,
        }
        for admission in plan.item.admissions
        for wanted in [moment(admission, plan.visit.day, plan.visit.at)]
    ]


_WALLET_COLUMNS = (
    "company_id",
    "wallet_id",
    "order_id",
    "submission",
    "line_no",
    "seq_no",
    "reference_number",
    "external_reference",
    "name",
    "price_excl_vat",
    "price_incl_vat",
    "currency",
    "manifest_id",
)
_ASSET_COLUMNS = (
    "company_id",
    "row_id",
    "asset_id",
    "wallet_id",
    "order_id",
    "submission",
    "position",
    "kind",
    "reference_number",
    "item_number",
    "description",
    "valid_from",
    "valid_until",
    "terms",
    "admits",
    "admits_to",
    "price_excl_vat",
    "price_incl_vat",
)
_INSERT_WALLETS = Statement(bulk_insert(Wallet, _WALLET_COLUMNS, {"issued_at": func.now()}))
_NOT_ADMITTED: dict[str, Any] = {
    "admitted": literal_column("0"),
    "admitted_that_day": literal_column("0"),
    "last_admission": literal_column("''"),
}
_INSERT_VALID_ASSETS = Statement(
    bulk_insert(Asset, _ASSET_COLUMNS, {"valid_at": func.now(), **_NOT_ADMITTED})
)
_INSERT_DRAFT_ASSETS = Statement(
    bulk_insert(Asset, _ASSET_COLUMNS, {"valid_at": null(), **_NOT_ADMITTED})
)


async def _insert_wallets(
    conn: AsyncConnection, rows: list[dict[str, Any]], own_pattern: str | None
) -> None:
    pattern = NumberPattern.parse(own_pattern) if own_pattern else None
    for _ in range(NUMBER_TRIES):
        if pattern is not None:
            await _number(conn, rows, pattern)
        else:
            for row, number in zip(rows, wallet_reference_numbers(len(rows)), strict=True):
                row["reference_number"] = number
        done = await _INSERT_WALLETS.run(conn, **column_lists(_WALLET_COLUMNS, rows))
        if done == len(rows):
            return
        rows = await _left_out(conn, rows, Wallet.company_id, Wallet.wallet_id)
    raise _no_numbers("wallet")


async def _insert_assets(
    conn: AsyncConnection, rows: list[dict[str, Any]], statement: Statement
) -> None:
    if not rows:
        return
    for _ in range(NUMBER_TRIES):
        await _draw_numbers(conn, rows)
        done = await statement.run(conn, **column_lists(_ASSET_COLUMNS, rows))
        if done == len(rows):
            return
        rows = await _left_out(conn, rows, Asset.company_id, Asset.row_id)
    raise _no_numbers("ticket or coupon")


def _no_numbers(kind: str) -> Refused:
    return Refused(
        f"The venue has no free {kind} numbers left; ask it to widen its number pattern, and then"
        " to reprocess this order."
    )


async def _draw_numbers(conn: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    by_pattern: dict[NumberPattern, list[dict[str, Any]]] = {}
    for row in rows:
        by_pattern.setdefault(row["pattern"], []).append(row)
    for pattern, group in by_pattern.items():
        await _number(conn, group, pattern)


async def _number(
    conn: AsyncConnection, rows: Sequence[dict[str, Any]], pattern: NumberPattern
) -> None:
    sequence = None
    if pattern.needs_sequence:
        sequence = await next_in_sequence(conn, len(rows))
    elif len(rows) > pattern.capacity():
        raise _no_numbers(pattern.text)
    for row, number in zip(rows, pattern.draw(len(rows), sequence), strict=True):
        row["reference_number"] = number


async def _left_out(
    conn: AsyncConnection,
    rows: list[dict[str, Any]],
    company: InstrumentedAttribute[UUID],
    key: InstrumentedAttribute[UUID],
) -> list[dict[str, Any]]:
    found = await conn.execute(
        select(key).where(company == rows[0]["company_id"], key.in_([row[key.key] for row in rows]))
    )
    there = set(found.scalars())
    return [row for row in rows if row[key.key] not in there]
