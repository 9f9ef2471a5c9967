"""OCTO's objects as JSON Schemas: every key that an answer must have, and of what kind."""

from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]

STRING: Schema = {"type": "string", "minLength": 1}
NULLABLE_STRING: Schema = {"type": ["string", "null"]}
BOOLEAN: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NULLABLE_COUNT: Schema = {"type": ["integer", "null"], "minimum": 0}
UUID: Schema = {"type": "string", "format": "uuid", "pattern": "^[0-9a-f-]{36}$"}
UTC: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
LOCAL: Schema = {
    "type": "string",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$",
}
DATE: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}
CLOCK: Schema = {"type": "string", "pattern": r"^\d\d:\d\d$"}


def obj(properties: Schema, *, optional: tuple[str, ...] = (), closed: bool = True) -> Schema:
    """An object that has all these keys, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": not closed,
    }


def many(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def one_of(*values: str) -> Schema:
    return {"enum": list(values)}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


STATUS = one_of("AVAILABLE", "FREESALE", "SOLD_OUT", "LIMITED", "CLOSED")
BOOKING_STATUS = one_of("ON_HOLD", "CONFIRMED", "EXPIRED", "CANCELLED", "REDEEMED")
FORMAT = one_of("QRCODE", "PDF_URL", "CODE128", "AZTECCODE")
METHOD = one_of("VOUCHER", "TICKET")
REDEMPTION = one_of("DIGITAL", "PRINT", "MANIFEST")
CONTACT_FIELD = one_of(
    "firstName",
    "lastName",
    "emailAddress",
    "phoneNumber",
    "country",
    "notes",
    "locales",
    "allowMarketing",
    "postalCode",
)
HOURS = many(obj({"from": CLOCK, "to": CLOCK}))
CONTACT = obj(
    {
        "fullName": NULLABLE_STRING,
        "firstName": NULLABLE_STRING,
        "lastName": NULLABLE_STRING,
        "emailAddress": NULLABLE_STRING,
        "phoneNumber": NULLABLE_STRING,
        "locales": many(STRING),
        "postalCode": NULLABLE_STRING,
        "country": NULLABLE_STRING,
        "notes": NULLABLE_STRING,
    }
)
PRICE_FIELDS: Schema = {
    "original": COUNT,
    "retail": COUNT,
    "net": NULLABLE_COUNT,
    "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "currencyPrecision": COUNT,
    "includedTaxes": many(
        obj({"name": STRING, "retail": COUNT, "original": COUNT, "net": NULLABLE_COUNT})
    ),
}
PRICE = obj(PRICE_FIELDS)
UNIT_PRICES = many(obj({"unitId": STRING, **PRICE_FIELDS}))
TICKET = obj(
    {
        "redemptionMethod": REDEMPTION,
        "utcRedeemedAt": or_null(UTC),
        "deliveryOptions": {
            "type": "array",
            "minItems": 1,
            "items": obj({"deliveryFormat": FORMAT, "deliveryValue": STRING}),
        },
    }
)
SUPPLIER = obj(
    {
        "id": STRING,
        "name": STRING,
        "endpoint": {"type": "string", "pattern": "^https?://.+/octo$"},
        "contact": obj(
            {
                "website": NULLABLE_STRING,
                "email": NULLABLE_STRING,
                "telephone": NULLABLE_STRING,
                "address": NULLABLE_STRING,
            }
        ),
    }
)
ERROR = obj(
    {"error": {"type": "string", "pattern": "^[A-Z_]+$"}, "errorMessage": STRING}, closed=False
)
CAPABILITIES = many(
    obj(
        {
            "id": {"type": "string", "pattern": "^octo/"},
            "revision": {"type": "integer"},
            "required": BOOLEAN,
            "dependencies": many(STRING),
            "docs": NULLABLE_STRING,
        }
    )
)


def unit(active: str) -> Schema:
    fields: Schema = {
        "id": STRING,
        "internalName": STRING,
        "reference": NULLABLE_STRING,
        "type": one_of(
            "ADULT",
            "YOUTH",
            "CHILD",
            "INFANT",
            "FAMILY",
            "SENIOR",
            "STUDENT",
            "MILITARY",
            "OTHER",
        ),
        "requiredContactFields": many(CONTACT_FIELD),
        "restrictions": obj(
            {
                "minAge": COUNT,
                "maxAge": COUNT,
                "idRequired": BOOLEAN,
                "minQuantity": NULLABLE_COUNT,
                "maxQuantity": NULLABLE_COUNT,
                "paxCount": COUNT,
                "accompaniedBy": many(STRING),
            }
        ),
    }
    if "pricing" in active:
        fields |= {"pricingFrom": many(PRICE), "pricing": many(PRICE)}
    if "content" in active:
        fields |= {
            "title": STRING,
            "titlePlural": STRING,
            "subtitle": NULLABLE_STRING,
            "shortDescription": NULLABLE_STRING,
        }
    return obj(fields)


def option(active: str) -> Schema:
    fields: Schema = {
        "id": STRING,
        "default": BOOLEAN,
        "internalName": STRING,
        "reference": NULLABLE_STRING,
        "availabilityLocalStartTimes": many(CLOCK),
        "cancellationCutoff": STRING,
        "cancellationCutoffAmount": COUNT,
        "cancellationCutoffUnit": one_of("minute", "hour", "day"),
        "requiredContactFields": many(CONTACT_FIELD),
        "restrictions": obj({"minUnits": COUNT, "maxUnits": NULLABLE_COUNT}),
        "units": {**many(unit(active)), "minItems": 1},
    }
    if "content" in active:
        fields |= {
            "title": STRING,
            "subtitle": NULLABLE_STRING,
            "language": STRING,
            "shortDescription": NULLABLE_STRING,
            "duration": NULLABLE_STRING,
            "durationAmount": NULLABLE_STRING,
            "durationUnit": NULLABLE_STRING,
            "itinerary": {"type": "null"},
        }
    return obj(fields)


def product(active: str) -> Schema:
    fields: Schema = {
        "id": STRING,
        "internalName": STRING,
        "reference": NULLABLE_STRING,
        "locale": STRING,
        "timeZone": STRING,
        "allowFreesale": BOOLEAN,
        "instantConfirmation": BOOLEAN,
        "instantDelivery": BOOLEAN,
        "availabilityRequired": BOOLEAN,
        "availabilityType": one_of("START_TIME", "OPENING_HOURS"),
        "deliveryFormats": many(FORMAT),
        "deliveryMethods": many(METHOD),
        "redemptionMethod": REDEMPTION,
        "options": {**many(option(active)), "minItems": 1},
    }
    if "pricing" in active:
        fields |= {
            "defaultCurrency": STRING,
            "availableCurrencies": many(STRING),
            "pricingPer": one_of("UNIT", "BOOKING"),
        }
    if "content" in active:
        fields |= {
            "title": STRING,
            "country": NULLABLE_STRING,
            "location": NULLABLE_STRING,
            "subtitle": NULLABLE_STRING,
            "shortDescription": NULLABLE_STRING,
            "description": NULLABLE_STRING,
            "features": many(obj({"shortDescription": STRING, "type": STRING})),
            "faqs": many({}),
            "media": many({"type": "object", "required": ["src", "type", "rel"]}),
            "locations": many({}),
            "categoryLabels": many(STRING),
            "durationMinutesFrom": NULLABLE_COUNT,
            "durationMinutesTo": NULLABLE_COUNT,
            "commentary": many({}),
        }
    return obj(fields)


def availability(active: str, *, booked: bool = False) -> Schema:
    fields: Schema = {
        "id": STRING,
        "localDateTimeStart": LOCAL,
        "localDateTimeEnd": LOCAL,
        "allDay": BOOLEAN,
        "available": BOOLEAN,
        "status": STATUS,
        "vacancies": NULLABLE_COUNT,
        "capacity": NULLABLE_COUNT,
        "maxUnits": NULLABLE_COUNT,
        "utcCutoffAt": UTC,
        "openingHours": HOURS,
    }
    if "pricing" in active and not booked:
        fields["unitPricing"] = {**UNIT_PRICES, "minItems": 1}
    return obj(fields)


def calendar(active: str) -> Schema:
    fields: Schema = {
        "localDate": DATE,
        "available": BOOLEAN,
        "status": STATUS,
        "vacancies": NULLABLE_COUNT,
        "capacity": NULLABLE_COUNT,
        "openingHours": HOURS,
    }
    if "pricing" in active:
        fields["unitPricingFrom"] = UNIT_PRICES
    return obj(fields)


def unit_item(active: str) -> Schema:
    fields: Schema = {
        "uuid": UUID,
        "resellerReference": NULLABLE_STRING,
        "supplierReference": NULLABLE_STRING,
        "unitId": STRING,
        "unit": unit(active),
        "status": BOOKING_STATUS,
        "utcRedeemedAt": or_null(UTC),
        "contact": CONTACT,
        "ticket": or_null(TICKET),
    }
    if "pricing" in active:
        fields["pricing"] = PRICE
    return obj(fields)


def when(statuses: tuple[str, ...], then: Schema) -> Schema:
    return {
        "if": {"properties": {"status": {"enum": list(statuses)}}},
        "then": {"properties": then},
    }


NULL: Schema = {"type": "null"}


def booking(active: str) -> Schema:
    fields: Schema = {
        "id": STRING,
        "uuid": UUID,
        "testMode": BOOLEAN,
        "resellerReference": NULLABLE_STRING,
        "supplierReference": NULLABLE_STRING,
        "status": BOOKING_STATUS,
        "utcCreatedAt": UTC,
        "utcUpdatedAt": UTC,
        "utcExpiresAt": or_null(UTC),
        "utcRedeemedAt": or_null(UTC),
        "utcConfirmedAt": or_null(UTC),
        "productId": STRING,
        "product": product(active),
        "optionId": STRING,
        "option": option(active),
        "availabilityId": STRING,
        "availability": availability(active, booked=True),
        "cancellable": BOOLEAN,
        "cancellation": or_null(
            obj(
                {
                    "refund": one_of("FULL", "PARTIAL", "NONE"),
                    "reason": NULLABLE_STRING,
                    "utcCancelledAt": UTC,
                }
            )
        ),
        "freesale": BOOLEAN,
        "contact": CONTACT,
        "notes": NULLABLE_STRING,
        "deliveryMethods": many(METHOD),
        "voucher": or_null(TICKET),
        "unitItems": {**many(unit_item(active)), "minItems": 1},
    }
    if "pricing" in active:
        fields["pricing"] = PRICE
    held = {"utcConfirmedAt": NULL, "cancellation": NULL, "utcExpiresAt": UTC, "voucher": NULL}
    issued = {"utcConfirmedAt": UTC, "cancellation": NULL, "utcExpiresAt": NULL, "voucher": TICKET}
    return obj(fields) | {
        "allOf": [
            when(("ON_HOLD", "EXPIRED"), held),
            when(("CONFIRMED", "REDEEMED"), issued),
            when(("CANCELLED",), {"utcExpiresAt": NULL, "cancellation": {"type": "object"}}),
            when(("REDEEMED",), {"utcRedeemedAt": UTC}),
        ]
    }


SUBSCRIPTION = obj(
    {
        "id": UUID,
        "url": STRING,
        "notificationTypes": {
            **many(one_of("PRODUCT_UPDATE", "AVAILABILITY_UPDATE", "BOOKING_UPDATE")),
            "minItems": 1,
        },
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "secret": STRING,
    },
    optional=("secret",),
)


def schema_of(method: str, path: str, active: str) -> Schema:
    """The schema of the answer to a call."""
    path = path.partition("?")[0]
    parts = path.strip("/").split("/")
    if path == "error":
        return ERROR
    if parts[0] == "notifications":
        return many(SUBSCRIPTION) if method == "GET" and len(parts) == 2 else SUBSCRIPTION
    if parts[0] == "products":
        return product(active) if len(parts) > 1 else many(product(active))
    if parts[0] == "bookings":
        whole = method == "GET" and len(parts) == 1
        return many(booking(active)) if whole else booking(active)
    return {
        "supplier": SUPPLIER,
        "capabilities": CAPABILITIES,
        "availability": many(availability(active)),
        "availability/calendar": many(calendar(active)),
    }[path.strip("/")]


def check(method: str, path: str, answer: Any, active: str) -> None:
    """Fail where an answer lacks a key, has one too many, or has one of the wrong kind."""
    validator = Draft202012Validator(
        schema_of(method, path, active), format_checker=FormatChecker()
    )
    faults = [
        f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(answer)
    ]
    assert not faults, faults
