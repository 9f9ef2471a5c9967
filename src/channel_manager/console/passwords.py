"""Passwords: kept as Argon2id hashes, checked a few at a time and never on the event loop."""

import asyncio
import secrets
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from channel_manager.errors import InvalidInput, Problem

SHORTEST = 12
LONGEST = 200
# Each check takes 64 MiB and most of a core for some 50 ms.
_turns = asyncio.Semaphore(2)
# argon2-cffi's own choice is the second of RFC 9106.
HASHER = PasswordHasher()


def check_choice(login: str, password: str) -> None:
    """Whether this may be somebody's password. Errors: `InvalidInput`."""
    if len(password) < SHORTEST:
        raise _unfit(f"is too short; take at least {SHORTEST} characters")
    if len(password) > LONGEST:
        raise _unfit(f"is too long; take at most {LONGEST} characters")
    if password.casefold() == login.casefold() or len(set(password)) < 5:  # noqa: PLR2004 - a guess
        raise _unfit("is too easy to guess; take another")


def generated() -> str:
    """A password to hand to somebody for their first sign-in."""
    return secrets.token_urlsafe(15)


async def hashed(password: str) -> str:
    """What is kept of a password."""
    async with _turns:
        return await asyncio.to_thread(HASHER.hash, password)


async def matches(password: str, kept: str | None) -> bool:
    """Whether this is the password; takes as long where there is none to compare with."""
    async with _turns:
        found = await asyncio.to_thread(_verify, password[: LONGEST + 1], kept or _nobodys())
    return found and kept is not None


def _verify(password: str, kept: str) -> bool:
    try:
        return HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return HASHER.hash(secrets.token_urlsafe(32))


def _unfit(message: str) -> InvalidInput:
    return InvalidInput.of([Problem("password", message, "unfit_password")])
