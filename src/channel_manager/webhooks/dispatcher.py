"""Takes deliveries to their receivers, from the table itself (decision 0007).

A lane for each subscription bounds what is on its way to one receiver, so that a slow or dead one
delays no other; the deliveries themselves wait in the database, not in this process.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import asyncpg
import structlog

from channel_manager.clock import Clock, system_clock
from channel_manager.db import NEWS, AnyRow, Database, plain_url
from channel_manager.outbound import Outbound
from channel_manager.outbound_addresses import address_policy
from channel_manager.settings import Settings
from channel_manager.webhooks.backoff import Outcome
from channel_manager.webhooks.claims import LaneKey, claim, due_lanes, renew
from channel_manager.webhooks.lanes import Lane
from channel_manager.webhooks.records import MOST_AT_ONCE, record
from channel_manager.webhooks.sending import Attempted, attempt

if TYPE_CHECKING:
    from uuid import UUID

log = structlog.get_logger(__name__)

# What a sweep finds: retries, what dead workers left, and what news of got lost.
SWEEP_SECONDS = 1.0
RESTART_SECONDS = 1.0
# On SIGTERM, replies are waited for this long; the rest goes to other workers at once.
FINISH_SECONDS = 5.0
LANES_PER_CLAIM = 200
# Sockets of one process; past it each lane still gets one, so that nobody waits for the others.
MOST_IN_FLIGHT = 1000


async def run_dispatcher(
    settings: Settings, database: Database, outbound: Outbound, stop: asyncio.Event
) -> None:
    """Deliver until `stop` is set, then wait shortly for what is on its way and return.

    Hears of deliveries that this process's own commits cause, and of others' by LISTEN.
    """
    dispatcher = Dispatcher(settings, database, outbound)
    database.on_news = dispatcher.hear
    loops = [
        asyncio.create_task(_keep_up(name, work))
        for name, work in (
            ("claim", dispatcher.claim_forever),
            ("record", dispatcher.record_forever),
            ("renew", dispatcher.renew_forever),
            ("sweep", dispatcher.sweep_forever),
            ("listen", dispatcher.listen_forever),
        )
    ]
    try:
        await stop.wait()
        loops.pop(0).cancel()
        await dispatcher.finish()
    finally:
        database.on_news = None
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)


async def _keep_up(name: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except Exception:
            log.warning("webhook_loop_interrupted", loop=name, exc_info=True)
            await asyncio.sleep(RESTART_SECONDS)


class Dispatcher:
    """One process's part in delivering; any number of processes work on the same deliveries."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        outbound: Outbound,
        *,
        clock: Clock = system_clock,
    ) -> None:
        self._database = database
        self._outbound = outbound
        self._clock = clock
        self._policy = address_policy(settings)
        self._width = settings.webhook_concurrency
        self._lease = settings.heartbeat_seconds
        self._lanes: dict[LaneKey, Lane] = {}
        # Lanes that may have something due, in the order in which that was heard.
        self._woken: dict[LaneKey, None] = {}
        self._news = asyncio.Event()
        self._sending: dict[asyncio.Task[None], AnyRow] = {}
        # Ours until it is recorded, although the reply may be in.
        self._held: dict[UUID, UUID] = {}
        self._made: asyncio.Queue[Attempted] = asyncio.Queue()
        self._now = asyncio.get_running_loop().time

    def hear(self, news: str) -> None:
        """A commit has made something due: `company:subscription`."""
        with contextlib.suppress(ValueError):
            self.wake(LaneKey.read(news))

    def wake(self, key: LaneKey) -> None:
        """Look into this lane."""
        self._woken[key] = None
        self._news.set()

    async def claim_forever(self) -> None:
        """Claim for lanes with room as soon as they are woken."""
        while True:
            await self._news.wait()
            self._news.clear()
            rooms = self._rooms()
            if rooms:
                await self._claim(rooms)

    def _rooms(self) -> dict[LaneKey, int]:
        rooms: dict[LaneKey, int] = {}
        now = self._now()
        free = MOST_IN_FLIGHT - len(self._sending)
        for key in self._woken:
            lane = self._lane(key)
            room = min(lane.room(now), max(free, 0 if lane.in_flight else 1))
            if room:
                rooms[key] = room
                free -= room
            if len(rooms) == LANES_PER_CLAIM:
                self._news.set()
                break
        for key in rooms:
            del self._woken[key]
        return rooms

    async def _claim(self, rooms: dict[LaneKey, int]) -> None:
        try:
            rows = await claim(self._database, rooms, self._lease)
        except BaseException:
            self._woken |= dict.fromkeys(rooms)
            self._news.set()
            raise
        for row in rows:
            self._start(row)
        claimed = Counter(_lane_key(row) for row in rows)
        for key, room in rooms.items():
            if claimed[key] == room:
                self.wake(key)  # there may be more
        for key in rooms.keys() - claimed.keys():
            self._drop_if_idle(key)

    def _start(self, row: AnyRow) -> None:
        self._lane(_lane_key(row)).started()
        self._held[row.delivery_id] = row.company_id
        task = asyncio.create_task(self._send(row))
        self._sending[task] = row
        task.add_done_callback(self._sending.pop)

    async def _send(self, row: AnyRow) -> None:
        key = _lane_key(row)
        lane = self._lane(key)
        try:
            made = await attempt(self._outbound, row, policy=self._policy, clock=self._clock)
        except BaseException as error:
            # Stopped, or a bug: the claim runs out, and the delivery is tried again.
            self._held.pop(row.delivery_id, None)
            lane.failed(self._now())
            if isinstance(error, Exception):
                log.exception("webhook_attempt_broke", delivery_id=str(row.delivery_id))
                return
            raise
        if made.outcome is Outcome.DELIVERED:
            lane.succeeded()
        else:
            lane.failed(self._now(), made.asked)
        self._made.put_nowait(made)
        # A backlog is taken up by half a lane at a time, since a claim costs more than a row of it;
        # what is heard of just now, and the sweep, don't wait for that.
        if key in self._woken and lane.room(self._now()) >= (self._width + 1) // 2:
            self._news.set()

    async def record_forever(self) -> None:
        """Write down what came of attempts, all that have come in meanwhile in one go."""
        while True:
            batch = [await self._made.get()]
            while not self._made.empty() and len(batch) < MOST_AT_ONCE:
                batch.append(self._made.get_nowait())
            try:
                await record(self._database, batch)
            finally:
                # What could not be recorded is no longer kept, and so is tried again.
                for made in batch:
                    self._held.pop(made.delivery.delivery_id, None)
                    self._made.task_done()

    async def renew_forever(self) -> None:
        """Keep what is on its way, while other workers wait for claims to run out."""
        while True:
            await asyncio.sleep(self._lease / 3)
            if held := [(company, delivery) for delivery, company in self._held.items()]:
                await renew(self._database, held, self._lease)

    async def sweep_forever(self) -> None:
        """Wake every lane that has something due, and those whose pause has ended."""
        while True:
            for key in await due_lanes(self._database):
                self.wake(key)
            if self._woken:
                self._news.set()
            await asyncio.sleep(SWEEP_SECONDS)

    async def listen_forever(self) -> None:
        """Hear of what other processes have committed."""
        connection = await asyncpg.connect(
            plain_url(self._database.url),
            timeout=5,
            server_settings={"application_name": "channel-manager-news"},
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(NEWS, lambda *heard: self.hear(heard[3]))
            await lost.wait()
        finally:
            connection.terminate()
        await asyncio.sleep(RESTART_SECONDS)

    async def finish(self) -> None:
        """Wait shortly for replies, record them, and give the rest back to other workers."""
        if self._sending:
            await asyncio.wait(list(self._sending), timeout=FINISH_SECONDS)
        left = {task: (row.company_id, row.delivery_id) for task, row in self._sending.items()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(FINISH_SECONDS):
                await self._made.join()
                if left:
                    await renew(self._database, list(left.values()), 0)

    def _lane(self, key: LaneKey) -> Lane:
        if key not in self._lanes:
            self._lanes[key] = Lane(self._width)
        return self._lanes[key]

    def _drop_if_idle(self, key: LaneKey) -> None:
        if key in self._lanes and self._lanes[key].is_idle and key not in self._woken:
            del self._lanes[key]


def _lane_key(row: AnyRow) -> LaneKey:
    return LaneKey(row.company_id, row.subscription_id)
