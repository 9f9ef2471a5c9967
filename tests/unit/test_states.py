import pytest

from channel_manager.errors import InvalidStatus
from channel_manager.orders.states import Change, Operation, Status, change

UPDATED = Change(Status.SUBMITTED)
# The contract's table in full, and OCTO's update: 7 states × 4 operations. None: refused.
TABLE = {
    Status.DRAFT: (Change(Status.ISSUED), Change(Status.SUBMITTED), "removed", UPDATED),
    Status.ERROR: (None, Change(Status.SUBMITTED), "removed", None),
    Status.ISSUED: (Change(Status.ISSUED, changes=False), None, Change(Status.CANCELLED), UPDATED),
    Status.CANCELLED: (None, None, Change(Status.CANCELLED, changes=False), None),
    Status.SUBMITTED: (None, None, None, None),
    Status.SCHEDULED: (None, None, None, None),
    Status.PROCESSING: (None, None, None, None),
}
CASES = [
    (status, operation, expected)
    for status, row in TABLE.items()
    for operation, expected in zip(
        (Operation.CONFIRM, Operation.REPLACE, Operation.DELETE, Operation.UPDATE),
        row,
        strict=True,
    )
]


def test_the_table_is_whole():
    assert len(CASES) == len(Status) * len(Operation) == 28


@pytest.mark.parametrize(("status", "operation", "expected"), CASES)
def test_each_operation_in_each_state(status, operation, expected):
    if expected is None:
        with pytest.raises(InvalidStatus) as refused:
            change(status, operation)
        assert refused.value.body()["status"] == status
        assert str(status) in refused.value.message
    elif expected == "removed":
        assert change(status, operation) == Change(Status.CANCELLED, removes=True)
    else:
        assert change(status, operation) == expected
