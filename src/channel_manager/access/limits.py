"""Rate limits per key across processes (contract: Versions and limits; decision 0008).

Each process counts for itself. About once a second it adds what it counted to the database, in
one statement for all keys, and learns what all processes together have counted. So a request costs
no write and no round trip. A limit may be passed by what the processes accept within one such
second; it is never under-run.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ARRAY, DateTime, Integer, Uuid, bindparam, delete, func, text

from channel_manager.access.models import RateCount
from channel_manager.clock import Clock
from channel_manager.db import Database
from channel_manager.errors import RateLimited, Unavailable

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 300
SYNC_SECONDS = 1.0
# Keys are noted as used at most this often, so that a busy key costs one write a minute.
USE_SECONDS = 60

_ADD = text("""
    INSERT INTO rate_counts (key_id, window_start, requests)
    SELECT * FROM unnest(:keys, :windows, :counts)
    ON CONFLICT (key_id, window_start)
        DO UPDATE SET requests = rate_counts.requests + excluded.requests
    RETURNING key_id, window_start, requests
""").bindparams(
    bindparam("keys", type_=ARRAY(Uuid)),
    bindparam("windows", type_=ARRAY(DateTime(timezone=True))),
    bindparam("counts", type_=ARRAY(Integer)),
)
_USED = text("""
    UPDATE api_keys SET last_used_at = now()
    WHERE key_id = ANY(:keys)
      AND (last_used_at IS NULL OR last_used_at < now() - make_interval(secs => :seconds))
""").bindparams(bindparam("keys", type_=ARRAY(Uuid)))


@dataclass(slots=True)
class _Count:
    window: datetime
    # What the database had of all processes when it was last asked.
    shared: int = 0
    # What this process has counted since, and not yet told.
    untold: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands in its window."""

    limit: int
    remaining: int
    reset_seconds: int
    used_up: bool

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The `RateLimit-*` headers of a reply."""
        return [
            (b"ratelimit-limit", b"%d" % self.limit),
            (b"ratelimit-remaining", b"%d" % self.remaining),
            (b"ratelimit-reset", b"%d" % self.reset_seconds),
            (b"ratelimit-policy", b'"key";q=%d;w=%d' % (self.limit, WINDOW_SECONDS)),
            (b"ratelimit", b'"key";r=%d;t=%d' % (self.remaining, self.reset_seconds)),
        ]


class RateLimits:
    """The counts of this process, and what it knows of the others'."""

    def __init__(
        self, database: Database, clock: Clock, *, default_limit: int, concurrent: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._default = default_limit
        self._concurrent = concurrent
        self._counts: dict[UUID, _Count] = {}
        # Two at once would tell the same counts twice.
        self._syncing = asyncio.Lock()

    def count(self, key_id: UUID, limit: int | None) -> Standing:
        """Count one request of a key, and say where that leaves it."""
        now = self._clock()
        window = _window(now)
        count = self._counts.get(key_id)
        if count is None:
            count = self._counts[key_id] = _Count(window)
        elif count.window != window:
            # What the window before still owed is not worth telling any more.
            count.window, count.shared, count.untold = window, 0, 0
        count.untold += 1
        allowed = self._default if limit is None else limit
        end = window + timedelta(seconds=WINDOW_SECONDS)
        reset = max(1, int((end - now).total_seconds()) + 1)
        left = allowed - count.shared - count.untold
        return Standing(allowed, max(0, left), reset, used_up=left < 0)

    @contextlib.contextmanager
    def one_of_few(self, key_id: UUID) -> Iterator[None]:
        """Hold one of the places that a key has in this process. Errors: `RateLimited`."""
        count = self._counts[key_id]
        if count.running >= self._concurrent:
            raise too_many(1, f"More than {self._concurrent} requests of this key are under way.")
        count.running += 1
        try:
            yield
        finally:
            count.running -= 1

    async def sync(self) -> None:
        """Tell the database what was counted here, and learn the sums of all processes."""
        async with self._syncing:
            await self._sync()

    async def _sync(self) -> None:
        used = {key: count.untold for key, count in self._counts.items() if count.untold}
        if not used:
            self._forget_old()
            return
        keys = sorted(used)
        told = {
            "keys": keys,
            "windows": [self._counts[key].window for key in keys],
            "counts": [used[key] for key in keys],
        }
        async with self._database.transaction() as conn:
            # Losing these in a crash loses nothing, so the commit doesn't wait for the disk.
            await conn.execute(text("SET LOCAL synchronous_commit = off"))
            sums = (await conn.execute(_ADD, told)).all()
            await conn.execute(_USED, {"keys": keys, "seconds": USE_SECONDS})
            # Others may hold those rows; they are as good deleted by the next.
            old = func.now() - timedelta(seconds=2 * WINDOW_SECONDS)
            await conn.execute(delete(RateCount).where(RateCount.window_start < old))
        for key_id, window, total in sums:
            count = self._counts[key_id]
            if count.window == window:
                count.shared, count.untold = total, count.untold - used[key_id]
        self._forget_old()

    async def keep_in_step(self) -> None:
        """Sync for as long as the process lives. While the database is away, counts wait here."""
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await self.sync()
            except Unavailable:
                log.warning("rate_limits_not_synced")
            except Exception:
                log.exception("rate_limits_not_synced")

    def _forget_old(self) -> None:
        window = _window(self._clock())
        for key_id, count in list(self._counts.items()):
            if count.window != window and not count.running:
                del self._counts[key_id]


def too_many(seconds: int, reason: str) -> RateLimited:
    """429, with how long to wait."""
    error = RateLimited(f"{reason} Send the request again after {seconds} seconds.")
    error.retry_after = seconds
    return error


def _window(now: datetime) -> datetime:
    start = int(now.timestamp()) // WINDOW_SECONDS * WINDOW_SECONDS
    return datetime.fromtimestamp(start, UTC)
