"""Whether a ticket lets its guests in, and if not, why (domain: Gate). Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Code(StrEnum):
    """What a scanner is told."""

    OK = "ok"
    NOT_FOUND = "not_found"
    MISSING_PAYMENT = "missing_payment"
    TICKET_CANCELLED = "ticket_cancelled"
    ALREADY_ADMITTED = "already_admitted"
    OUTSIDE_TIME_SLOT = "outside_time_slot"
    NOT_VALID_YET = "not_valid_yet"
    EXPIRED = "expired"
    WRONG_ADMISSION = "wrong_admission"


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that a ticket lets in; with a slot, only around it. Instants are UTC."""

    admission_code: str
    slot_starts_at: datetime | None = None
    slot_ends_at: datetime | None = None
    early: timedelta = timedelta(0)
    late: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class TicketFacts:
    """What is known of a ticket at this moment. Instants are UTC; None means no limit, or never."""

    paid: bool
    cancelled: bool
    admits: int
    # single, once_a_day or many
    entries: str
    admitted: int
    # Guests let in on the venue-local day of the last entry.
    admitted_that_day: int
    last_admitted_at: datetime | None
    last_admission: str
    valid_from: datetime | None
    valid_until: datetime | None
    places: Sequence[Place]


@dataclass(frozen=True, slots=True)
class Saying:
    """Words for a person, to be said in their language."""

    template: str
    values: Mapping[str, str]

    def __str__(self) -> str:
        """In English."""
        return self.template % self.values

    def said(self, text: Callable[[str], str], *, right_to_left: bool = False) -> str:
        """In the language that `text` translates to.

        In one that runs from right to left, a date or code in it keeps its own direction.
        """
        kept = "\u2068{}\u2069" if right_to_left else "{}"
        return text(self.template) % {name: kept.format(v) for name, v in self.values.items()}


def text(template: str, **values: object) -> Saying:
    """A message, with what goes into its places; named so that catalogues are made from it."""
    return Saying(template, {name: str(value) for name, value in values.items()})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one ticket: its code, words for a person, and how many may still enter."""

    code: Code
    saying: Saying
    remaining: int = 0

    @property
    def message(self) -> str:
        """The words in English."""
        return str(self.saying)

    @property
    def lets_in(self) -> bool:
        """Whether the light is green."""
        return self.code is Code.OK


def judge(
    ticket: TicketFacts, admission_code: str, quantity: int | None, now: datetime, zone: ZoneInfo
) -> Verdict:
    """Whether `quantity` guests (None: all that are left) may enter here now.

    The first reason that holds is told, in the order of `Code`: a cancelled ticket that was used
    is told as cancelled. An empty admission code asks for any place that the ticket lets in.
    """
    if ticket.cancelled:
        return Verdict(Code.TICKET_CANCELLED, text("The ticket has been cancelled."))
    if not ticket.paid:
        return Verdict(Code.MISSING_PAYMENT, text("The ticket has not been paid for."))
    remaining = _remaining(ticket, now, zone)
    if remaining < (quantity or 1):
        return _already(ticket, remaining, zone)
    places = [p for p in ticket.places if admission_code in ("", p.admission_code)]
    if ticket.places and not places:
        elsewhere = ", ".join(place.admission_code for place in ticket.places)
        return Verdict(
            Code.WRONG_ADMISSION, text("The ticket is for %(places)s.", places=elsewhere), remaining
        )
    refusals = [refusal for place in places if (refusal := _outside(place, now, zone, remaining))]
    if refusals and len(refusals) == len(places):
        return refusals[0]
    return _validity(ticket, remaining, now, zone) or Verdict(Code.OK, text("Welcome."), remaining)


def _remaining(ticket: TicketFacts, now: datetime, zone: ZoneInfo) -> int:
    if ticket.entries == "many":
        return ticket.admits
    if ticket.entries == "once_a_day":
        last = ticket.last_admitted_at
        same_day = last is not None and _day(last, zone) == _day(now, zone)
        return ticket.admits - (ticket.admitted_that_day if same_day else 0)
    return ticket.admits - ticket.admitted


def _already(ticket: TicketFacts, remaining: int, zone: ZoneInfo) -> Verdict:
    if remaining > 0:
        return Verdict(
            Code.ALREADY_ADMITTED,
            text("Only %(left)s of %(admits)s are left.", left=remaining, admits=ticket.admits),
            remaining,
        )
    return Verdict(Code.ALREADY_ADMITTED, _last_entry(ticket, zone))


def _last_entry(ticket: TicketFacts, zone: ZoneInfo) -> Saying:
    if ticket.last_admitted_at is None:
        return text("Already admitted.")
    when = ticket.last_admitted_at.astimezone(zone)
    at = {"day": f"{when:%Y-%m-%d}", "time": f"{when:%H:%M}"}
    if not ticket.last_admission:
        return text("Already admitted on %(day)s at %(time)s.", **at)
    place = ticket.last_admission
    return text("Already admitted on %(day)s at %(time)s, %(place)s.", **at, place=place)


def _outside(place: Place, now: datetime, zone: ZoneInfo, remaining: int) -> Verdict | None:
    start, end = place.slot_starts_at, place.slot_ends_at
    if start is None or end is None or start - place.early <= now < end + place.late:
        return None
    slot = f"{start.astimezone(zone):%Y-%m-%d %H:%M}"
    if _day(now, zone) < _day(start, zone):
        return Verdict(
            Code.NOT_VALID_YET, text("The ticket is for %(when)s.", when=slot), remaining
        )
    if _day(now, zone) > _day(end - timedelta(microseconds=1), zone):
        return Verdict(Code.EXPIRED, text("The ticket was for %(when)s.", when=slot), remaining)
    return Verdict(
        Code.OUTSIDE_TIME_SLOT, text("The ticket is for %(when)s.", when=slot), remaining
    )


def _validity(ticket: TicketFacts, remaining: int, now: datetime, zone: ZoneInfo) -> Verdict | None:
    if ticket.valid_from is not None and now < ticket.valid_from:
        first = f"{ticket.valid_from.astimezone(zone):%Y-%m-%d}"
        return Verdict(
            Code.NOT_VALID_YET, text("The ticket is valid from %(day)s.", day=first), remaining
        )
    if ticket.valid_until is not None and now >= ticket.valid_until:
        last = ticket.valid_until - timedelta(microseconds=1)
        day = f"{last.astimezone(zone):%Y-%m-%d}"
        return Verdict(
            Code.EXPIRED, text("The ticket was valid until %(day)s.", day=day), remaining
        )
    return None


def _day(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date()
