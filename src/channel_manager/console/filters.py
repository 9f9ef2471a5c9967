"""What the filters of a list say, as the address has it: empty where nothing was chosen."""

from datetime import date

from channel_manager import local_time
from channel_manager.errors import InvalidInput, Problem

# Beyond these no order, slot or change can be, and days have no neighbours.
FIRST_YEAR, LAST_YEAR = 2000, 2999


def read_day(name: str, text: str) -> date | None:
    """The day in a field of a form; None for an empty one. Errors: `InvalidInput`."""
    if not text:
        return None
    try:
        day = local_time.parse_date(text)
    except ValueError as error:
        raise InvalidInput.of([Problem(name, str(error))]) from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidInput.of([Problem(name, f"is outside of {FIRST_YEAR} to {LAST_YEAR}")])
    return day
