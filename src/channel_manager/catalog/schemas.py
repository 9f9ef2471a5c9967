from decimal import Decimal

from pydantic import BaseModel


class CatalogPriceOut(BaseModel):
    """What one of it costs; for a component, all of its quantity in the package."""

    unitPriceExclVat: Decimal
    unitPriceInclVat: Decimal
    vatAmount: Decimal
    currencyCode: str
    # Not on packages, whose components each have their own.
    vatPercent: Decimal | None = None


class TicketTypeOut(BaseModel):
    """How a ticket is used; a group ticket is one for the whole line."""

    code: str
    kind: str
    entries: str
    validDays: int


class CouponTypeOut(BaseModel):
    """What a coupon gives (one of percent, amount, freeItem), how often, for how long."""

    code: str
    gives: dict[str, Decimal | str]
    uses: int
    validDays: int


class ContentOut(BaseModel):
    """A ticket or coupon, by itself or as part of a package."""

    itemNumber: str
    kind: str
    isPackage: bool
    description: str
    descriptions: dict[str, str]
    ticketType: TicketTypeOut | None = None
    couponType: CouponTypeOut | None = None
    price: CatalogPriceOut


class ComponentOut(ContentOut):
    """A component of a package."""

    quantity: int


class AdmissionUseOut(BaseModel):
    """A place that the item admits to, and how visit date and time choose a slot there."""

    admissionCode: str
    # scheduled, any_time or none
    slots: str


class CatalogItemOut(ContentOut):
    """An item that may be ordered."""

    contents: list[ComponentOut] | None = None
    admissions: list[AdmissionUseOut]


class CatalogOut(BaseModel):
    """What a partner may sell from a store, with prices for the visit that it names."""

    storeCode: str
    description: str
    currencyCode: str
    visitDate: str
    visitTime: str
    bookedOn: str
    items: list[CatalogItemOut]
