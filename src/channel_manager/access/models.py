from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class ApiKey(Table):
    """A key to one company, and for a partner's key to one partner (contract: Key).

    The key itself isn't stored: only its hash, and a hint to tell keys apart.
    """

    __tablename__ = "api_keys"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(default="")
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    hint: Mapped[str]
    permissions: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
