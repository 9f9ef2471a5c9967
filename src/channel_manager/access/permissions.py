from enum import StrEnum


class Permission(StrEnum):
    """What a key may do (contract: Key)."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    WEBHOOKS = "webhooks"
    CATALOG_READ = "catalog:read"
    GATE = "gate"
    ADMIN = "admin"


ALL_PERMISSIONS = tuple(Permission)
