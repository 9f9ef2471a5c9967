"""OCTO's notifications: subscriptions over the channel manager's own deliveries.

They are signed as webhooks are, sent to the same kinds of addresses, and tried as often.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, Field, StrictStr, StringConstraints

from channel_manager.access.permissions import Permission
from channel_manager.access.route import database_of, needs
from channel_manager.octo.calls import CurrentCall
from channel_manager.octo.errors import bad_request
from channel_manager.octo.route import OctoRoute
from channel_manager.octo.schemas import NotificationType
from channel_manager.outbound_addresses import check_url
from channel_manager.responses import json_reply
from channel_manager.schemas import Body
from channel_manager.webhooks import notifications
from channel_manager.webhooks.notifications import Notices

router = APIRouter(prefix="/octo/notifications", route_class=OctoRoute, include_in_schema=False)
WEBHOOKS = needs(Permission.WEBHOOKS)
# The second as the standard's own pages once wrote it, and resellers after them.
SPELLINGS = ("/subscriptions", "/subcriptions")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]{0,1000}")
# What the sending itself decides.
_OURS = {"host", "content-length", "content-type", "transfer-encoding", "connection", "traceparent"}


def _sendable(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"{name[:100]!r} is no header that can be sent")
        if name.lower() in _OURS or name.lower().startswith("webhook-"):
            raise ValueError(f"{name} is decided by the sending itself; leave it out")
    return headers


Url = Annotated[StrictStr, StringConstraints(min_length=1, max_length=2048)]
Types = Annotated[list[NotificationType], Field(min_length=1, max_length=3)]
Headers = Annotated[dict[StrictStr, StrictStr], Field(max_length=20), AfterValidator(_sendable)]


class NoticesIn(Body):
    """The body of a subscription, whole or what of it is to change."""

    url: Url | None = None
    notificationTypes: Types | None = None  # noqa: N815 - the wire's name
    headers: Headers | None = None


async def _notices(request: Request, body: NoticesIn) -> Notices:
    if body.url is not None:
        await check_url(body.url, request.app.state.address_policy, path="url")
    return Notices(body.url, body.notificationTypes, body.headers)


async def octo_subscribe(request: Request, call: CurrentCall, body: NoticesIn) -> Response:
    """Subscribe. The reply is the only one that shows the signing secret."""
    if body.url is None or body.notificationTypes is None:
        raise bad_request("url and notificationTypes must be given.")
    notices = await _notices(request, body)
    async with database_of(request).transaction() as conn:
        return json_reply(await notifications.subscribe(conn, call.access, notices))


async def octo_subscriptions(request: Request, call: CurrentCall) -> Response:
    """The caller's subscriptions."""
    async with database_of(request).read() as conn:
        return json_reply(await notifications.list_all(conn, call.access))


async def octo_subscription(request: Request, call: CurrentCall, subscription_id: str) -> Response:
    """One of them."""
    async with database_of(request).transaction() as conn:
        return json_reply(await notifications.find(conn, call.access, subscription_id))


async def octo_change_subscription(
    request: Request, call: CurrentCall, subscription_id: str, body: NoticesIn
) -> Response:
    """Change what is said."""
    notices = await _notices(request, body)
    async with database_of(request).transaction() as conn:
        found = await notifications.change(conn, call.access, subscription_id, notices)
        return json_reply(found)


async def octo_unsubscribe(request: Request, call: CurrentCall, subscription_id: str) -> Response:
    """Unsubscribe; the reply shows what it was."""
    async with database_of(request).transaction() as conn:
        return json_reply(await notifications.unsubscribe(conn, call.access, subscription_id))


for path in SPELLINGS:
    one = f"{path}/{{subscription_id}}"
    for method, address, act in (
        ("POST", path, octo_subscribe),
        ("GET", path, octo_subscriptions),
        ("GET", one, octo_subscription),
        ("PATCH", one, octo_change_subscription),
        ("DELETE", one, octo_unsubscribe),
    ):
        router.add_api_route(address, act, methods=[method], openapi_extra=WEBHOOKS)
