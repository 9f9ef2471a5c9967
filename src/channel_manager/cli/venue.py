"""The venue file's commands: import, export, schema."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from channel_manager.access.audit import record_as
from channel_manager.cli.companies import login, pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.db import Database
from channel_manager.errors import Unavailable
from channel_manager.migrations import has_schema, is_current, upgrade
from channel_manager.venue_difference import Difference, differences
from channel_manager.venue_export import read_venue, write_yaml
from channel_manager.venue_file import VenueFile, read_venue_file, venue_schema
from channel_manager.venue_import import Imported, compare_venue, import_venue

console = Console(stderr=True, highlight=False)


def import_(
    venue: Annotated[
        Path, typer.Argument(help="The venue file, such as examples/castle.yaml.", dir_okay=False)
    ],
    dry_run: Annotated[  # noqa: FBT002 - a Typer flag
        bool, typer.Option("--dry-run", help="Print what would change, and change nothing.")
    ] = False,
    progress: Annotated[
        bool | None,
        typer.Option(help="Show how far it has come; on a terminal it does so by itself."),
    ] = None,
) -> None:
    """Load a venue file: company, partners, items. Checks the whole file before it writes a row.

    Importing the same file again changes nothing.
    """
    with _told(progress) as step:
        step("Reading", None)
        parsed = _read(venue)
        if dry_run:
            found = _compare(parsed)
        else:
            done = _import(parsed, step)
            found = done.differences
    if dry_run:
        for line in (line for difference in found for line in difference.lines()):
            typer.echo(line)
        console.print(f"{parsed.company.name}: {_counted(found)}; nothing was written.")
        return
    console.print(
        f"{parsed.company.name}: {done.partners} partners and {done.items} items imported"
        f" ({_counted(found)})."
    )


def export(
    company: Annotated[
        str | None, typer.Option(help="The company's name; not needed where there is only one.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The file to write; standard output without it.")
    ] = None,
) -> None:
    """Write the venue file of what the database says. Importing it again changes nothing."""

    async def work(database: Database) -> str:
        async with database.transaction() as conn:
            found = await pick_company(conn, company)
            return write_yaml(await read_venue(conn, found.company_id))

    with the_database() as url:
        text = run(url, work)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
        console.print(f"{output}: written.")


def schema() -> None:
    """Print the JSON Schema of a venue file, for editors and other programs."""
    typer.echo(schema_text(), nl=False)


def schema_text() -> str:
    """The schema as it is published in docs/reference."""
    return json.dumps(venue_schema(), indent=2, ensure_ascii=False) + "\n"


# What is being done, and how many rows of how many are done.
Step = Callable[[str, tuple[int, int] | None], None]


@contextmanager
def _told(wanted: bool | None) -> Iterator[Step]:  # noqa: FBT001 - None: only on a terminal
    shown = console.is_terminal if wanted is None else wanted
    with Progress(console=console, disable=not shown, transient=True) as bar:
        task = bar.add_task("", total=None)

        def step(what: str, rows: tuple[int, int] | None) -> None:
            done, of = rows or (0, None)
            bar.update(task, description=what, completed=done, total=of)

        yield step


def _read(venue: Path) -> VenueFile:
    try:
        text = venue.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{venue}: {error}") from None
    return read_venue_file(text, str(venue), venue.parent)


def _import(parsed: VenueFile, step: Step) -> Imported:
    async def work(database: Database) -> Imported:
        await upgrade(database)
        step("Comparing", None)
        async with database.transaction() as conn:
            done = await import_venue(conn, parsed, lambda *rows: step("Writing", rows))
            await record_as(
                conn,
                done.company_id,
                f"operator {login()}",
                "venue.import",
                f"company {done.company_id}",
                after={"differences": len(done.differences)},
            )
            return done

    with the_database() as url:
        return run(url, work)


def _compare(parsed: VenueFile) -> Sequence[Difference]:
    async def work(database: Database) -> Sequence[Difference]:
        # A dry run leaves the schema alone too.
        if not await has_schema(database):
            return differences(None, parsed)
        if not await is_current(database):
            raise Unavailable("The schema is of an older version; run `channel-manager migrate`.")
        async with database.transaction() as conn:
            return await compare_venue(conn, parsed)

    with the_database() as url:
        return run(url, work)


def _counted(found: Sequence[Difference]) -> str:
    kinds = [difference.kind for difference in found if difference.kind != "kept"]
    told = [f"{kinds.count(kind)} {kind}" for kind in ("added", "changed", "removed")]
    return ", ".join(told) if kinds else "no difference"
