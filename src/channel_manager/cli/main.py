import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from channel_manager.access.audit import record_as
from channel_manager.cli import audit, guests, keys, orders, serving
from channel_manager.cli import demo as demo_command
from channel_manager.cli.companies import login
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import Database
from channel_manager.embedded import EmbeddedPostgresError
from channel_manager.errors import ChannelError
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.settings import settings
from channel_manager.venue_file import VenueFileError, read_venue_file
from channel_manager.venue_import import Imported, import_venue

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
app.add_typer(audit.app, name="audit")
app.add_typer(guests.app, name="guest")
app.command()(serving.serve)
app.command()(serving.api)
app.command()(serving.worker)
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


@app.command("import")
def import_(
    venue: Annotated[
        Path, typer.Argument(help="The venue file, such as examples/castle.yaml.", dir_okay=False)
    ],
) -> None:
    """Load a venue file: company, partners, items. Checks the whole file before it writes a row.

    Importing the same file again changes nothing.
    """
    try:
        text = venue.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{venue}: {error}") from None
    parsed = read_venue_file(text, str(venue))
    with the_database() as url:

        async def work(database: Database) -> Imported:
            await upgrade(database)
            async with database.transaction() as conn:
                done = await import_venue(conn, parsed)
                await record_as(
                    conn,
                    done.company_id,
                    f"operator {login()}",
                    "venue.import",
                    f"company {done.company_id}",
                    after={"partners": done.partners, "items": done.items},
                )
                return done

        done = run(url, work)
    console.print(
        f"{parsed.company.name}: {done.partners} partners and {done.items} items imported."
    )


def main() -> None:
    """Run the command; what goes wrong is told in a line, not in a traceback."""
    configure_logs(settings().log_level, settings().log_format)
    try:
        app()
    except (ChannelError, VenueFileError, EmbeddedPostgresError) as error:
        console.print(str(error), style="red", markup=False)
        sys.exit(1)
