"""Subscriptions to webhooks: how they fare, what was delivered, and sending it again."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response
from pydantic import ValidationError

from channel_manager import local_time
from channel_manager.access.partners import list_partners
from channel_manager.access.route import database_of
from channel_manager.console.rendering import ROOT, page, see_other
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.errors import InvalidInput, NotFound, Problem
from channel_manager.outbound_addresses import AddressPolicy, check_url
from channel_manager.webhooks import deliveries, service
from channel_manager.webhooks.events import EventName
from channel_manager.webhooks.health import subscriptions_health
from channel_manager.webhooks.schemas import SubscriptionIn

WEBHOOKS = f"{ROOT}/webhooks"
SHOWN = 50
SECRET_OVERLAP_HOURS = 24
LONGEST_OVERLAP_HOURS = 168
router = console_router("/webhooks")
OptionalId = Annotated[UUID | None, Form()]


@router.get("", openapi_extra=needs_role(Role.VIEWER))
async def overview(request: Request, visit: CurrentVisit) -> Response:
    """All subscriptions, those that need somebody first."""
    here = visit.company.company_id
    async with database_of(request).read() as conn:
        health = await subscriptions_health(conn, here)
        partners = await list_partners(conn, here)
    return page(
        request,
        "webhooks.html",
        health=health,
        partners={one.partner_id: one.name for one in partners},
        events=list(EventName),
    )


@router.post("", openapi_extra=needs_role(Role.ADMIN))
async def subscribe(
    request: Request,
    visit: CurrentVisit,
    url: Annotated[str, Form()],
    event: Annotated[str, Form()],
    partner: OptionalId = None,
) -> Response:
    """Subscribe a receiver for a partner or for the company; shows its secret, this once."""
    try:
        body = SubscriptionIn(notificationUrl=url.strip(), eventName=event)
    except ValidationError as error:
        raise InvalidInput.of(
            [Problem(str(one["loc"][0]), one["msg"]) for one in error.errors()]
        ) from None
    policy: AddressPolicy = request.app.state.address_policy
    await check_url(body.notificationUrl, policy)
    async with database_of(request).transaction() as conn:
        partners = await list_partners(conn, visit.company.company_id)
        if partner is not None and partner not in {one.partner_id for one in partners}:
            raise NotFound("There is no such partner.")
        shown = await service.subscribe(conn, replace(visit.access, partner_id=partner), body)
    return page(request, "secret_once.html", subscription=shown)


@router.get("/{subscription_id}", openapi_extra=needs_role(Role.VIEWER))
async def log(
    request: Request,
    visit: CurrentVisit,
    subscription_id: str,
    state: str = "",
    key: str = "",
) -> Response:
    """One subscription, and a page of its deliveries, newest first."""
    here = visit.company.company_id
    wanted = deliveries.PageRequest(_state(state), SHOWN, key)
    async with database_of(request).read() as conn:
        subscription = await service.get_subscription(conn, visit.access, subscription_id)
        found = await deliveries.list_deliveries(conn, visit.access, subscription_id, wanted)
        health = await subscriptions_health(conn, here)
        partners = await list_partners(conn, here)
    return page(
        request,
        "webhook.html",
        subscription=subscription,
        mine=next(one for one in health if one.subscription_id == subscription["id"]),
        partners={one.partner_id: one.name for one in partners},
        deliveries=found,
        state=state,
        states=list(deliveries.State),
        key=key,
        today=local_time.today(visit.company.zone, request.app.state.clock()),
        overlap=SECRET_OVERLAP_HOURS,
        most_overlap=LONGEST_OVERLAP_HOURS,
    )


@router.post("/{subscription_id}/replay", openapi_extra=needs_role(Role.OPERATOR))
async def replay(
    request: Request,
    visit: CurrentVisit,
    subscription_id: str,
    delivery: OptionalId = None,
    since: Annotated[str, Form()] = "",
) -> Response:
    """Send one delivery again, or all that have failed since a venue-local day."""
    start = None
    if delivery is None:
        try:
            start = local_time.day_start(local_time.parse_date(since), visit.company.zone)
        except ValueError as error:
            raise InvalidInput.of([Problem("since", str(error))]) from None
    async with database_of(request).transaction() as conn:
        count = await deliveries.replay(
            conn, visit.access, subscription_id, delivery_id=delivery, since=start
        )
    return see_other(_page(subscription_id), done="replayed" if count else "nothing-to-replay")


@router.post("/{subscription_id}/pause", openapi_extra=needs_role(Role.OPERATOR))
async def pause(request: Request, visit: CurrentVisit, subscription_id: str) -> Response:
    """Stop sending; what happens meanwhile waits."""
    async with database_of(request).transaction() as conn:
        await service.pause(conn, visit.access, subscription_id)
    return see_other(_page(subscription_id), done="webhook-paused")


@router.post("/{subscription_id}/resume", openapi_extra=needs_role(Role.OPERATOR))
async def resume(request: Request, visit: CurrentVisit, subscription_id: str) -> Response:
    """Send again, beginning with what waits."""
    async with database_of(request).transaction() as conn:
        await service.resume(conn, visit.access, subscription_id)
    return see_other(_page(subscription_id), done="webhook-resumed")


@router.post("/{subscription_id}/ping", openapi_extra=needs_role(Role.OPERATOR))
async def ping(request: Request, visit: CurrentVisit, subscription_id: str) -> Response:
    """Send a test event."""
    async with database_of(request).transaction() as conn:
        await service.ping(conn, visit.access, subscription_id)
    return see_other(_page(subscription_id), done="pinged")


@router.post("/{subscription_id}/secret", openapi_extra=needs_role(Role.ADMIN))
async def new_secret(
    request: Request,
    visit: CurrentVisit,
    subscription_id: str,
    overlap: Annotated[int, Form(ge=0, le=LONGEST_OVERLAP_HOURS)] = SECRET_OVERLAP_HOURS,
) -> Response:
    """Another signing secret, shown this once; the old one signs too for the overlap."""
    async with database_of(request).transaction() as conn:
        shown = await service.rotate(conn, visit.access, subscription_id, timedelta(hours=overlap))
    return page(request, "secret_once.html", subscription=shown)


@router.post("/{subscription_id}/delete", openapi_extra=needs_role(Role.ADMIN))
async def delete(request: Request, visit: CurrentVisit, subscription_id: str) -> Response:
    """Unsubscribe; what still waits for this address is dropped."""
    async with database_of(request).transaction() as conn:
        await service.unsubscribe(conn, visit.access, subscription_id)
    return see_other(WEBHOOKS, done="webhook-deleted")


def _page(subscription_id: str) -> str:
    return f"{WEBHOOKS}/{subscription_id}"


def _state(given: str) -> deliveries.State | None:
    try:
        return deliveries.State(given) if given else None
    except ValueError:
        raise InvalidInput(f"state: use one of {', '.join(deliveries.State)}") from None
