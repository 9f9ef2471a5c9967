"""What crosses the wire about orders (contract: Order body, Order representation)."""

from datetime import date, time
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainValidator,
    StrictInt,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)

from channel_manager import languages, local_time
from channel_manager.schemas import Body, parse_uuid

MAX_LINES = 500
MAX_QUANTITY = 1_000


def _parse_date(value: object) -> date:
    if not isinstance(value, str):
        raise ValueError("must be a string of the form YYYY-MM-DD")  # noqa: TRY004 - Pydantic's
    return local_time.parse_date(value)


def _parse_time(value: object) -> time:
    if not isinstance(value, str):
        raise ValueError("must be a string of the form HH:mm:ss")  # noqa: TRY004 - Pydantic's
    return local_time.parse_time(value)


def _known_language(value: str) -> str:
    code = value.strip().upper()
    if code and not languages.is_known(code):
        raise ValueError("is not a known language code; use one like ENU, DAN or da-DK")
    return code


Identifier = Annotated[
    UUID, PlainValidator(parse_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
VisitDate = Annotated[
    date, PlainValidator(_parse_date), WithJsonSchema({"type": "string", "format": "date"})
]
VisitTime = Annotated[
    time,
    PlainValidator(_parse_time),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$"}),
]
OrderReference = Annotated[
    StrictStr, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)
]
Text100 = Annotated[StrictStr, StringConstraints(max_length=100)]
Reference = Annotated[StrictStr, StringConstraints(strip_whitespace=True, max_length=50)]
Language = Annotated[StrictStr, StringConstraints(max_length=10), AfterValidator(_known_language)]
ItemNumber = Annotated[
    StrictStr, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)
]


class ComponentScheduleIn(Body):
    """When one component of a package is visited (contract: componentSchedule)."""

    itemNumber: ItemNumber
    visitDate: VisitDate
    visitTime: VisitTime


class WalletIn(Body):
    """Names and references for a line's wallets, one of each per wallet."""

    names: list[Text100] | None = None
    externalReferenceNumbers: list[Text100] | None = None
    componentSchedule: list[ComponentScheduleIn] | None = None


class LineIn(Body):
    """One entry of `items`."""

    itemNumber: ItemNumber
    visitDate: VisitDate
    visitTime: VisitTime
    quantity: Annotated[StrictInt, Field(ge=1, le=MAX_QUANTITY)] = 1
    wallet: WalletIn | None = None
    # Absent: the order's; an explicit null: none.
    sellToEmail: Text100 | None = None
    sellToName: Text100 | None = None
    sellToLanguage: Language | None = None


class OrderIn(Body):
    """The body of createOrder and replaceOrder."""

    partnerId: Identifier
    sellToOrderReference: OrderReference
    items: Annotated[list[LineIn], Field(min_length=1, max_length=MAX_LINES)]
    sellToEmail: Text100 | None = None
    sellToName: Text100 | None = None
    sellToLanguage: Language | None = None
    paymentReference: Reference | None = None


class ConfirmIn(Body):
    """The body of confirmOrder."""

    paymentReference: Annotated[
        StrictStr, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)
    ]


class ListQuery(BaseModel):
    """The query of listOrdersByPartner. Checked together by `listing`, hence all plain text."""

    status: Annotated[str | None, Field(description="Statuses, comma-separated.")] = None
    sellToOrderReference: Annotated[str | None, Field(description="Exact, without case.")] = None
    receivedAtFrom: Annotated[
        str | None, Field(description="ISO 8601 with an offset, inclusive.")
    ] = None
    receivedAtTo: Annotated[
        str | None, Field(description="ISO 8601 with an offset, inclusive.")
    ] = None
    pageSize: Annotated[str | None, Field(description="1 to 1,000; asks for a page object.")] = None
    pageKey: Annotated[str | None, Field(description="nextPageKey of the page before.")] = None


class AssetOut(BaseModel):
    """A ticket or coupon."""

    id: UUID
    type: Annotated[str, Field(pattern="^(ticket|coupon)$")]
    assetId: UUID
    referenceNumber: str
    itemNumber: str
    description: str


class WalletOut(BaseModel):
    """What one guest carries."""

    seqNo: int
    assets: list[AssetOut]
    walletId: UUID
    walletReferenceNumber: str
    externalReferenceNumber: str
    name: str
    issuedAt: str
    unitPriceExclVat: Decimal
    unitPriceInclVat: Decimal
    currencyCode: str
    manifestUrl: str | None = None


class ComponentScheduleOut(BaseModel):
    """When one component of a package is visited."""

    itemNumber: str
    visitDate: str
    visitTime: str


class LineOut(BaseModel):
    """One line of a settled order."""

    lineNo: int
    itemNumber: str
    description: str
    isPackage: bool
    quantity: int
    visitDate: str
    visitTime: str
    componentSchedule: list[ComponentScheduleOut] | None = None
    wallets: list[WalletOut]
    sellToName: str
    sellToEmail: str
    sellToLanguage: str


class OrderSummaryOut(BaseModel):
    """An order without its items, as lists show it."""

    orderId: UUID
    status: str
    statusMessage: str
    partnerId: UUID
    sellToOrderReference: str
    buyFromOrderReference: str
    receivedAt: str
    sellToEmail: str
    sellToName: str
    sellToLanguage: str
    paymentReference: str
    jobId: str | None = None
    manifestUrl: str | None = None


class OrderOut(OrderSummaryOut):
    """An order; `items` is empty while it is in flight."""

    items: list[LineOut]


class OrderPageOut(BaseModel):
    """A page of orders, for requests with pageSize or pageKey (contract: List)."""

    morePages: bool
    nextPageKey: str
    nextPageURL: str
    data: list[OrderSummaryOut]
