from pydantic import BaseModel


class BookableOut(BaseModel):
    """A time that can be ordered: send `visitDate` and `visitTime` as they stand."""

    visitDate: str
    visitTime: str
    startsAt: str
    endsAt: str
    remainingCapacity: int
    unitPriceExclVat: float
    unitPriceInclVat: float


class _AvailabilityOut(BaseModel):
    itemNumber: str
    timeZone: str
    currencyCode: str
    hasTimeSlots: bool
    timeSlots: list[BookableOut]


class TimeSlotsOut(_AvailabilityOut):
    """An item's open time slots, earliest first; times are venue-local with their offset."""

    fromDate: str
    toDate: str


class CapacityOut(_AvailabilityOut):
    """Whether so many of an item can be had on a day, and at which times."""

    referenceDate: str
    quantity: int
    isAvailable: bool
