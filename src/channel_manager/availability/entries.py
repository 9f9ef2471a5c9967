"""The entries of a reply as JSON text. Only `remainingCapacity` of an entry changes from one poll
to the next, so all else of it is written once per process and slot, and kept.
"""

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from channel_manager import local_time
from channel_manager.availability.needs import Bookable
from channel_manager.availability.prices import ItemPrices
from channel_manager.strict_json import dumps

MAX_KEPT = 100_000

# The company, its catalogue's version, the item, and the day of booking, which decide the prices.
Context = tuple[UUID, int, str, date]
_kept: dict[Context, dict[bytes, str]] = {}


def kept_texts(context: Context) -> dict[bytes, str]:
    """Entries without their end, by slot id; to be read and added to."""
    if sum(map(len, _kept.values())) > MAX_KEPT:
        _kept.clear()
    return _kept.setdefault(context, {})


def entry_text(found: Bookable, prices: ItemPrices, zone: ZoneInfo) -> str:
    """An entry up to the number that `remainingCapacity` is."""
    price = prices.at(found.local_date, found.start_time)
    fields = {
        "visitDate": found.local_date,
        "visitTime": found.start_time,
        "startsAt": local_time.with_offset(found.starts_at, zone),
        "endsAt": local_time.with_offset(found.ends_at, zone),
        "unitPriceExclVat": price.excl_vat,
        "unitPriceInclVat": price.incl_vat,
    }
    return dumps(fields).decode().removesuffix("}") + ',"remainingCapacity":'
