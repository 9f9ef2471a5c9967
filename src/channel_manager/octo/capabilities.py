"""OCTO's capabilities: what a request switches on. Pure."""

from typing import Any

PRICING = "octo/pricing"
CONTENT = "octo/content"
NOTIFICATIONS = "octo/notifications"
SUPPORTED = (CONTENT, NOTIFICATIONS, PRICING)
_REVISIONS = dict.fromkeys(SUPPORTED, 1)


def activated(header: bytes) -> frozenset[str]:
    """Those of an `Octo-Capabilities` header that are supported, as `octo/pricing` or `pricing`."""
    asked = set()
    for part in header[:1_000].decode("latin-1").split(","):
        name = part.strip().lower()
        asked.add(name if name.startswith("octo/") else f"octo/{name}")
    return frozenset(asked & set(SUPPORTED))


def header_of(capabilities: frozenset[str]) -> bytes:
    """The header that a reply says them by."""
    return ", ".join(sorted(capabilities)).encode()


def listed() -> list[dict[str, Any]]:
    """What `GET /capabilities` says."""
    return [
        {"id": name, "revision": revision, "required": False, "dependencies": [], "docs": None}
        for name, revision in _REVISIONS.items()
    ]
