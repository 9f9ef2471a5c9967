from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, func, text
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class KeptExchange(Table):
    """One call of the Orders API about one order, as it came and as it was answered.

    No header of the request is kept, so no key is either.
    """

    __tablename__ = "exchanges"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    # UUIDv7: what is old is found by the key itself.
    exchange_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    key_id: Mapped[UUID]
    # None where the call named no partner and its key is everybody's.
    partner_id: Mapped[UUID | None]
    # None for a create that was refused.
    order_id: Mapped[UUID | None]
    # The partner's own reference, case-folded; of refused creates alone, which have no order.
    reference_key: Mapped[str | None]
    method: Mapped[str]
    # As it was sent, percent-encoded, and of its query only `sync`.
    path: Mapped[str]
    request_id: Mapped[str]
    status: Mapped[int]
    duration_ms: Mapped[float]
    # The beginning of each body, and its whole length in bytes. None: there was none, or a guest
    # in it was forgotten.
    request_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    request_bytes: Mapped[int]
    reply_body: Mapped[bytes | None] = mapped_column(LargeBinary)
    reply_bytes: Mapped[int]
    # E-mail addresses in a body by which no order can be found, in lower case; None: there are
    # none. For a guest's erasure.
    emails: Mapped[list[str] | None]
    erased_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "ix_exchanges_order",
            "company_id",
            "order_id",
            postgresql_where=text("order_id IS NOT NULL"),
        ),
        Index(
            "ix_exchanges_reference",
            "company_id",
            "reference_key",
            postgresql_where=text("reference_key IS NOT NULL"),
        ),
        Index(
            "ix_exchanges_emails",
            "company_id",
            postgresql_where=text("emails IS NOT NULL"),
        ),
    )
