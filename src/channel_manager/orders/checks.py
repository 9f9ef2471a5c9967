"""What an order body must fulfil beyond its form (contract: Order body)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.service import Access
from channel_manager.capacity.service import slot_problems
from channel_manager.capacity.wants import Want
from channel_manager.catalog.service import Catalogue, ItemInfo, catalogue
from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, Problem
from channel_manager.issuance.contents import LineToIssue, ScheduledComponent, Visit
from channel_manager.orders.places import LINE_STEP, wants
from channel_manager.orders.schemas import LineIn, OrderIn
from channel_manager.partners.models import Partner
from channel_manager.statements import Statement

YEARS_AHEAD = 3


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A line that can be written: its item found, its defaults filled in."""

    line_no: int
    source: LineIn
    item: ItemInfo
    wallet_count: int
    sell_to_email: str
    sell_to_name: str
    sell_to_language: str
    description: str

    @property
    def names(self) -> list[str] | None:
        """One name per wallet, or None."""
        return self.source.wallet.names if self.source.wallet else None

    @property
    def external_references(self) -> list[str] | None:
        """One reference of the partner's per wallet, trimmed, or None."""
        wallet = self.source.wallet
        given = wallet.externalReferenceNumbers if wallet else None
        return None if given is None else [reference.strip() for reference in given]

    @property
    def component_schedule(self) -> list[dict[str, Any]] | None:
        """When each component is visited, as stored."""
        wallet = self.source.wallet
        if wallet is None or not wallet.componentSchedule:
            return None
        return [
            {
                "itemNumber": entry.itemNumber,
                "visitDate": entry.visitDate.isoformat(),
                "visitTime": entry.visitTime.isoformat(),
            }
            for entry in wallet.componentSchedule
        ]

    @property
    def to_issue(self) -> LineToIssue:
        """The line as issuance will see it."""
        wallet = self.source.wallet
        return LineToIssue(
            line_no=self.line_no,
            item=self.item,
            quantity=self.source.quantity,
            wallet_count=self.wallet_count,
            visit=Visit(self.source.visitDate, self.source.visitTime),
            language=self.sell_to_language,
            description=self.description,
            names=self.names,
            external_references=self.external_references,
            component_schedule=[
                ScheduledComponent(entry.itemNumber, Visit(entry.visitDate, entry.visitTime))
                for entry in (wallet and wallet.componentSchedule) or ()
            ],
        )


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that can be written, and the places that it wants."""

    body: OrderIn
    partner: AnyRow
    lines: list[CheckedLine]
    wants: list[Want]


async def check_order(
    conn: AsyncConnection, access: Access, body: OrderIn, now: datetime
) -> CheckedOrder:
    """Check a body against the partner, the catalogue and the venue's calendar.

    Errors: `InvalidInput` with everything that is wrong, not only the first.
    """
    partner = await find_partner(conn, access, body.partnerId)
    items = await catalogue(conn, access.company)
    problems = [*_partner_problems(partner)]
    lines = []
    for index, line in enumerate(body.items):
        found = list(_line_problems(line, index, items, access, now))
        problems += found
        if not found:
            lines.append(_checked(line, index, body, items.items[line.itemNumber], access))
    problems += _repeated_references(body)
    wanted = wants([line.to_issue for line in lines], items)
    company = access.company
    problems += await slot_problems(conn, company.company_id, company.zone, wanted)
    if problems or partner is None:
        raise InvalidInput.of(problems)
    return CheckedOrder(body, partner, lines, wanted)


_PARTNER = Statement(
    select(
        Partner.partner_id,
        Partner.active,
        Partner.hold_minutes,
        Partner.order_reference_pattern,
    ).where(Partner.company_id == bindparam("company"), Partner.partner_id == bindparam("partner"))
)


async def find_partner(conn: AsyncConnection, access: Access, partner_id: UUID) -> AnyRow | None:
    """A partner that the caller may sell as; None where there is none."""
    if access.partner_id not in (None, partner_id):
        return None
    found: AnyRow | None = await _PARTNER.one(
        conn, company=access.company.company_id, partner=partner_id
    )
    return found


def _partner_problems(partner: AnyRow | None) -> Iterator[Problem]:
    if partner is None:
        yield Problem("partnerId", "no such partner; use the id from the venue", "unknown_partner")
    elif not partner.active:
        yield Problem(
            "partnerId",
            "this partner is inactive; ask the venue to activate it",
            "partner_inactive",
        )


def _line_problems(
    line: LineIn, index: int, items: Catalogue, access: Access, now: datetime
) -> Iterator[Problem]:
    place = f"items[{index}]"
    item = items.items.get(line.itemNumber)
    if item is None or not item.sellable:
        yield Problem(
            f"{place}.itemNumber",
            f"no item {line.itemNumber} is sold here; see the catalogue",
            "unknown_item",
        )
        return
    yield from _visit_problems(line, place, access, now)
    yield from _wallet_problems(line, place, item)
    yield from _schedule_problems(line, place, item, access, now)


def _visit_problems(visit: Any, place: str, access: Access, now: datetime) -> Iterator[Problem]:  # noqa: ANN401 - a line or a component of one
    zone = access.company.zone
    today = local_time.today(zone, now)
    last = local_time.years_ahead(today, YEARS_AHEAD)
    if visit.visitDate < today:
        yield Problem(
            f"{place}.visitDate", f"{visit.visitDate} is past; at the venue it is {today}"
        )
    elif visit.visitDate > last:
        yield Problem(
            f"{place}.visitDate",
            f"{visit.visitDate} is more than {YEARS_AHEAD} years ahead; the last day is {last}",
        )
    else:
        try:
            local_time.to_instant(visit.visitDate, visit.visitTime, zone)
        except local_time.SkippedTime as skipped:
            yield Problem(f"{place}.visitTime", str(skipped))


def _wallet_problems(line: LineIn, place: str, item: ItemInfo) -> Iterator[Problem]:
    if line.wallet is None:
        return
    count = 1 if item.is_group else line.quantity
    for field in ("names", "externalReferenceNumbers"):
        given = getattr(line.wallet, field)
        if given is not None and len(given) != count:
            yield Problem(
                f"{place}.wallet.{field}",
                f"has {len(given)} entries, but the line makes {count} wallets;"
                " give one for each, or leave the field out",
            )


def _schedule_problems(
    line: LineIn, place: str, item: ItemInfo, access: Access, now: datetime
) -> Iterator[Problem]:
    schedule = (line.wallet and line.wallet.componentSchedule) or []
    if schedule and not item.is_package:
        yield Problem(
            f"{place}.wallet.componentSchedule",
            f"item {item.number} is not a package; leave it out",
        )
        return
    allowed = Counter[str]()
    for component in item.components:
        allowed[component.item_number] += component.quantity
    for position, entry in enumerate(schedule):
        spot = f"{place}.wallet.componentSchedule[{position}]"
        if entry.itemNumber not in allowed:
            yield Problem(
                f"{spot}.itemNumber", f"{entry.itemNumber} is not a component of {item.number}"
            )
            continue
        allowed[entry.itemNumber] -= 1
        if allowed[entry.itemNumber] < 0:
            yield Problem(
                f"{spot}.itemNumber",
                f"{entry.itemNumber} is scheduled more often than the package holds it",
            )
        yield from _visit_problems(entry, spot, access, now)


def _repeated_references(body: OrderIn) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, line in enumerate(body.items):
        given = line.wallet.externalReferenceNumbers if line.wallet else None
        for position, reference in enumerate(given or ()):
            trimmed = reference.strip()
            if trimmed and trimmed in seen:
                yield Problem(
                    f"items[{index}].wallet.externalReferenceNumbers[{position}]",
                    f"{trimmed} is used twice in this order",
                    "wallet_reference_taken",
                )
            seen.add(trimmed)


def _checked(
    line: LineIn, index: int, body: OrderIn, item: ItemInfo, access: Access
) -> CheckedLine:
    language = _own_or_order(line, body, "sellToLanguage")
    return CheckedLine(
        line_no=(index + 1) * LINE_STEP,
        source=line,
        item=item,
        wallet_count=1 if item.is_group else line.quantity,
        sell_to_email=_own_or_order(line, body, "sellToEmail"),
        sell_to_name=_own_or_order(line, body, "sellToName"),
        sell_to_language=language,
        description=item.describe(language, access.company.language),
    )


def _own_or_order(line: LineIn, body: OrderIn, field: str) -> str:
    # An explicit null on the line clears what the order says; an absent field takes it.
    source = line if field in line.model_fields_set else body
    return getattr(source, field) or ""
