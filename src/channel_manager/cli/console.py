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
    str,
    typer.Option(
        prompt="Password (empty: one is made up)",
        hide_input=True,
        confirmation_prompt=True,
        envvar="CHANNEL_MANAGER_NEW_PASSWORD",
        help="Better not given here, where others may see it: it is asked for.",
    ),
]


@app.command("add-user")
def add_user(
    login: Login,
    password: GivenPassword,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ADMIN,
    name: Annotated[str, typer.Option(help="Their name, for others to see.")] = "",
    company: Company = None,
) -> None:
    """Let somebody into the console: the first admin, who lets in the others there."""
    _check(login, password)
    given = password or passwords.generated()

    async def work(database: Database) -> None:
        password_hash = await passwords.hashed(given)
        async with database.transaction() as conn:
            await people.add_person(
                conn,
                operator_access(await pick_company(conn, company)),
                login,
                role,
                name=name,
                password=people.NewPassword(password_hash, must_change=not password),
            )

    with the_database() as url:
        run(url, work)
    typer.echo(f"{login} may sign in at /console as {role}.")
    if not password:
        typer.echo(f"The password for the first sign-in: {given}")


@app.command("set-password")
def set_password(login: Login, password: GivenPassword, company: Company = None) -> None:
    """Give somebody another password, and end their sessions."""
    _check(login, password)
    given = password or passwords.generated()

    async def work(database: Database) -> None:
        password_hash = await passwords.hashed(given)
        async with database.transaction() as conn:
            access = operator_access(await pick_company(conn, company))
            person = await people.find_person(conn, access.company.company_id, login)
            await people.set_password(
                conn,
                access,
                person.user_id,
                people.NewPassword(password_hash, must_change=not password),
                everywhere=True,
            )

    with the_database() as url:
        run(url, work)
    typer.echo(f"The password of {login} is changed.")
    if not password:
        typer.echo(f"The password for the first sign-in: {given}")


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


def _check(login: str, password: str) -> None:
    if password:
        passwords.check_choice(login, password)
