from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class ConsoleUser(Table):
    """Somebody at the venue who signs in to the console. One person may serve several companies."""

    __tablename__ = "console_users"

    user_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # As they type it and as the audit trail says it; compared without case.
    login: Mapped[str]
    login_key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(default="")
    # Argon2id. None: signs in by the venue's OpenID Connect alone.
    password_hash: Mapped[str | None]
    # Set by somebody else: good for one sign-in, and then for choosing another.
    must_change: Mapped[bool] = mapped_column(default=False)
    # The console's language; "" as the browser asks.
    language: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled_at: Mapped[datetime | None]


class ConsoleRole(Table):
    """What somebody may do at one company: viewer, operator or admin."""

    __tablename__ = "console_roles"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("console_users.user_id"), primary_key=True)
    role: Mapped[str]

    __table_args__ = (
        CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),
        Index("ix_console_roles_user", "user_id"),
    )


class ConsoleSession(Table):
    """A browser in which somebody is signed in. Only the hash of its cookie is kept."""

    __tablename__ = "console_sessions"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("console_users.user_id"), index=True)
    # The company that is looked at.
    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ConsoleSignIn(Table):
    """One attempt to sign in with a login, there or not: what the limit on them counts."""

    __tablename__ = "console_sign_ins"

    sign_in_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    login_key: Mapped[str]
    attempted_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    succeeded: Mapped[bool]

    __table_args__ = (Index("ix_console_sign_ins_login", "login_key", "attempted_at"),)
