"""What crosses the wire in OCTO's requests.

Ids are optional here, so that a missing one is told under its own code and not as a fault of form.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    PlainValidator,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
)

from channel_manager.schemas import Body, parse_uuid

MAX_UNITS = 1_000
MAX_HOLD_MINUTES = 24 * 60

Id = Annotated[StrictStr, StringConstraints(max_length=200)]
LocalDate = Annotated[StrictStr, StringConstraints(max_length=40)]
Text = Annotated[StrictStr, StringConstraints(max_length=100)]
Notes = Annotated[StrictStr, StringConstraints(max_length=2_000)]
Reference = Annotated[StrictStr, StringConstraints(max_length=100)]
Identifier = Annotated[UUID, PlainValidator(parse_uuid)]
Minutes = Annotated[StrictInt, Field(ge=1, le=MAX_HOLD_MINUTES)]


class UnitQuantityIn(Body):
    """So many of a unit."""

    id: Id
    quantity: Annotated[StrictInt, Field(ge=0, le=MAX_UNITS)] = 1


class CalendarIn(Body):
    """The body of a calendar's request."""

    productId: Id | None = None
    optionId: Id | None = None
    localDateStart: LocalDate | None = None
    localDateEnd: LocalDate | None = None
    units: Annotated[list[UnitQuantityIn], Field(max_length=100)] | None = None
    currency: Id | None = None


class AvailabilityIn(CalendarIn):
    """The body of an availability check: a period, or ids."""

    availabilityIds: Annotated[list[Id], Field(max_length=1_000)] | None = None


class ContactIn(Body):
    """Who the guest is."""

    fullName: Text | None = None
    firstName: Text | None = None
    lastName: Text | None = None
    emailAddress: Text | None = None
    phoneNumber: Text | None = None
    locales: Annotated[list[Text], Field(max_length=20)] | None = None
    postalCode: Text | None = None
    country: Text | None = None
    notes: Notes | None = None
    allowMarketing: StrictBool | None = None


class UnitItemIn(Body):
    """One unit of a booking."""

    unitId: Id | None = None
    uuid: Identifier | None = None
    resellerReference: Reference | None = None
    contact: ContactIn | None = None


UnitItems = Annotated[list[UnitItemIn], Field(max_length=MAX_UNITS)]


class DetailsIn(Body):
    """What a booking says beside what it is of."""

    resellerReference: Reference | None = None
    contact: ContactIn | None = None
    notes: Notes | None = None
    emailReceipt: StrictBool | None = None


class ReserveIn(DetailsIn):
    """The body of a reservation."""

    uuid: Identifier | None = None
    productId: Id | None = None
    optionId: Id | None = None
    availabilityId: Id | None = None
    unitItems: UnitItems | None = None
    expirationMinutes: Minutes | None = None
    freesale: StrictBool | None = None
    currency: Id | None = None


class ConfirmIn(DetailsIn):
    """The body of a confirmation."""

    unitItems: UnitItems | None = None


class UpdateIn(DetailsIn):
    """The body of a change."""

    productId: Id | None = None
    optionId: Id | None = None
    availabilityId: Id | None = None
    unitItems: UnitItems | None = None
    expirationMinutes: Minutes | None = None
    currency: Id | None = None


class ExtendIn(Body):
    """The body of an extension."""

    expirationMinutes: Minutes | None = None


class CancelIn(Body):
    """The body of a cancellation."""

    reason: Notes | None = None
    force: StrictBool | None = None


class ListQuery(BaseModel):
    """The query of a list; one of the four."""

    resellerReference: Reference | None = None
    supplierReference: Reference | None = None
    localDate: LocalDate | None = None
    localDateStart: LocalDate | None = None
    localDateEnd: LocalDate | None = None


def said(body: Body | None) -> dict[str, Any]:
    """What a part of a body says: known fields that are given and not null."""
    if body is None:
        return {}
    return body.model_dump(include=set(type(body).model_fields), exclude_none=True)


NotificationType = Literal["PRODUCT_UPDATE", "AVAILABILITY_UPDATE", "BOOKING_UPDATE"]
