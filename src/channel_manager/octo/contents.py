"""What a booking is of, and the order's body that says the same. Pure."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any
from uuid import UUID

import orjson

from channel_manager.db import new_id
from channel_manager.languages import MAX_LENGTH, is_known
from channel_manager.octo.availability import read_id
from channel_manager.octo.errors import bad_request, unprocessable
from channel_manager.octo.products import Offering, Option, setting
from channel_manager.octo.schemas import MAX_UNITS, UnitItemIn, said
from channel_manager.orders.schemas import LineIn, OrderIn, WalletIn

Unit = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contents:
    """An option at a time, for some units: {"uuid", "unitId", "resellerReference", "contact"}."""

    option: Option
    availability_id: str
    day: date
    at: time
    units: Sequence[Unit]

    @property
    def key(self) -> tuple[str, str, list[tuple[str, str]]]:
        """What must be issued anew where it differs."""
        units = [(unit["unitId"], unit["uuid"]) for unit in self.units]
        return self.option.head.number, self.availability_id, units


def read_contents(
    offering: Offering, option: Option, availability_id: str, units: Sequence[Unit]
) -> Contents:
    """Check what a booking is to be of.

    Errors: `INVALID_UNIT_ID`, `INVALID_AVAILABILITY_ID`, `BAD_REQUEST` for a unit's uuid that is
    given twice, `UNPROCESSABLE_ENTITY` for what the option's restrictions don't allow.
    """
    _check_units(option, units)
    day, at = read_id(option, offering, availability_id)
    return Contents(option, availability_id, day, at, units)


def read_units(given: Sequence[UnitItemIn] | None) -> list[Unit]:
    """A request's unit items. Errors: `UNPROCESSABLE_ENTITY` where there are none."""
    if not given:
        raise unprocessable("unitItems: name at least one unit.")
    return [
        {
            "uuid": str(unit.uuid or new_id()),
            "unitId": unit.unitId or "",
            "resellerReference": unit.resellerReference,
            "contact": said(unit.contact),
        }
        for unit in given
    ]


def _check_units(option: Option, units: Sequence[Unit]) -> None:
    counts = Counter(unit["unitId"] for unit in units)
    for unit_id in counts:
        option.unit(unit_id)
    twice = [uuid for uuid, times in Counter(unit["uuid"] for unit in units).items() if times > 1]
    if twice:
        raise bad_request(f"unitItems: the uuid {twice[0]} is given twice.")
    least, most = setting(option.head, "minUnits", 1), setting(option.head, "maxUnits", MAX_UNITS)
    if not least <= len(units) <= most:
        raise unprocessable(f"unitItems: a booking has {least} to {most} units, not {len(units)}.")
    for unit_id, count in counts.items():
        _check_unit(option, unit_id, count, counts)


def _check_unit(option: Option, unit_id: str, count: int, counts: Counter[str]) -> None:
    item = option.unit(unit_id)
    least = setting(item, "minQuantity", 1)
    most = setting(item, "maxQuantity", MAX_UNITS)
    if not least <= count <= most:
        raise unprocessable(f"unitItems: of {unit_id} there can be {least} to {most}, not {count}.")
    company = setting(item, "accompaniedBy", ())
    if company and not any(counts[other] for other in company):
        raise unprocessable(f"unitItems: {unit_id} needs one of {', '.join(company)} beside it.")


def order_body(
    contents: Contents,
    partner_id: UUID,
    reference: str,
    contact: Mapping[str, Any],
    payment_reference: str | None = None,
) -> OrderIn:
    """The order that is this booking: a line for each unit, in the order in which they come."""
    by_unit: dict[str, list[Unit]] = {}
    for unit in contents.units:
        by_unit.setdefault(unit["unitId"], []).append(unit)
    return OrderIn(
        partnerId=partner_id,
        sellToOrderReference=reference,
        items=[_line(contents, unit_id, units) for unit_id, units in by_unit.items()],
        **guest(contact),
        paymentReference=payment_reference,
    )


def guest(contact: Mapping[str, Any]) -> dict[str, str | None]:
    """The guest of an order, from a contact."""
    names = [contact.get("firstName"), contact.get("lastName")]
    name = contact.get("fullName") or " ".join(part for part in names if part)
    spoken = [code for code in contact.get("locales") or () if len(code) <= MAX_LENGTH]
    return {
        "sellToName": name[:100] or None,
        "sellToEmail": contact.get("emailAddress"),
        "sellToLanguage": next((code for code in spoken if is_known(code)), None),
    }


def _line(contents: Contents, unit_id: str, units: Sequence[Unit]) -> LineIn:
    group = contents.option.unit(unit_id).is_group
    names = [str(guest(unit["contact"])["sellToName"] or "") for unit in units]
    return LineIn.model_validate(
        {
            "itemNumber": unit_id,
            "visitDate": contents.day.isoformat(),
            "visitTime": contents.at.isoformat(),
            "quantity": len(units),
            # A group's one wallet can't have the references of all its units.
            "wallet": None
            if group
            else WalletIn(
                names=names if any(names) else None,
                externalReferenceNumbers=[unit["uuid"] for unit in units],
            ),
        }
    )


def hash_of(asked: Mapping[str, Any]) -> bytes:
    """What tells a repeat of a request from another one."""
    return hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)).digest()
