from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.cli.database import the_database
from channel_manager.cli.run import run
from channel_manager.console import passwords, people
from channel_manager.console.people import Person
from channel_manager.console.roles import Role
from channel_manager.db import Database

app = typer.Typer(help="Who may use the console at /console.", no_args_is_help=True)
Company = Annotated[
    str | None, typer.Option("--company", help="The company's name, where there are several.")
]
Login = Annotated[str, typer.Argument(help="What the person types to sign in.")]
GivenPassword = Annotated[
    str | None,
    typer.Option(
        envvar="CHANNEL_MANAGER_NEW_PASSWORD",
        help="Better not given here, where others may see it: it is asked for.",
    ),
]


@app.command("add-user")
def add_user(
    login: Login,
    password: GivenPassword = None,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ADMIN,
    name: Annotated[str, typer.Option(help="Their name, for others to see.")] = "",
    openid: Annotated[  # noqa: FBT002 - a Typer flag
        bool, typer.Option("--openid", help="No password: by the venue's sign-in alone.")
    ] = False,
    company: Company = None,
) -> None:
    """Let somebody into the console: the first admin, who lets in the others there."""
    given = None if openid else _ask(login, password)

    async def work(database: Database) -> None:
        kept = await given.kept() if given else None
        async with database.transaction() as conn:
            await people.add_person(
                conn,
                operator_access(await pick_company(conn, company)),
                login,
                role,
                name=name,
                password=kept,
            )

    with the_database() as url:
        run(url, work)
    typer.echo(f"{login} may sign in at /console as {role}.")
    if given:
        given.tell()


@app.command("set-password")
def set_password(login: Login, password: GivenPassword = None, company: Company = None) -> None:
    """Give somebody another password, and end their sessions."""
    given = _ask(login, password)

    async def work(database: Database) -> None:
        kept = await given.kept()
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            person = await people.find_person(conn, access.company.company_id, login)
            await people.set_password(
                conn,
                access,
                person.user_id,
                kept,
                everywhere=True,
            )

    with the_database() as url:
        run(url, work)
    typer.echo(f"The password of {login} is changed.")
    given.tell()


@app.command("list-users")
def list_users(company: Company = None) -> None:
    """Who may use the console, and as what."""

    async def work(database: Database) -> list[Person]:
        async with database.transaction() as conn:
            found = await pick_company(conn, company)
            return await people.list_people(conn, found.company_id)

    with the_database() as url:
        found = run(url, work)
    table = Table("login", "name", "role", "last seen (UTC)")
    for person in found:
        seen = f"{person.last_seen_at:%Y-%m-%d %H:%M}" if person.last_seen_at else ""
        table.add_row(person.login, person.name, str(person.role), seen)
    Console(soft_wrap=True).print(table)


@app.command("remove-user")
def remove_user(login: Login, company: Company = None) -> None:
    """Take somebody's role at the company, and end their sessions there."""

    async def work(database: Database) -> None:
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            person = await people.find_person(conn, access.company.company_id, login)
            await people.remove_person(conn, access, person.user_id)

    with the_database() as url:
        run(url, work)
    typer.echo(f"{login} may no longer use the console.")


@dataclass(frozen=True, slots=True)
class _Given:
    """A password that was typed, or made up for a first sign-in."""

    password: str
    made_up: bool

    async def kept(self) -> people.NewPassword:
        return people.NewPassword(await passwords.hashed(self.password), must_change=self.made_up)

    def tell(self) -> None:
        if self.made_up:
            typer.echo(f"The password for the first sign-in: {self.password}")


def _ask(login: str, password: str | None) -> _Given:
    if password is None:
        password = typer.prompt(
            "Password (empty: one is made up)",
            default="",
            hide_input=True,
            confirmation_prompt=True,
            show_default=False,
        )
    if not password:
        return _Given(passwords.generated(), made_up=True)
    passwords.check_choice(login, password)
    return _Given(password, made_up=False)
