"""What crosses the wire about keys (contract: Key)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PlainValidator,
    StrictInt,
    StrictStr,
    StringConstraints,
    WithJsonSchema,
)

from channel_manager.access.permissions import ALL_PERMISSIONS, Permission
from channel_manager.schemas import Body, parse_uuid

MAX_RATE = 1_000_000
MAX_OVERLAP_HOURS = 24 * 30
DEFAULT_OVERLAP_HOURS = 24


def _known(value: str) -> str:
    if value not in list(Permission):
        raise ValueError(f"no such permission; use some of {', '.join(ALL_PERMISSIONS)}")
    return value


PartnerId = Annotated[
    UUID, PlainValidator(parse_uuid), WithJsonSchema({"type": "string", "format": "uuid"})
]
PermissionName = Annotated[
    StrictStr, AfterValidator(_known), WithJsonSchema({"enum": list(ALL_PERMISSIONS)})
]


class KeyIn(Body):
    """A new key. Without `permissions` it gets those of the key that makes it."""

    name: Annotated[StrictStr, StringConstraints(max_length=100)] = ""
    # The key reaches this partner alone.
    partnerId: PartnerId | None = None
    permissions: Annotated[list[PermissionName], Field(min_length=1, max_length=20)] | None = None
    rateLimit: Annotated[StrictInt, Field(ge=1, le=MAX_RATE)] | None = None


class RotateIn(Body):
    """How long the old key stays good beside the new one."""

    overlapHours: Annotated[StrictInt, Field(ge=0, le=MAX_OVERLAP_HOURS)] = DEFAULT_OVERLAP_HOURS


class KeyOut(BaseModel):
    """A key as lists show it: never the key itself, only its hint."""

    id: UUID
    name: str
    hint: str
    partnerId: UUID | None
    permissions: list[str]
    rateLimit: int | None
    createdAt: datetime
    expiresAt: datetime | None
    revokedAt: datetime | None
    lastUsedAt: datetime | None


class NewKeyOut(KeyOut):
    """The one reply that shows the key."""

    key: str
