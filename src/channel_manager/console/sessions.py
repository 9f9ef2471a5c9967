"""Signing in and out, and who a request's cookie belongs to."""

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record_as
from channel_manager.access.service import Access
from channel_manager.companies.models import Company
from channel_manager.companies.service import COMPANY_COLUMNS, CompanyInfo, company_info
from channel_manager.console import passwords
from channel_manager.console.models import ConsoleRole, ConsoleSession, ConsoleSignIn, ConsoleUser
from channel_manager.console.roles import Role
from channel_manager.db import AnyRow, Database
from channel_manager.errors import Forbidden, NotFound, RateLimited, Unauthorized
from channel_manager.statements import Statement

# A browser that nobody has used for so long is signed out.
IDLE = timedelta(hours=2)
# Failures of one login within so long after which it has to wait.
MOST_FAILURES = 10
FAILURES_WITHIN = timedelta(minutes=15)
KEPT_SIGN_INS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who is signed in, at the company that they look at."""

    token_hash: bytes
    user_id: UUID
    login: str
    name: str
    language: str
    must_change: bool
    role: Role
    company: CompanyInfo
    stale: bool = False

    @property
    def access(self) -> Access:
        """What they may reach through the services: all partners of the company, by their role."""
        return Access(
            company=self.company,
            key_id=self.company.company_id,
            partner_id=None,
            permissions=self.role.permissions,
            reject_unknown_fields=False,
            person=f"user {self.login}",
        )


_VISIT = Statement(
    select(
        ConsoleSession.token_hash,
        ConsoleUser.user_id,
        ConsoleUser.login,
        ConsoleUser.name.label("user_name"),
        ConsoleUser.language.label("user_language"),
        ConsoleUser.must_change,
        ConsoleRole.role,
        (ConsoleSession.last_seen_at < func.now() - text("interval '1 minute'")).label("stale"),
        *COMPANY_COLUMNS,
    )
    .join(ConsoleUser, ConsoleUser.user_id == ConsoleSession.user_id)
    .join(Company, Company.company_id == ConsoleSession.company_id)
    .join(
        ConsoleRole,
        (ConsoleRole.user_id == ConsoleSession.user_id)
        & (ConsoleRole.company_id == ConsoleSession.company_id),
    )
    .where(
        ConsoleSession.token_hash == bindparam("token_hash"),
        ConsoleSession.expires_at > func.now(),
        ConsoleSession.last_seen_at > func.now() - bindparam("idle", IDLE),
        ConsoleUser.disabled_at.is_(None),
    )
)


async def find_visit(database: Database, token: str | None) -> Visit | None:
    """Who the cookie belongs to, if they are still signed in and may still look."""
    if not token:
        return None
    async with database.read() as conn:
        row = await _VISIT.one(conn, token_hash=_hash(token))
        if row is None:
            return None
        if row.stale:
            await conn.execute(
                update(ConsoleSession)
                .where(ConsoleSession.token_hash == row.token_hash)
                .values(last_seen_at=func.now())
            )
    return Visit(
        token_hash=row.token_hash,
        user_id=row.user_id,
        login=row.login,
        name=row.user_name,
        language=row.user_language,
        must_change=row.must_change,
        role=Role(row.role),
        company=company_info(row),
    )


async def sign_in(database: Database, login: str, password: str, lasts: timedelta) -> str:
    """A new session's cookie for whoever knows this password.

    Errors: `RateLimited` after too many failures of this login; `Unauthorized`, the same whether
    the login or the password is wrong.
    """
    key = login_key(login)
    async with database.transaction() as conn:
        await _check_patience(conn, key)
        # Counted before the password is looked at, so that guesses side by side count as well.
        attempt = await _note_attempt(conn, key)
        user = await _find_user(conn, key)
    good = await passwords.matches(password, user.password_hash if user else None)
    if user is None or not good or user.disabled_at is not None:
        raise Unauthorized("This login and password don't go together.", code="wrong_password")
    async with database.transaction() as conn:
        await conn.execute(
            update(ConsoleSignIn).where(ConsoleSignIn.sign_in_id == attempt).values(succeeded=True)
        )
        return await start_session(conn, user, lasts)


async def sign_in_vouched(database: Database, login: str, lasts: timedelta) -> str:
    """A new session's cookie for somebody whom the venue's provider vouches for.

    Errors: `Unauthorized` for somebody who was never let in here; `Forbidden`.
    """
    async with database.transaction() as conn:
        user = await _find_user(conn, login_key(login))
        if user is None or user.disabled_at is not None:
            raise Unauthorized("Nobody by this login was let in here.", code="openid_unknown")
        return await start_session(conn, user, lasts)


async def start_session(conn: AsyncConnection, user: AnyRow, lasts: timedelta) -> str:
    """A new session's cookie for somebody who has shown who they are. Errors: `Forbidden`."""
    company_id = await conn.scalar(
        select(ConsoleRole.company_id)
        .join(Company, Company.company_id == ConsoleRole.company_id)
        .where(ConsoleRole.user_id == user.user_id)
        .order_by(Company.name)
        .limit(1)
    )
    if company_id is None:
        raise Forbidden("This login may not look at any company; ask the venue's admin.")
    token = secrets.token_urlsafe(32)
    await conn.execute(
        insert(ConsoleSession).values(
            token_hash=_hash(token),
            user_id=user.user_id,
            company_id=company_id,
            expires_at=func.now() + lasts,
        )
    )
    await record_as(conn, company_id, f"user {user.login}", "console.sign-in", f"user {user.login}")
    return token


async def sign_out(conn: AsyncConnection, visit: Visit) -> None:
    """End this session."""
    await conn.execute(delete(ConsoleSession).where(ConsoleSession.token_hash == visit.token_hash))


async def companies_of(conn: AsyncConnection, user_id: UUID) -> list[CompanyInfo]:
    """The companies that somebody may look at, by name."""
    rows = await conn.execute(
        select(*COMPANY_COLUMNS)
        .join(ConsoleRole, ConsoleRole.company_id == Company.company_id)
        .where(ConsoleRole.user_id == user_id)
        .order_by(Company.name)
    )
    return [company_info(row) for row in rows]


async def look_at(conn: AsyncConnection, visit: Visit, company_id: UUID) -> Visit:
    """Turn to another company of theirs. Errors: `NotFound`."""
    for company in await companies_of(conn, visit.user_id):
        if company.company_id == company_id:
            await conn.execute(
                update(ConsoleSession)
                .where(ConsoleSession.token_hash == visit.token_hash)
                .values(company_id=company_id)
            )
            return replace(visit, company=company)
    raise NotFound("There is no such company.")


async def forget_old_sessions(database: Database) -> None:
    """Remove sessions that are over, and attempts that no limit counts any more."""
    async with database.transaction() as conn:
        await conn.execute(delete(ConsoleSession).where(ConsoleSession.expires_at < func.now()))
        await conn.execute(
            delete(ConsoleSignIn).where(ConsoleSignIn.attempted_at < func.now() - KEPT_SIGN_INS)
        )


def login_key(login: str) -> str:
    """What two spellings of one login have in common."""
    return login.strip().casefold()[:200]


async def _check_patience(conn: AsyncConnection, key: str) -> None:
    failures = await conn.scalar(
        select(func.count())
        .select_from(ConsoleSignIn)
        .where(
            ConsoleSignIn.login_key == key,
            ConsoleSignIn.attempted_at > func.now() - FAILURES_WITHIN,
            ConsoleSignIn.succeeded.is_(False),
        )
    )
    if (failures or 0) >= MOST_FAILURES:
        raise RateLimited("Too many attempts with this login; wait a quarter of an hour.")


async def _note_attempt(conn: AsyncConnection, key: str) -> UUID:
    noted = await conn.execute(
        insert(ConsoleSignIn)
        .values(login_key=key, succeeded=False)
        .returning(ConsoleSignIn.sign_in_id)
    )
    attempt: UUID = noted.scalar_one()
    return attempt


async def _find_user(conn: AsyncConnection, key: str) -> AnyRow | None:
    found = await conn.execute(select(ConsoleUser.__table__).where(ConsoleUser.login_key == key))
    return found.one_or_none()


def _hash(token: str) -> bytes:
    # A token has 256 random bits, so a fast hash is enough.
    return hashlib.sha256(token.encode()).digest()
