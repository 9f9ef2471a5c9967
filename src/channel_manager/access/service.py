"""Keys: who is calling, and what they may reach (contract: Key)."""

import hashlib
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.models import ApiKey
from channel_manager.access.permissions import ALL_PERMISSIONS, Permission
from channel_manager.addresses import Address
from channel_manager.companies.models import Company
from channel_manager.companies.service import COMPANY_COLUMNS, CompanyInfo, company_info
from channel_manager.errors import Forbidden, NotFound, Unauthorized
from channel_manager.partners.models import Partner
from channel_manager.statements import Statement

_KEY_QUERY = Statement(
    select(
        ApiKey.key_id,
        ApiKey.partner_id,
        ApiKey.permissions,
        ApiKey.rate_limit,
        *COMPANY_COLUMNS,
        Partner.reject_unknown_fields,
    )
    .join(Company, Company.company_id == ApiKey.company_id)
    .outerjoin(
        Partner,
        and_(Partner.company_id == ApiKey.company_id, Partner.partner_id == ApiKey.partner_id),
    )
    .where(
        ApiKey.secret_hash == bindparam("secret_hash"),
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
    )
)

KEY_LENGTH = 40
KEY_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Access:
    """What one request may reach: a company, and within it one partner or all of them."""

    company: CompanyInfo
    key_id: UUID
    # None: the key reaches every partner of the company.
    partner_id: UUID | None
    permissions: frozenset[str]
    reject_unknown_fields: bool
    # Requests per window; None: the installation's default.
    rate_limit: int | None = None
    # Somebody at the venue who has no key: "operator <login>" at the command line, or
    # "user <login>" in the console.
    person: str = ""

    @property
    def actor(self) -> str:
        """Who this is, as the audit trail says it."""
        return self.person or f"key {self.key_id}"

    @property
    def caller_id(self) -> UUID:
        """Whose idempotency keys these are: they outlive a key's rotation."""
        return self.partner_id or self.company.company_id


async def create_key(
    conn: AsyncConnection,
    company_id: UUID,
    *,
    partner_id: UUID | None = None,
    permissions: Sequence[Permission] = ALL_PERMISSIONS,
    name: str = "",
    rate_limit: int | None = None,
) -> str:
    """Make a key and return it. It can't be shown again: only its hash is stored."""
    key = new_key()
    await conn.execute(
        insert(ApiKey).values(
            company_id=company_id,
            partner_id=partner_id,
            name=name,
            permissions=[str(p) for p in permissions],
            rate_limit=rate_limit,
            **stored(key),
        )
    )
    return key


def new_key() -> str:
    """A random key of letters and digits, so that it needs no quoting anywhere."""
    return "".join(secrets.choice(KEY_ALPHABET) for _ in range(KEY_LENGTH))


def stored(key: str) -> dict[str, Any]:
    """The columns that are kept of a key: its hash, and a hint to tell it by."""
    return {"secret_hash": hash_key(key), "hint": f"{key[:4]}…{key[-4:]}"}


async def identify(conn: AsyncConnection, key: str) -> Access:
    """Who holds this key. Errors: `Unauthorized`."""
    row = await _KEY_QUERY.one(conn, secret_hash=hash_key(key))
    if row is None:
        raise unauthorized()
    return Access(
        company=company_info(row),
        key_id=row.key_id,
        partner_id=row.partner_id,
        permissions=frozenset(row.permissions),
        reject_unknown_fields=bool(row.reject_unknown_fields),
        rate_limit=row.rate_limit,
    )


def check_allowed(access: Access, address: Address, permission: Permission) -> None:
    """Whether the caller may do `permission` at this address.

    Errors: `Forbidden`, and `NotFound` for an address that isn't the key's.
    """
    _check_address(access.company, address)
    check_permitted(access, permission)


def check_permitted(access: Access, permission: Permission) -> None:
    """Whether the caller's key has this permission. Errors: `Forbidden`."""
    if permission not in access.permissions:
        raise Forbidden(f"This key lacks the permission {permission}; ask the venue for it.")


def unauthorized() -> Unauthorized:
    """The same error whether the key is missing, malformed, unknown or revoked."""
    return Unauthorized("Send a valid API key in the header x-np-api-key.")


def read_key(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The key that a request carries, from raw headers (ASGI: lower-case names).

    Errors: `Unauthorized` where there is none, or one that no key can look like.
    """
    found = dict(headers)
    raw = found.get(b"x-np-api-key")
    if raw is None:
        scheme, _, raw = found.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise unauthorized()
    try:
        key = raw.strip().decode("ascii")
    except UnicodeDecodeError:
        raise unauthorized() from None
    if not key:
        raise unauthorized()
    return key


def hash_key(key: str) -> bytes:
    """What is stored of a key."""
    # A key has over 200 random bits, so a fast hash is enough.
    return hashlib.sha256(key.encode()).digest()


def _check_address(company: CompanyInfo, address: Address) -> None:
    # A company that exists but isn't the key's looks like one that doesn't.
    if address.tenant.lower() != str(company.tenant_id):
        raise NotFound("There is no such tenant.", code="saas_tenant_not_found")
    if address.environment.casefold() != company.environment.casefold():
        raise NotFound("There is no such environment.", code="saas_environment_not_found")
    if address.company.casefold() != company.name.casefold():
        raise NotFound("There is no such company.", code="saas_company_not_found")
