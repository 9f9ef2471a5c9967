"""The only ways from a key to a booking: each finder is scoped by company and partner.

A booking is an order, whichever way it came: what OCTO adds is read beside it where there is any.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow
from channel_manager.octo.calls import Call
from channel_manager.octo.errors import invalid_booking
from channel_manager.schemas import parse_uuid
from channel_manager.statements import Statement

MAX_LISTED = 1_000

# A Draft that was cancelled is gone from the channel manager's own API, but not from here. An order
# that is still being issued, or that failed, is no booking.
_SCOPE = """
    o.company_id = :company AND o.partner_id = :partner
    AND o.status IN ('Draft', 'Issued', 'Cancelled')
"""
_BY_UUID = """
    o.order_id = ANY(ARRAY(
        SELECT order_id FROM octo_bookings
        WHERE company_id = :company AND partner_id = :partner AND booking_uuid = :uuid
        UNION ALL SELECT CAST(:uuid AS uuid)))
"""
# One statement reads the booking and all its parts, so that they are of one instant.
_VIEW = """
    SELECT o.order_id, o.status, o.submission, o.received_at, o.removed_at, o.manifest_id,
        o.buy_from_order_reference, o.sell_to_order_reference, o.sell_to_name, o.sell_to_email,
        o.sell_to_language, o.hold_expires_at,
        o.status = 'Draft' AND (o.hold_ended_at IS NOT NULL
            OR coalesce(o.hold_expires_at <= now(), false)) AS lapsed,
        greatest(o.changed_at, b.updated_at) AS updated_at, o.changed_at,
        b.booking_uuid, b.request_hash, b.submission AS units_of, b.units, b.reseller_reference,
        b.contact, b.notes, b.confirmed_at, b.refund, b.cancel_reason,
        (SELECT jsonb_agg(jsonb_build_object('line_no', line_no, 'item_number', item_number,
                'quantity', quantity, 'wallet_count', wallet_count, 'visit_date', visit_date,
                'visit_time', visit_time, 'scheduled', component_schedule IS NOT NULL)
                ORDER BY line_no)
            FROM order_lines l WHERE l.company_id = o.company_id AND l.order_id = o.order_id
                AND l.submission = o.submission) AS lines,
        (SELECT jsonb_agg(jsonb_build_object('wallet_id', wallet_id, 'line_no', line_no,
                'number', reference_number, 'external_reference', external_reference,
                'manifest_id', manifest_id, 'currency', currency,
                'excl_vat', CAST(price_excl_vat AS text), 'incl_vat', CAST(price_incl_vat AS text),
                'tickets', (SELECT jsonb_agg(jsonb_build_object('number', a.reference_number,
                        'kind', a.kind, 'valid_at', a.valid_at, 'is_used', a.admitted >= a.admits,
                        'admitted', a.admitted,
                        'admitted_at', CASE WHEN a.admitted > 0 THEN
                            (SELECT min(e.admitted_at) FROM gate_entries e
                                WHERE e.company_id = a.company_id AND e.ticket_id = a.row_id)
                            END) ORDER BY a.position)
                    FROM assets a WHERE a.company_id = o.company_id AND a.order_id = o.order_id
                        AND a.wallet_id = w.wallet_id))
                ORDER BY line_no, seq_no)
            FROM wallets w WHERE w.company_id = o.company_id AND w.order_id = o.order_id
                AND w.submission = o.submission) AS wallets,
        (SELECT jsonb_agg(jsonb_build_object('admission', s.admission_code,
                'whole_day', s.whole_day, 'local_date', s.local_date, 'starts_at', s.starts_at,
                'ends_at', s.ends_at, 'capacity', s.capacity, 'room', s.capacity - s.reserved,
                'sales_until', coalesce(s.sales_until, s.ends_at),
                'on_sale', s.is_open AND (s.sales_from IS NULL OR s.sales_from <= now())
                    AND coalesce(s.sales_until, s.ends_at) > now()))
            FROM reservations r
            JOIN time_slots s ON s.company_id = r.company_id AND s.slot_id = r.slot_id
            WHERE r.company_id = o.company_id AND r.order_id = o.order_id
                AND r.submission = o.submission) AS slots
    FROM orders o
    LEFT JOIN octo_bookings b ON b.company_id = o.company_id AND b.order_id = o.order_id
"""
# By ids in an array, so that a plan made while there were few orders goes by the key later too.
# A reseller may choose as uuid what is another order's id: its own uuid comes first.
_FIRST = "ORDER BY o.order_id = :uuid LIMIT 1"
_ID = Statement(f"SELECT o.order_id FROM orders o WHERE {_SCOPE} AND {_BY_UUID} {_FIRST}")  # noqa: S608 - our own text
_VIEW_BY_UUID = Statement(f"{_VIEW} WHERE {_SCOPE} AND {_BY_UUID} {_FIRST}")
_VIEW_BY_ID = Statement(f"{_VIEW} WHERE {_SCOPE} AND o.order_id = :order")
_NEWEST = "ORDER BY o.received_at DESC, o.order_id LIMIT :most"
_LIST_BY_RESELLER = Statement(f"""
    {_VIEW} WHERE {_SCOPE} AND o.order_id = ANY(ARRAY(
        SELECT order_id FROM octo_bookings
        WHERE company_id = :company AND partner_id = :partner AND reseller_reference = :reference
        UNION ALL
        SELECT order_id FROM orders
        WHERE company_id = :company AND partner_id = :partner AND reference_key = :key
            AND removed_at IS NULL))
    {_NEWEST}
""")  # noqa: S608 - our own text
_LIST_BY_SUPPLIER = Statement(f"""
    {_VIEW} WHERE {_SCOPE} AND o.buy_from_order_reference = :reference {_NEWEST}
""")
_LIST_BY_DATE = Statement(f"""
    {_VIEW} WHERE {_SCOPE} AND (o.order_id, o.submission) IN (
        SELECT l.order_id, l.submission FROM order_lines l
        WHERE l.company_id = :company AND l.visit_date BETWEEN :first AND :last)
    {_NEWEST}
""")  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list asks for; one of the three, and dates for the third."""

    reseller_reference: str | None = None
    supplier_reference: str | None = None
    first: date | None = None
    last: date | None = None


async def find_order_id(conn: AsyncConnection, call: Call, uuid: str) -> UUID:
    """The order behind a booking's uuid. Errors: `INVALID_BOOKING_UUID`."""
    found = await _ID.one(conn, **_scope(call), uuid=_uuid(uuid))
    if found is None:
        raise invalid_booking(uuid)
    order_id: UUID = found.order_id
    return order_id


async def find_booking(conn: AsyncConnection, call: Call, uuid: str) -> AnyRow:
    """A booking with all that belongs to it. Errors: `INVALID_BOOKING_UUID`."""
    found: AnyRow | None = await _VIEW_BY_UUID.one(conn, **_scope(call), uuid=_uuid(uuid))
    if found is None:
        raise invalid_booking(uuid)
    return found


async def find_own(conn: AsyncConnection, call: Call, uuid: UUID) -> AnyRow | None:
    """The booking that was made under this uuid, or that is the order of this id; or None."""
    found: AnyRow | None = await _VIEW_BY_UUID.one(conn, **_scope(call), uuid=uuid)
    return found


async def view_booking(conn: AsyncConnection, call: Call, order_id: UUID) -> AnyRow:
    """A booking by its order's id. Errors: `INVALID_BOOKING_UUID`."""
    found: AnyRow | None = await _VIEW_BY_ID.one(conn, **_scope(call), order=order_id)
    if found is None:
        raise invalid_booking(str(order_id))
    return found


async def list_bookings(conn: AsyncConnection, call: Call, wanted: Wanted) -> list[AnyRow]:
    """The newest bookings that a list asks for, at most `MAX_LISTED`."""
    scope = _scope(call) | {"most": MAX_LISTED}
    if wanted.reseller_reference is not None:
        reference = wanted.reseller_reference
        key = reference.strip().casefold()
        return await _LIST_BY_RESELLER.rows(conn, **scope, reference=reference, key=key)
    if wanted.supplier_reference is not None:
        return await _LIST_BY_SUPPLIER.rows(conn, **scope, reference=wanted.supplier_reference)
    return await _LIST_BY_DATE.rows(conn, **scope, first=wanted.first, last=wanted.last)


def _scope(call: Call) -> dict[str, Any]:
    return {"company": call.access.company.company_id, "partner": call.partner_id}


def _uuid(given: str) -> UUID:
    try:
        return parse_uuid(given)
    except ValueError:
        raise invalid_booking(given) from None
