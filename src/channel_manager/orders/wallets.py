"""An order's wallets with all that was ever in them, for the people who look after it.

Partners see what is good now; here are the void ones too, of each submission.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.statements import Statement

PAGE = 50
_WALLETS = Statement("""
    SELECT wallet_id, submission, line_no, seq_no, reference_number, external_reference, name,
        issued_at, price_excl_vat, price_incl_vat, currency, manifest_id, voided_at,
        count(*) OVER () AS number
    FROM wallets
    WHERE company_id = :company AND order_id = :order
    ORDER BY submission DESC, line_no, seq_no LIMIT :page OFFSET :skipped
""")
_ASSETS = Statement("""
    SELECT a.row_id, a.wallet_id, a.kind, a.reference_number, a.item_number, a.description,
        a.admits, a.admitted, a.last_admitted_at, a.valid_from, a.valid_until, a.valid_at,
        a.voided_at
    FROM assets a
    WHERE a.company_id = :company AND a.order_id = :order AND a.wallet_id = ANY(:wallets)
    ORDER BY a.position
""")


@dataclass(slots=True)
class WalletInFull:
    """A wallet and its assets. Instants are UTC, prices in `currency`, `voided_at` None: good."""

    wallet_id: UUID
    submission: int
    line_no: int
    seq_no: int
    reference_number: str
    external_reference: str
    name: str
    issued_at: datetime
    price_excl_vat: Decimal
    price_incl_vat: Decimal
    currency: str
    manifest_id: UUID
    voided_at: datetime | None
    assets: list[Any] = field(default_factory=list)


async def wallets_of(
    conn: AsyncConnection, company_id: UUID, order_id: UUID, *, page: int = 1
) -> tuple[Sequence[WalletInFull], int]:
    """A page of an order's wallets, the newest submission's first, and how many there are."""
    ids = {"company": company_id, "order": order_id}
    rows = await _WALLETS.rows(conn, **ids, page=PAGE, skipped=PAGE * (page - 1))
    if not rows:
        return [], 0
    assets = defaultdict(list)
    for asset in await _ASSETS.rows(conn, **ids, wallets=[row.wallet_id for row in rows]):
        assets[asset.wallet_id].append(asset)
    wallets = []
    for row in rows:
        values = row._asdict()
        values.pop("number")
        wallets.append(WalletInFull(**values, assets=assets[row.wallet_id]))
    return wallets, rows[0].number
