"""A worker process: claims jobs and carries them out until it is told to stop."""

import asyncio
import contextlib
import signal
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.models import Job as QueuedJob
from pgqueuer.types import QueueManagerId
from prometheus_client import start_http_server

from channel_manager.access.idempotency import forget_old_replies
from channel_manager.console.sessions import forget_old_sessions
from channel_manager.db import Database, plain_url, watch_pool
from channel_manager.exchanges.service import forget_old_exchanges
from channel_manager.jobs import TRACE, JobName, job_ids, patiently, take_up, worker_id
from channel_manager.orders.bulk import carry_out
from channel_manager.orders.capacity_jobs import keep_capacity
from channel_manager.orders.guests import pseudonymise_old_orders
from channel_manager.orders.jobs import OrderIssuer, find_forgotten, read_submission
from channel_manager.orders.sales import keep_sales
from channel_manager.outbound import Outbound
from channel_manager.settings import Settings
from channel_manager.tracing import span, start_tracing, traceparent
from channel_manager.venue_uploads.importing import (
    find_forgotten_uploads,
    import_upload,
    read_upload_job,
)
from channel_manager.webhooks.dispatcher import run_dispatcher
from channel_manager.webhooks.retention import forget_old

log = structlog.get_logger(__name__)

RESTART_SECONDS = 1.0
LISTENER_SECONDS = 5.0
SWEEP_SECONDS = 10.0
RETENTION_SECONDS = 3_600.0


async def run_worker(settings: Settings, url: str, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then finish what is claimed and return.

    A lost database is waited for: claims run out and others, or this worker later, take the jobs.
    """
    database = Database(url, pool_size=settings.worker_concurrency + 8)
    outbound = Outbound()
    start_tracing("worker")
    if settings.worker_metrics_port is not None:
        start_http_server(settings.worker_metrics_port)
    sweeper = asyncio.create_task(_sweep(database, settings))
    capacity = asyncio.create_task(keep_capacity(database))
    selling = asyncio.create_task(keep_sales(database))
    dispatcher = asyncio.create_task(run_dispatcher(settings, database, outbound, stop))
    watching = asyncio.create_task(watch_pool(database))
    forgetter = asyncio.create_task(_forget_guests(database, settings))
    try:
        while not stop.is_set():
            try:
                await _run_queue(settings, database, stop)
            except Exception:
                log.exception("worker_interrupted", restart_seconds=RESTART_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RESTART_SECONDS)
        await dispatcher
    finally:
        sweeper.cancel()
        capacity.cancel()
        selling.cancel()
        forgetter.cancel()
        watching.cancel()
        dispatcher.cancel()
        await asyncio.gather(
            sweeper, capacity, selling, forgetter, dispatcher, return_exceptions=True
        )
        await outbound.aclose()
        await database.close()
    log.info("worker_stopped")


async def _run_queue(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    async with asyncpg.create_pool(
        plain_url(database.url),
        min_size=2,
        max_size=4,
        # What PgQueuer sends leaves nothing behind that the next user would have to undo.
        reset=_nothing_to_reset,
        server_settings={"application_name": "channel-manager-queue"},
    ) as pool:
        queue = PgQueuer(AsyncpgPoolDriver(pool))
        if settings.worker_name:
            own = worker_id(settings.worker_name)
            queue.qm.queue_manager_id = QueueManagerId(own)
            if taken := await take_up(database, own):
                log.warning("jobs_taken_up", count=taken)
        _register(queue, settings, database)
        stopper = asyncio.create_task(_pass_on(stop, queue.shutdown))
        listening = asyncio.create_task(_watch_listener(queue))
        log.info("worker_ready")
        try:
            await queue.run(
                batch_size=settings.worker_batch,
                max_concurrent_tasks=settings.worker_batch * 4,
                # Bounds how long a dead worker's jobs wait once their heartbeat is stale.
                dequeue_timeout=timedelta(seconds=min(settings.heartbeat_seconds, 5.0)),
                heartbeat_timeout=timedelta(seconds=settings.heartbeat_seconds),
            )
        finally:
            stopper.cancel()
            listening.cancel()


async def _watch_listener(queue: PgQueuer) -> None:
    # PgQueuer would do so itself, but it asks before it listens, and under load takes its own
    # question for lost.
    while True:
        await asyncio.sleep(LISTENER_SECONDS)
        try:
            await queue.qm.listener_healthy(timeout=timedelta(seconds=LISTENER_SECONDS))
        except Exception:
            log.warning("listener_lost", exc_info=True)
            # `run_worker` begins anew, with connections that are new as well.
            queue.shutdown.set()
            return


async def _nothing_to_reset(_: object) -> None:
    return None


def _register(queue: PgQueuer, settings: Settings, database: Database) -> None:
    issuer = OrderIssuer(database, concurrency=settings.worker_concurrency)

    @queue.entrypoint(JobName.ISSUE_ORDER)
    async def issue_order(job: QueuedJob) -> None:
        with span("issue order", str((job.headers or {}).get(TRACE, ""))):
            await issuer.issue(read_submission(job), traceparent())

    @queue.entrypoint(JobName.REPROCESS_ORDERS)
    async def reprocess_orders(job: QueuedJob) -> None:
        ids = job_ids(job)
        await patiently(lambda: carry_out(database, UUID(ids["company"]), UUID(ids["run"])))

    @queue.entrypoint(JobName.IMPORT_VENUE)
    async def import_venue(job: QueuedJob) -> None:
        with span("import venue", str((job.headers or {}).get(TRACE, ""))):
            await import_upload(database, *read_upload_job(job))


async def _sweep(database: Database, settings: Settings) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await find_forgotten(database, seconds=settings.heartbeat_seconds + SWEEP_SECONDS)
            await find_forgotten_uploads(database)
            await forget_old(database, days=settings.webhook_log_days)
            await forget_old_replies(database, days=settings.reply_days)
            await forget_old_exchanges(database, days=settings.exchange_days)
            await forget_old_sessions(database)
        except Exception:
            # The database is away, or a bug: the next round tries again.
            log.warning("sweep_failed", exc_info=True)


async def _forget_guests(database: Database, settings: Settings) -> None:
    while settings.retention_days is not None:
        try:
            done = await pseudonymise_old_orders(database, settings.retention_days)
            if done:
                log.info("orders_pseudonymised", count=done)
        except Exception:
            log.warning("retention_failed", exc_info=True)
        await asyncio.sleep(RETENTION_SECONDS)


def stop_on_signal() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _pass_on(first: asyncio.Event, second: asyncio.Event) -> None:
    await first.wait()
    second.set()
