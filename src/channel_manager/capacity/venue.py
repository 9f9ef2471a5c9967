"""The venue file's `admissions`: places, their schedules, closures and overrides."""

from collections.abc import Iterator
from datetime import date, time
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from channel_manager import local_time
from channel_manager.capacity import rules
from channel_manager.capacity.rules import Opening, ScheduleRule
from channel_manager.capacity.schedules import Place, contradictions
from channel_manager.capacity.wants import SlotChoice
from channel_manager.venue_types import TIME_SCHEMA, Code, Day, Description, Section, Translations

MAX_CAPACITY = 1_000_000
MAX_HORIZON_DAYS = 1_100


def _time(value: object) -> object:
    # 10:00 is what people write; YAML may have read 10:00:00 as a number of seconds.
    if isinstance(value, str):
        return local_time.parse_time(value if value.count(":") == 2 else f"{value}:00")  # noqa: PLR2004 - HH:mm:ss
    if isinstance(value, int):
        raise ValueError('put the time in quotes: "10:00"')  # noqa: TRY004 - told as a fault of the file
    return value


def _end(value: object) -> object:
    return time() if value in ("24:00", "24:00:00") else _time(value)


LocalTime = Annotated[time, BeforeValidator(_time), TIME_SCHEMA]
LocalEnd = Annotated[time, BeforeValidator(_end), TIME_SCHEMA]
Capacity = Annotated[int, Field(ge=0, le=MAX_CAPACITY)]
Days = Annotated[list[Day], Field(max_length=1_000)]


class OpeningSection(Section):
    """Opening hours, cut into slots of equal length."""

    opens: LocalTime
    """The start of the first slot, venue-local."""
    closes: LocalEnd
    """The time by which the last slot ends; 24:00 is midnight."""
    slot_minutes: int
    """The length of a slot."""
    step_minutes: int | None = None
    """From one slot's start to the next one's; the slot's length where this is left out."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.opening()
        return self

    def opening(self) -> Opening:
        """The opening itself. Errors: `ValueError` where no slot fits."""
        return Opening(self.opens, self.closes, self.slot_minutes, self.step_minutes)


class SlotTimesSection(Section):
    """One slot of each day."""

    start: LocalTime
    """When it starts, venue-local."""
    end: LocalEnd
    """When it ends; 24:00 is midnight."""


class RuleSection(Section):
    """A schedule: slots at the same local times on each day that the recurrence meets."""

    code: Code
    """The schedule's name."""
    valid_from: Day
    """The first day; the recurrence counts from it."""
    valid_until: Day | None = None
    """The last day; without end where this is left out."""
    recurrence: Annotated[str, Field(max_length=500)] = "FREQ=DAILY"
    """On which days, as an RFC 5545 rule: FREQ=WEEKLY;BYDAY=SA,SU."""
    opening: OpeningSection | None = None
    """Opening hours cut into slots; this or times."""
    times: Annotated[list[SlotTimesSection], Field(min_length=1, max_length=1_440)] | None = None
    """The slots of a day, one by one; this or opening."""
    capacity: Capacity
    """How many guests each slot takes."""
    sales_open_days_before: int | None = None
    """Sales open at midnight so many days before the slot; at once where this is left out."""
    sales_close_minutes_before: int = 0
    """Sales close so many minutes before the slot starts; negative: after it has started."""
    except_dates: Days = Field(default=[])
    """Days without these slots."""
    extra_dates: Days = Field(default=[])
    """Days with these slots, whatever the recurrence says."""

    @model_validator(mode="after")
    def _holds(self) -> Self:
        self.rule()
        return self

    def rule(self) -> ScheduleRule:
        """The rule itself. Errors: `ValueError` naming all that is wrong."""
        return ScheduleRule(
            code=self.code,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            times=self._times(),
            capacity=self.capacity,
            recurrence=self.recurrence,
            sales_opens_days_before=self.sales_open_days_before,
            sales_closes_minutes_before=self.sales_close_minutes_before,
            except_dates=frozenset(self.except_dates),
            extra_dates=frozenset(self.extra_dates),
        )

    def _times(self) -> tuple[tuple[time, time], ...] | Opening:
        if (self.opening is None) == (self.times is None):
            raise ValueError("give one of opening and times")
        if self.opening is not None:
            return self.opening.opening()
        return tuple((slot.start, slot.end) for slot in self.times or ())


class ClosureSection(Section):
    """Days or hours on which slots are closed."""

    date_from: Day
    """The first day."""
    date_to: Day
    """The last day."""
    reason: Annotated[str, Field(max_length=200)] = ""
    """Why; for the venue's own use."""
    time_from: LocalTime | None = None
    """From when on each of the days; the whole day where this is left out."""
    time_to: LocalEnd | None = None
    """Until when on each of the days."""

    @model_validator(mode="after")
    def _holds(self) -> Self:
        self.closure()
        return self

    def closure(self) -> rules.Closure:
        """The closure itself. Errors: `ValueError`."""
        return rules.Closure(
            self.date_from, self.date_to, self.reason, self.time_from, self.time_to
        )


class OverrideSection(Section):
    """Another capacity or state for one slot or one day."""

    date: Day
    """The slot's day."""
    start: LocalTime | None = None
    """The slot's start; all slots of the day where this is left out."""
    capacity: Capacity | None = None
    """How many guests it takes."""
    closed: bool | None = None
    """Whether it is closed; false opens it in spite of a closure."""

    @model_validator(mode="after")
    def _holds(self) -> Self:
        self.override()
        return self

    def override(self) -> rules.Override:
        """The override itself. Errors: `ValueError`."""
        return rules.Override(self.date, self.start, self.capacity, self.closed)


class ScheduleSection(Section):
    """When an admission has time slots, and for how many guests."""

    day_capacity: Capacity | None = None
    """How many guests of a day may come at any time of it, beside those with a time slot."""
    schedules: list[RuleSection] = Field(default=[])
    """The recurring rules."""
    closures: list[ClosureSection] = Field(default=[])
    """When it is closed."""
    overrides: list[OverrideSection] = Field(default=[])
    """Exceptions, slot by slot or day by day."""

    def rules(self) -> list[ScheduleRule]:
        """The recurring rules themselves."""
        return [section.rule() for section in self.schedules]


class AdmissionSection(ScheduleSection):
    """An admission: a place with its own capacity."""

    code: Code
    """The admission's name; scanners send it."""
    name: Description
    """What guests know it as."""
    translations: Translations = Field(default={})
    """The name by language."""
    early_minutes: Annotated[int, Field(ge=0, le=1_440)] = 0
    """How long before the slot starts guests are let in."""
    late_minutes: Annotated[int, Field(ge=0, le=1_440)] = 0
    """How long after the slot ends guests are let in."""
    horizon_days: Annotated[int, Field(ge=1, le=MAX_HORIZON_DAYS)] = 366
    """How many days ahead time slots are made."""

    def stored_schedule(self) -> dict[str, Any]:
        """What the daily job needs to make slots again; empty where there are none."""
        if not self.schedules:
            return {}
        fields = set(ScheduleSection.model_fields)
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, include=fields)


class ItemAdmissionSection(Section):
    """A place that an item admits to, and whether the visit's time is bound to its slots."""

    code: Code
    """The admission."""
    slots: SlotChoice = SlotChoice.SCHEDULED
    """scheduled: visitDate and visitTime must fall in a slot. any_time: only the day is bound.
    none: an open ticket, without capacity."""


def admission_contradictions(
    admissions: list[AdmissionSection], uses: list[tuple[Place, ItemAdmissionSection]], today: date
) -> Iterator[tuple[Place, str]]:
    """What each admission, and each use of one by an item, allows by itself but together not."""
    by_code: dict[str, AdmissionSection] = {}
    for index, admission in enumerate(admissions):
        if admission.code in by_code:
            yield ("admissions", index), f"{admission.code} is given twice"
        by_code[admission.code] = admission
        for place, message in _of_schedule(admission, today):
            yield ("admissions", index, *place), message
    for place, use in uses:
        if wrong := _misuse(use, by_code.get(use.code)):
            yield place, wrong


def _of_schedule(admission: AdmissionSection, today: date) -> Iterator[tuple[Place, str]]:
    last = today + rules.DAY * admission.horizon_days
    names = {"rules": "schedules"}
    overrides = [section.override() for section in admission.overrides]
    for (part, *rest), message in contradictions(admission.rules(), overrides, today, last):
        yield (names.get(str(part), part), *rest), message
    if not admission.schedules:
        given = {
            "dayCapacity": admission.day_capacity is not None,
            "closures": bool(admission.closures),
        }
        for name in (name for name, is_given in given.items() if is_given):
            yield (name,), "needs schedules, which say on which days it is open"


def _misuse(use: ItemAdmissionSection, admission: AdmissionSection | None) -> str | None:
    if admission is None:
        return f"there is no admission {use.code}"
    if use.slots is SlotChoice.SCHEDULED and not admission.schedules:
        return f"{use.code} has no schedules; add some, or set slots: none"
    if use.slots is SlotChoice.ANY_TIME and admission.day_capacity is None:
        return f"{use.code} has no dayCapacity, which any_time needs; add it, or set slots: none"
    return None
