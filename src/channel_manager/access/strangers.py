"""A limit on requests without a valid key, by the address that they come from (decision 0015).

Each process counts for itself: what is kept from the database is its own look-ups. Whoever shares
an address with a stranger isn't locked out: a key that this process has lately found valid passes.
"""

from collections import OrderedDict
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from channel_manager.access.limits import WINDOW_SECONDS, Standing
from channel_manager.clock import Clock

# Bounds the memory: beyond so many addresses in a window, all others count as one.
MOST_ADDRESSES = 50_000
MOST_KEYS = 10_000
OTHERS = "others"


class Strangers:
    """The failures of this window, and the keys that were found valid."""

    def __init__(self, clock: Clock, *, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._window = 0
        self._failures: dict[str, int] = {}
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def standing(self, address: str | None) -> Standing:
        """Where an address stands in this window."""
        self._turn_over()
        failures = self._failures.get(self._place(address), 0)
        end = (self._window + 1) * WINDOW_SECONDS
        seconds = end - self._clock().timestamp()
        left = self._limit - failures
        return Standing(self._limit, max(0, left), max(1, int(seconds) + 1), used_up=left <= 0)

    def failed(self, address: str | None) -> None:
        """Count a request of this address that had no valid key."""
        self._turn_over()
        place = self._place(address)
        self._failures[place] = self._failures.get(place, 0) + 1

    def welcome(self, key_hash: bytes) -> None:
        """Remember a key that was found valid."""
        self._known[key_hash] = None
        self._known.move_to_end(key_hash)
        if len(self._known) > MOST_KEYS:
            self._known.popitem(last=False)

    def knows(self, key_hash: bytes) -> bool:
        """Whether a key was found valid here lately; it may have been revoked since."""
        return key_hash in self._known

    def _turn_over(self) -> None:
        window = int(self._clock().timestamp()) // WINDOW_SECONDS
        if window != self._window:
            self._window = window
            self._failures.clear()

    def _place(self, address: str | None) -> str:
        place = network_of(address)
        if place not in self._failures and len(self._failures) >= MOST_ADDRESSES:
            return OTHERS
        return place


@lru_cache(maxsize=10_000)
def network_of(address: str | None) -> str:
    """What counts as one: an IPv4 address, or a /64 of IPv6, which one host has whole."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return OTHERS
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return str(parsed)
