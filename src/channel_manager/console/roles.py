"""What people may do in the console. Each role may all that the one before it may."""

from enum import StrEnum

from channel_manager.access.permissions import Permission


class Role(StrEnum):
    """viewer looks; operator also acts on orders, events and time slots; admin also sets up."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether this role may what `other` may."""
        return _ORDER.index(self) >= _ORDER.index(other)

    @property
    def permissions(self) -> frozenset[str]:
        """What the services let this role do."""
        return _PERMISSIONS[self]


_ORDER = (Role.VIEWER, Role.OPERATOR, Role.ADMIN)
_VIEWER = frozenset({Permission.ORDERS_READ, Permission.CATALOG_READ})
_PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.VIEWER: frozenset(map(str, _VIEWER)),
    Role.OPERATOR: frozenset(map(str, {*_VIEWER, Permission.ORDERS_WRITE, Permission.WEBHOOKS})),
    Role.ADMIN: frozenset(map(str, Permission)),
}
