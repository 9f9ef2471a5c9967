import atexit
import gc
import os
import socket
import sys
import tempfile
from functools import partial
from typing import Annotated

import typer
import uvicorn
import uvloop

from channel_manager.app import make_app
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.draining import DrainingServer
from channel_manager.http_protocol import BoundedRequests
from channel_manager.migrations import upgrade
from channel_manager.settings import settings
from channel_manager.supervisor import Child, address_of, die_with_parent, listen
from channel_manager.supervisor import run as supervise
from channel_manager.worker import run_worker, stop_on_signal

URL_VARIABLE = "CHANNEL_MANAGER_DATABASE_URL"
PUBLIC_VARIABLE = "CHANNEL_MANAGER_PUBLIC_URL"
NAME_VARIABLE = "CHANNEL_MANAGER_WORKER_NAME"
COMMAND = [sys.executable, "-m", "channel_manager"]
# Objects made and not yet gone, where Python would look after 700.
COLLECT_AFTER = 10_000
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="The port to listen on.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes, which issue orders.")] = 1,
    apis: Annotated[int, typer.Option(min=1, help="API processes, which answer requests.")] = 1,
) -> None:
    """Run everything on one machine: API and workers, and the embedded database if none is named.

    Brings the schema up to date first. A process that dies is started again. SIGTERM lets requests
    and jobs that are under way finish.
    """
    with the_database(for_long=True) as url:
        run(url, upgrade)
        with listen(host, port) as listener:
            os.set_inheritable(listener.fileno(), True)
            address = address_of(host, listener.getsockname()[1])
            os.environ[URL_VARIABLE] = url
            os.environ.setdefault(PUBLIC_VARIABLE, address)
            typer.echo(f"Serving on {address}", err=True)
            place = f"{socket.gethostname()}:{listener.getsockname()[1]}"
            children = [
                *(_api(f"api-{i}", listener) for i in range(apis)),
                *(_worker(f"worker-{i}", place) for i in range(workers)),
            ]
            with tempfile.TemporaryDirectory(prefix="channel-manager-metrics-") as counts:
                # So that whichever process is scraped tells of all.
                os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
                code = supervise(children, listener=listener)
            sys.exit(code)


def api(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    fd: Annotated[
        int | None, typer.Option(hidden=True, help="A listening socket that was handed over.")
    ] = None,
) -> None:
    """Run the API alone; run `worker` beside it, on this machine or others.

    The schema must be up to date: `channel-manager migrate`.
    """
    if fd is not None:
        die_with_parent()
    with the_database(for_long=True) as url:
        chosen = settings()
        application = make_app(chosen, url)
        _spare_the_collector()
        config = uvicorn.Config(
            application,
            host=host,
            port=port,
            loop="uvloop",
            http=partial(BoundedRequests, seconds=chosen.request_seconds),  # type: ignore[arg-type]
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=True,
            forwarded_allow_ips=chosen.trusted_proxies,
            timeout_graceful_shutdown=15,
            timeout_keep_alive=75,
            lifespan="on",
        )
        sockets = None if fd is None else [socket.socket(fileno=fd)]
        server = DrainingServer(config, application, chosen.drain_seconds)
        uvloop.run(server.serve(sockets=sockets))


def worker(
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,  # noqa: FBT002 - a Typer flag
) -> None:
    """Run one worker, which issues orders and delivers webhooks, until SIGTERM."""
    if supervised:
        die_with_parent()
    with the_database(for_long=True) as url:
        _spare_the_collector()
        uvloop.run(_work(url))


async def _work(url: str) -> None:
    await run_worker(settings(), url, stop_on_signal())


def _spare_the_collector() -> None:
    """Keep Python's garbage collector from what is here for good: modules, routes, schemas.

    It would walk through all of that again and again, for 150 ms at a time in which this process
    answers nobody (decision 0028).
    """
    gc.collect()
    gc.freeze()
    # What a request makes is gone with it, nearly all of it without the collector's help.
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    # At the end it is taken apart as ever, as libraries expect.
    atexit.register(gc.unfreeze)


def _api(name: str, listener: socket.socket) -> Child:
    fd = listener.fileno()
    return Child(name, [*COMMAND, "api", "--fd", str(fd)], (fd,))


def _worker(name: str, place: str) -> Child:
    # The same for every start of it, also by the next `serve` here.
    return Child(name, [*COMMAND, "worker", "--supervised"], env={NAME_VARIABLE: f"{place}/{name}"})
