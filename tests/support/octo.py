"""A reseller of OCTO: the harbour of the example, and calls whose every answer is checked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import yaml

from channel_manager.app import make_app
from channel_manager.db import Database
from channel_manager.settings import Settings
from support import castle
from support.octo_schemas import check

HARBOUR_FILE = Path(__file__).parents[2] / "examples" / "octo-harbour.yaml"
HARBOUR = HARBOUR_FILE.read_text(encoding="utf-8")
RESELLER = "7d2b8e3a-9c4f-4a5d-9e5b-3f4a5b6c7d8e"
OTHER_RESELLER = "8e3c9f4b-0d5a-4b6e-8f6c-4a5b6c7d8e9f"
ORDERS = "/0c70a1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2b/production/Contoso%20Harbour%20Tours/channelManager"
GATE = ORDERS.replace("channelManager", "speedgate")
# The option that can be cancelled until 24 hours before.
GROUP = {"optionId": "TOUR-GROUP", "unitItems": [{"unitId": "TOUR-GROUP"}] * 10}
NEVER = "00000000-0000-7000-8000-000000000000"


def day(days: int = 7) -> str:
    """A date some days ahead, as OCTO writes it."""
    return (date.today() + timedelta(days=days)).isoformat()  # noqa: DTZ011 - days ahead, any zone


def harbour(**changes: dict[str, Any]) -> str:
    """The harbour's file, with some fields of some items changed: `TOWER={"octo": …}`."""
    parsed = yaml.safe_load(HARBOUR)
    for item in parsed["items"]:
        item.update(changes.pop(item["number"].replace("-", "_"), {}))
    assert not changes
    return yaml.safe_dump(parsed, sort_keys=False, allow_unicode=True)


class Reseller:
    """Calls of OCTO, each answer checked against the standard's shape."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self.client = client
        self.headers = {"authorization": f"Bearer {key}"}

    async def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer to a call that succeeds."""
        reply = await self.ask(method, path, body, **options)
        assert reply.status_code == 200, reply.text
        check(method, path, reply.json(), reply.headers["octo-capabilities"])
        return reply.json()

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The answer to a call that is refused: 400, in OCTO's shape."""
        reply = await self.ask(method, path, body, **options)
        assert reply.status_code == 400, reply.text
        told = reply.json()
        check(method, "error", told, "")
        return told

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """The answer as it is."""
        headers = self.headers | options.pop("headers", {})
        return await self.client.request(
            method, f"/octo{path}", json=body, headers=headers, **options
        )

    async def times(self, product: str, option: str = "DEFAULT", days: int = 7) -> list[Any]:
        """The times of one day."""
        return await self.call(
            "POST",
            "/availability",
            {
                "productId": product,
                "optionId": option,
                "localDateStart": day(days),
                "localDateEnd": day(days),
            },
        )

    async def reserving(self, product: str = "TOUR", **changes: Any) -> dict[str, Any]:
        """The body of a reservation for two of the product's first unit, at its first time."""
        option = changes.get("optionId", "DEFAULT")
        found = await self.times(product, option, changes.pop("days", 7))
        free = [one["id"] for one in found if one["available"]]
        body = {
            "uuid": str(uuid4()),
            "productId": product,
            "optionId": option,
            "availabilityId": free[0],
            "unitItems": [{"unitId": product}, {"unitId": product}],
        } | changes
        return {name: value for name, value in body.items() if value is not ...}

    async def reserve(self, product: str = "TOUR", **changes: Any) -> Any:
        """A booking on hold."""
        return await self.call("POST", "/bookings", await self.reserving(product, **changes))

    async def booked(self, product: str = "TOUR", **changes: Any) -> Any:
        """A confirmed booking."""
        held = await self.reserve(product, **changes)
        return await self.confirm(held)

    async def confirm(self, booking: Any, **body: Any) -> Any:
        """Confirm a booking."""
        contact = {"contact": {"fullName": "Jane Doe", "emailAddress": "guest@example.com"}}
        return await self.call("POST", f"/bookings/{booking['uuid']}/confirm", contact | body)

    async def get(self, booking: Any, **options: Any) -> Any:
        """A booking as it is now."""
        return await self.call("GET", f"/bookings/{booking['uuid']}", **options)


@asynccontextmanager
async def selling(
    database: Database, url: str, settings: Settings, company_id: UUID
) -> AsyncIterator[tuple[Reseller, Reseller, httpx.AsyncClient]]:
    """The application with the harbour: two resellers, and the venue's own client."""
    own = await castle.make_key(database, company_id)
    keys = [
        await castle.make_key(database, company_id, partner=partner)
        for partner in (RESELLER, OTHER_RESELLER)
    ]
    app = make_app(settings, url)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://venue.example",
        ) as client,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False),
            base_url="http://venue.example",
            headers={"x-np-api-key": own},
        ) as venue,
    ):
        venue.app = app
        yield Reseller(client, keys[0]), Reseller(client, keys[1]), venue
