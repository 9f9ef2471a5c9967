from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table


class Logo(Table):
    """A picture that a company's or a partner's design names by its hash."""

    __tablename__ = "logos"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    # SHA-256 of the content, hexadecimal. Indexed by itself too: guests fetch it by that alone.
    digest: Mapped[str] = mapped_column(primary_key=True, index=True)
    mime: Mapped[str]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
