import sys

import typer
from rich.console import Console

from channel_manager.cli import (
    audit,
    capacity,
    guests,
    keys,
    orders,
    serving,
    venue,
    webhooks,
)
from channel_manager.cli import console as console_command
from channel_manager.cli import demo as demo_command
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import Database
from channel_manager.embedded import EmbeddedPostgresError
from channel_manager.errors import ChannelError
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.settings import settings
from channel_manager.venue_file import VenueFileError

EPILOG = """
A first run: `channel-manager import examples/castle.yaml`, then `channel-manager key create`,
then `channel-manager serve`. Settings are environment variables; `DATABASE_URL` names a PostgreSQL
of your own, and without it an embedded one is used.
"""

app = typer.Typer(
    help="OTA channel manager: orders of online travel agents in, tickets and coupons out.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.add_typer(keys.app, name="key")
app.add_typer(orders.app, name="order")
app.add_typer(capacity.app, name="capacity")
app.add_typer(webhooks.app, name="webhook")
app.add_typer(audit.app, name="audit")
app.add_typer(guests.app, name="guest")
app.add_typer(console_command.app, name="console")
app.command()(serving.serve)
app.command()(serving.api)
app.command()(serving.worker)
app.command("import")(venue.import_)
app.command()(venue.export)
app.command()(venue.schema)
app.command("demo")(demo_command.demo)
console = Console(stderr=True, highlight=False)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date. Safe to repeat, and from several machines at once.

    `serve` does this by itself; run it by hand before a rolling upgrade.
    """
    with the_database() as url:

        async def work(database: Database) -> None:
            await upgrade(database)

        run(url, work)
    console.print("The schema is up to date.")


def main() -> None:
    """Run the command; what goes wrong is told in a line, not in a traceback."""
    configure_logs(settings().log_level, settings().log_format)
    try:
        app()
    except (ChannelError, VenueFileError, EmbeddedPostgresError) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
