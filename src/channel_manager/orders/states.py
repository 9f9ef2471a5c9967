"""The state table of an order (contract: States). Pure."""

from dataclasses import dataclass
from enum import StrEnum

from channel_manager.errors import InvalidStatus


class Status(StrEnum):
    """Where an order is; the names are those of the wire."""

    SUBMITTED = "Submitted"
    SCHEDULED = "Scheduled"
    PROCESSING = "Processing"
    ISSUED = "Issued"
    DRAFT = "Draft"
    ERROR = "Error"
    CANCELLED = "Cancelled"


IN_FLIGHT = frozenset({Status.SUBMITTED, Status.SCHEDULED, Status.PROCESSING})


class Operation(StrEnum):
    """What a partner may ask of an order that exists."""

    CONFIRM = "confirm"
    REPLACE = "replace"
    DELETE = "delete"
    # New contents for a Draft or an Issued order, of which no ticket has been admitted. Not the
    # contract's: OCTO's resellers change what they have confirmed.
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation does: the state after it, and whether the order is removed outright."""

    to: Status
    changes: bool = True
    removes: bool = False


_NO_CHANGE_ISSUED = Change(Status.ISSUED, changes=False)
_TABLE = {
    (Status.DRAFT, Operation.CONFIRM): Change(Status.ISSUED),
    (Status.DRAFT, Operation.REPLACE): Change(Status.SUBMITTED),
    (Status.DRAFT, Operation.DELETE): Change(Status.CANCELLED, removes=True),
    (Status.DRAFT, Operation.UPDATE): Change(Status.SUBMITTED),
    (Status.ISSUED, Operation.UPDATE): Change(Status.SUBMITTED),
    (Status.ERROR, Operation.REPLACE): Change(Status.SUBMITTED),
    (Status.ERROR, Operation.DELETE): Change(Status.CANCELLED, removes=True),
    (Status.ISSUED, Operation.CONFIRM): _NO_CHANGE_ISSUED,
    (Status.ISSUED, Operation.DELETE): Change(Status.CANCELLED),
    (Status.CANCELLED, Operation.DELETE): Change(Status.CANCELLED, changes=False),
}


def change(status: Status, operation: Operation) -> Change:
    """What `operation` does to an order in `status`.

    Errors: `InvalidStatus`, naming the status and what would help.
    """
    found = _TABLE.get((status, operation))
    if found is None:
        raise InvalidStatus(
            f"An order that is {status} can't be {_PAST[operation]}. {_remedy(status, operation)}",
            details={"status": str(status)},
        )
    return found


_PAST = {
    Operation.CONFIRM: "confirmed",
    Operation.REPLACE: "replaced",
    Operation.DELETE: "deleted",
    Operation.UPDATE: "updated",
}


def _remedy(status: Status, operation: Operation) -> str:
    if status in IN_FLIGHT:
        return "Wait until it has settled."
    if status is Status.ERROR:
        return "Replace it (PUT) with contents that can be issued."
    if status is Status.ISSUED and operation is Operation.REPLACE:
        return "Delete it and create a new order."
    return "Create a new order."
