"""What this installation made up once for itself and keeps in its database."""

import secrets

from sqlalchemy import LargeBinary, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table


class InstallationSecret(Table):
    """A random secret, the same for every process, by what it is for."""

    __tablename__ = "installation_secrets"

    purpose: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[bytes] = mapped_column(LargeBinary)


async def installation_secret(conn: AsyncConnection, purpose: str) -> bytes:
    """The secret for this purpose; made by whichever process asks first."""
    await conn.execute(
        insert(InstallationSecret)
        .values(purpose=purpose, secret=secrets.token_bytes(32))
        .on_conflict_do_nothing()
    )
    query = select(InstallationSecret.secret).where(InstallationSecret.purpose == purpose)
    return bytes((await conn.execute(query)).scalar_one())
