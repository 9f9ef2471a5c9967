"""What OCTO calls the things that can go wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from channel_manager.errors import (
    ChannelError,
    InvalidInput,
    InvalidStatus,
    NotFound,
    Problem,
    Refused,
)

BAD_REQUEST = "BAD_REQUEST"
UNPROCESSABLE = "UNPROCESSABLE_ENTITY"
FAULT = "INTERNAL_SERVER_ERROR"
# What each code means, in words that are translated; an error adds its own detail.
MEANINGS = {
    "INVALID_PRODUCT_ID": "The productId is missing or unknown.",
    "INVALID_OPTION_ID": "The optionId is missing or unknown.",
    "INVALID_UNIT_ID": "The unitId is missing or unknown.",
    "INVALID_AVAILABILITY_ID": "The availabilityId is missing or unknown.",
    "INVALID_BOOKING_UUID": "There is no such booking.",
    BAD_REQUEST: "The request can't be taken as it is.",
    UNPROCESSABLE: "The request is understood, but can't be done.",
    "UNAUTHORIZED": "The token is missing or invalid.",
    "FORBIDDEN": "The token doesn't allow this.",
    "TOO_MANY_REQUESTS": "Too many requests; wait and send it again.",
    FAULT: "A fault on our side; send the request again later.",
}


class OctoError(ChannelError):
    """400: an error under OCTO's own code; `message` is the detail beyond what the code means."""


def invalid_product(product_id: str) -> OctoError:
    """No product has this id."""
    return OctoError("", code="INVALID_PRODUCT_ID", details={"productId": product_id})


def invalid_option(option_id: str) -> OctoError:
    """The product has no option of this id."""
    return OctoError("", code="INVALID_OPTION_ID", details={"optionId": option_id})


def invalid_unit(unit_id: str) -> OctoError:
    """The option has no unit of this id."""
    return OctoError("", code="INVALID_UNIT_ID", details={"unitId": unit_id})


def invalid_availability(availability_id: str, why: str = "") -> OctoError:
    """The option has no such time."""
    details = {"availabilityId": availability_id}
    return OctoError(why, code="INVALID_AVAILABILITY_ID", details=details)


def invalid_booking(uuid: str) -> OctoError:
    """The same error for a booking that never was and one that isn't the caller's."""
    return OctoError("", code="INVALID_BOOKING_UUID", details={"uuid": uuid})


def bad_request(detail: str) -> OctoError:
    """The request itself is wrong."""
    return OctoError(detail, code=BAD_REQUEST)


def unprocessable(detail: str) -> OctoError:
    """The request is right in form, but the venue's rules or the booking's state forbid it."""
    return OctoError(detail, code=UNPROCESSABLE)


@contextmanager
def in_octos_words(*, uuid: str = "", availability_id: str = "") -> Iterator[None]:
    """Tell by OCTO's codes what the services refuse."""
    try:
        yield
    except NotFound:
        raise invalid_booking(uuid) from None
    except (Refused, InvalidStatus) as refusal:
        raise unprocessable(refusal.message) from refusal
    except InvalidInput as refusal:
        raise _of_input(refusal, availability_id) from refusal


def _of_input(refusal: InvalidInput, availability_id: str) -> OctoError:
    first = refusal.problems[0] if refusal.problems else Problem("", refusal.message, refusal.code)
    if first.code == "time_slot_not_found" or first.path.endswith(("visitDate", "visitTime")):
        return invalid_availability(availability_id, first.message)
    if first.code == "wallet_reference_taken":
        return bad_request(f"unitItems: {first.message}")
    if first.code == "partner_inactive":
        return unprocessable(first.message)
    return bad_request(refusal.message)
