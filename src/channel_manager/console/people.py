"""Who may use the console: adding people, their roles and passwords. Every change is audited."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record
from channel_manager.access.service import Access
from channel_manager.console import passwords
from channel_manager.console.models import ConsoleRole, ConsoleSession, ConsoleUser
from channel_manager.console.roles import Role
from channel_manager.console.sessions import Visit, login_key
from channel_manager.db import AnyRow, new_id
from channel_manager.errors import Forbidden, InvalidInput, NotFound, Problem

LONGEST_LOGIN = 100


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password as it is kept; `must_change` where somebody else made it up."""

    hash: str
    must_change: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may use the console of one company. Instants are UTC."""

    user_id: UUID
    login: str
    name: str
    role: Role
    disabled_at: datetime | None
    has_password: bool
    last_seen_at: datetime | None


async def list_people(conn: AsyncConnection, company_id: UUID) -> list[Person]:
    """Everybody with a role at the company, by login."""
    seen = (
        select(func.max(ConsoleSession.last_seen_at))
        .where(ConsoleSession.user_id == ConsoleUser.user_id)
        .scalar_subquery()
    )
    rows = await conn.execute(
        select(ConsoleUser.__table__, ConsoleRole.role, seen.label("last_seen_at"))
        .join(ConsoleRole, ConsoleRole.user_id == ConsoleUser.user_id)
        .where(ConsoleRole.company_id == company_id)
        .order_by(ConsoleUser.login_key)
    )
    return [
        Person(
            user_id=row.user_id,
            login=row.login,
            name=row.name,
            role=Role(row.role),
            disabled_at=row.disabled_at,
            has_password=row.password_hash is not None,
            last_seen_at=row.last_seen_at,
        )
        for row in rows
    ]


async def add_person(
    conn: AsyncConnection,
    access: Access,
    login: str,
    role: Role,
    *,
    name: str = "",
    password: NewPassword | None = None,
) -> UUID:
    """Let somebody in. Who is known from another company gets the role alone, and keeps their
    password.

    Errors: `InvalidInput` for a login that can't be one, or that has a role here already.
    """
    login = _checked_login(login)
    await conn.execute(
        upsert(ConsoleUser)
        .values(
            user_id=new_id(),
            login=login,
            login_key=login_key(login),
            name=name.strip()[:200],
            password_hash=password.hash if password else None,
            must_change=password is not None and password.must_change,
            language="",
        )
        .on_conflict_do_nothing()
    )
    found = await conn.execute(
        select(ConsoleUser.user_id).where(ConsoleUser.login_key == login_key(login))
    )
    user_id: UUID = found.scalar_one()
    given = await conn.execute(
        upsert(ConsoleRole)
        .values(company_id=access.company.company_id, user_id=user_id, role=str(role))
        .on_conflict_do_nothing()
    )
    if not given.rowcount:
        raise InvalidInput.of([Problem("login", f"{login} has a role here already", "login_taken")])
    await record(conn, access, "console.add", f"user {login}", after={"role": role})
    return user_id


async def change_role(conn: AsyncConnection, access: Access, user_id: UUID, role: Role) -> None:
    """Give somebody another role, from their next click on. Errors: `NotFound`, `Forbidden`."""
    person = await _lock_person(conn, access, user_id)
    if role is not Role.ADMIN:
        await _check_not_last_admin(conn, access, person)
    await conn.execute(
        update(ConsoleRole)
        .where(ConsoleRole.company_id == access.company.company_id, ConsoleRole.user_id == user_id)
        .values(role=str(role))
    )
    await record(
        conn,
        access,
        "console.role",
        f"user {person.login}",
        before={"role": person.role},
        after={"role": role},
    )


async def remove_person(conn: AsyncConnection, access: Access, user_id: UUID) -> None:
    """Take somebody's role at this company; their sessions here end at once.

    Errors: `NotFound`, `Forbidden` for the last admin.
    """
    person = await _lock_person(conn, access, user_id)
    await _check_not_last_admin(conn, access, person)
    here = access.company.company_id
    await conn.execute(
        delete(ConsoleRole).where(ConsoleRole.company_id == here, ConsoleRole.user_id == user_id)
    )
    await conn.execute(
        delete(ConsoleSession).where(
            ConsoleSession.company_id == here, ConsoleSession.user_id == user_id
        )
    )
    await record(
        conn, access, "console.remove", f"user {person.login}", before={"role": person.role}
    )


async def set_password(
    conn: AsyncConnection,
    access: Access,
    user_id: UUID,
    password: NewPassword,
    *,
    but_session: bytes = b"",
    everywhere: bool = False,
) -> None:
    """Set somebody's password, and end their sessions but for one.

    Errors: `NotFound`; `Forbidden` for somebody who serves other companies too, unless it is meant
    `everywhere`: an admin of one company must not get into another as somebody else.
    """
    person = await _lock_person(conn, access, user_id)
    if not everywhere:
        await _check_ours_alone(conn, user_id)
    await conn.execute(
        update(ConsoleUser)
        .where(ConsoleUser.user_id == user_id)
        .values(password_hash=password.hash, must_change=password.must_change)
    )
    await conn.execute(
        delete(ConsoleSession).where(
            ConsoleSession.user_id == user_id, ConsoleSession.token_hash != but_session
        )
    )
    await record(conn, access, "console.password", f"user {person.login}")


async def change_own_password(
    conn: AsyncConnection, visit: Visit, current: str, wanted: str
) -> None:
    """Choose another password. Errors: `InvalidInput`."""
    kept = await conn.scalar(
        select(ConsoleUser.password_hash).where(ConsoleUser.user_id == visit.user_id)
    )
    if not await passwords.matches(current, kept):
        raise InvalidInput.of([Problem("current", "is not your password now", "wrong_password")])
    passwords.check_choice(visit.login, wanted)
    await set_password(
        conn,
        visit.access,
        visit.user_id,
        NewPassword(await passwords.hashed(wanted), must_change=False),
        but_session=visit.token_hash,
        everywhere=True,
    )


async def set_language(conn: AsyncConnection, visit: Visit, language: str) -> None:
    """Choose the console's language for oneself."""
    await conn.execute(
        update(ConsoleUser).where(ConsoleUser.user_id == visit.user_id).values(language=language)
    )


async def has_password(conn: AsyncConnection, user_id: UUID, password_hash: str) -> bool:
    """Whether this is what is kept of somebody's password."""
    kept = await conn.scalar(
        select(ConsoleUser.password_hash).where(ConsoleUser.user_id == user_id)
    )
    return bool(kept == password_hash)


async def find_person(conn: AsyncConnection, company_id: UUID, login: str) -> Person:
    """The person with this login. Errors: `NotFound`."""
    for person in await list_people(conn, company_id):
        if login_key(person.login) == login_key(login):
            return person
    raise NotFound(f"There is no login {login} at this company.")


def _checked_login(login: str) -> str:
    login = login.strip()
    if not login or len(login) > LONGEST_LOGIN or not login.isprintable() or " " in login:
        raise InvalidInput.of(
            [Problem("login", f"must be 1 to {LONGEST_LOGIN} characters without blanks")]
        )
    return login


async def _lock_person(conn: AsyncConnection, access: Access, user_id: UUID) -> AnyRow:
    # All roles of the company, so that of two admins who remove each other one stays.
    rows = await conn.execute(
        select(ConsoleRole.user_id, ConsoleRole.role, ConsoleUser.login)
        .join(ConsoleUser, ConsoleUser.user_id == ConsoleRole.user_id)
        .where(ConsoleRole.company_id == access.company.company_id)
        .order_by(ConsoleRole.user_id)
        .with_for_update(of=ConsoleRole)
    )
    for row in rows:
        if row.user_id == user_id:
            return row
    raise NotFound("There is no such person at this company.")


async def _check_not_last_admin(conn: AsyncConnection, access: Access, person: AnyRow) -> None:
    admins = await conn.scalar(
        select(func.count())
        .select_from(ConsoleRole)
        .where(
            ConsoleRole.company_id == access.company.company_id,
            ConsoleRole.role == str(Role.ADMIN),
        )
    )
    if person.role == Role.ADMIN and admins == 1:
        raise Forbidden("This is the last admin; make somebody else an admin first.")


async def _check_ours_alone(conn: AsyncConnection, user_id: UUID) -> None:
    companies = await conn.scalar(
        select(func.count()).select_from(ConsoleRole).where(ConsoleRole.user_id == user_id)
    )
    if (companies or 0) > 1:
        raise Forbidden(
            "They look after another company too; they must change their password themselves,"
            " or `channel-manager console set-password` does it."
        )
