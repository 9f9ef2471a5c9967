"""A worker process: claims jobs and carries them out until it is told to stop."""

import asyncio
import contextlib
import signal
from datetime import timedelta

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job as QueuedJob

from channel_manager.db import Database, plain_url
from channel_manager.jobs import JobName
from channel_manager.orders.capacity_jobs import keep_capacity
from channel_manager.orders.jobs import OrderIssuer, find_forgotten, read_submission
from channel_manager.outbound import Outbound
from channel_manager.settings import Settings
from channel_manager.webhooks.jobs import deliver, read_delivery

log = structlog.get_logger(__name__)

RESTART_SECONDS = 1.0
SWEEP_SECONDS = 10.0


async def run_worker(settings: Settings, url: str, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then finish what is claimed and return.

    A lost database is waited for: claims run out and others, or this worker later, take the jobs.
    """
    database = Database(url, pool_size=settings.worker_concurrency + 4)
    outbound = Outbound()
    sweeper = asyncio.create_task(_sweep(database, settings))
    capacity = asyncio.create_task(keep_capacity(database))
    try:
        while not stop.is_set():
            try:
                await _run_queue(settings, database, outbound, stop)
            except Exception:
                log.exception("worker_interrupted", restart_seconds=RESTART_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RESTART_SECONDS)
    finally:
        sweeper.cancel()
        capacity.cancel()
        await outbound.aclose()
        await database.close()
    log.info("worker_stopped")


async def _run_queue(
    settings: Settings, database: Database, outbound: Outbound, stop: asyncio.Event
) -> None:
    async with asyncpg.create_pool(
        plain_url(database.url),
        min_size=2,
        max_size=4,
        server_settings={"application_name": "channel-manager-queue"},
    ) as pool:
        queue = PgQueuer(AsyncpgPoolDriver(pool))
        _register(queue, settings, database, outbound)
        stopper = asyncio.create_task(_pass_on(stop, queue.shutdown))
        log.info("worker_ready")
        try:
            await queue.run(
                batch_size=settings.worker_batch,
                max_concurrent_tasks=settings.worker_batch * 4,
                # Bounds how long a dead worker's jobs wait once their heartbeat is stale.
                dequeue_timeout=timedelta(seconds=min(settings.heartbeat_seconds, 5.0)),
                heartbeat_timeout=timedelta(seconds=settings.heartbeat_seconds),
                shutdown_on_listener_failure=True,
            )
        finally:
            stopper.cancel()


def _register(queue: PgQueuer, settings: Settings, database: Database, outbound: Outbound) -> None:
    issuer = OrderIssuer(database, concurrency=settings.worker_concurrency)

    @queue.entrypoint(JobName.ISSUE_ORDER)
    async def issue_order(job: QueuedJob) -> None:
        await issuer.issue(read_submission(job))

    @queue.entrypoint(JobName.DELIVER_WEBHOOK)
    async def deliver_webhook(job: QueuedJob) -> None:
        await deliver(database, outbound, settings, read_delivery(job))


async def _sweep(database: Database, settings: Settings) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await find_forgotten(database, seconds=settings.heartbeat_seconds + SWEEP_SECONDS)
        except Exception:
            # The database is away, or a bug: the next round tries again.
            log.warning("sweep_failed", exc_info=True)


def stop_on_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _pass_on(first: asyncio.Event, second: asyncio.Event) -> None:
    await first.wait()
    second.set()
