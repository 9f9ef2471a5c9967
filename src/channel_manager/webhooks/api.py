"""Webhook subscriptions (contract: Webhooks)."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from channel_manager.access.permissions import Permission
from channel_manager.access.route import (
    CurrentAccess,
    company_router,
    database_of,
    needs,
)
from channel_manager.outbound_addresses import AddressPolicy, check_url
from channel_manager.responses import documented, json_reply
from channel_manager.webhooks import deliveries, service
from channel_manager.webhooks.schemas import (
    DeliveryPage,
    PingOut,
    ReplayIn,
    ReplayOut,
    SubscriptionIn,
    SubscriptionOut,
)

LONGEST_OVERLAP_HOURS = 168

router = company_router("Webhooks")


@router.post(
    "/webhook",
    status_code=HTTPStatus.CREATED,
    response_model=SubscriptionOut,
    operation_id="createWebhook",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(400),
)
async def create_webhook(request: Request, access: CurrentAccess, body: SubscriptionIn) -> Response:
    """Subscribe to an event. The reply is the only one that shows the signing secret."""
    policy: AddressPolicy = request.app.state.address_policy
    await check_url(body.notificationUrl, policy)
    async with database_of(request).transaction() as conn:
        shown = await service.subscribe(conn, access, body)
    return json_reply(shown, HTTPStatus.CREATED)


@router.get(
    "/webhooks",
    response_model=list[SubscriptionOut],
    operation_id="listWebhooks",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(),
)
@router.get(
    "/webhook",
    response_model=list[SubscriptionOut],
    operation_id="listWebhooksSingular",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(),
)
async def list_webhooks(request: Request, access: CurrentAccess) -> Response:
    """The caller's subscriptions, oldest first."""
    async with database_of(request).read() as conn:
        return json_reply(await service.list_subscriptions(conn, access))


@router.get(
    "/webhook/{subscription_id}",
    response_model=SubscriptionOut,
    operation_id="getWebhook",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(),
)
async def get_webhook(request: Request, access: CurrentAccess, subscription_id: str) -> Response:
    """One of the caller's subscriptions."""
    async with database_of(request).read() as conn:
        return json_reply(await service.get_subscription(conn, access, subscription_id))


@router.delete(
    "/webhook/{subscription_id}",
    response_model=SubscriptionOut,
    operation_id="deleteWebhook",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(),
)
async def delete_webhook(request: Request, access: CurrentAccess, subscription_id: str) -> Response:
    """Unsubscribe; what still waits for this address is dropped. The reply shows what it was."""
    async with database_of(request).transaction() as conn:
        return json_reply(await service.unsubscribe(conn, access, subscription_id))


@router.post(
    "/webhook/{subscription_id}/rotate",
    response_model=SubscriptionOut,
    operation_id="rotateWebhookSecret",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(400),
)
async def rotate_secret(
    request: Request,
    access: CurrentAccess,
    subscription_id: str,
    overlap_hours: Annotated[
        int,
        Query(
            alias="overlapHours",
            ge=0,
            le=LONGEST_OVERLAP_HOURS,
            description="How long the old secret signs too; 0 ends it at once.",
        ),
    ] = 24,
) -> Response:
    """Make a new signing secret, shown in this reply alone."""
    overlap = timedelta(hours=overlap_hours)
    async with database_of(request).transaction() as conn:
        return json_reply(await service.rotate(conn, access, subscription_id, overlap))


@router.post(
    "/webhook/{subscription_id}/ping",
    status_code=HTTPStatus.ACCEPTED,
    response_model=PingOut,
    operation_id="pingWebhook",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(400),
)
async def ping_webhook(request: Request, access: CurrentAccess, subscription_id: str) -> Response:
    """Send a test event, `ota_cm_ping`, to this subscription."""
    async with database_of(request).transaction() as conn:
        delivery_id = await service.ping(conn, access, subscription_id)
    return json_reply({"deliveryId": delivery_id}, HTTPStatus.ACCEPTED)


@router.post(
    "/webhook/{subscription_id}/pause",
    response_model=SubscriptionOut,
    operation_id="pauseWebhook",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(),
)
async def pause_webhook(request: Request, access: CurrentAccess, subscription_id: str) -> Response:
    """Stop sending; what happens meanwhile waits until it is resumed."""
    async with database_of(request).transaction() as conn:
        return json_reply(await service.pause(conn, access, subscription_id))


@router.post(
    "/webhook/{subscription_id}/resume",
    response_model=SubscriptionOut,
    operation_id="resumeWebhook",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(),
)
async def resume_webhook(request: Request, access: CurrentAccess, subscription_id: str) -> Response:
    """Send again, beginning with what waits."""
    async with database_of(request).transaction() as conn:
        return json_reply(await service.resume(conn, access, subscription_id))


@router.get(
    "/webhook/{subscription_id}/deliveries",
    response_model=DeliveryPage,
    operation_id="listWebhookDeliveries",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(400),
)
async def list_deliveries(
    request: Request,
    access: CurrentAccess,
    subscription_id: str,
    state: Annotated[deliveries.State | None, Query(description="Only these.")] = None,
    page_size: Annotated[int, Query(alias="pageSize", ge=1, le=deliveries.MAX_PAGE)] = 100,
    page_key: Annotated[str, Query(alias="pageKey", max_length=100)] = "",
) -> Response:
    """The delivery log, newest first: each event, and every attempt to deliver it."""
    wanted = deliveries.PageRequest(state, page_size, page_key)
    async with database_of(request).snapshot() as conn:
        page = await deliveries.list_deliveries(conn, access, subscription_id, wanted)
    more = bool(page.next_key)
    kept = {"pageSize": page_size, "pageKey": page.next_key} | ({"state": state} if state else {})
    return json_reply(
        {
            "morePages": more,
            "nextPageKey": page.next_key,
            "nextPageURL": f"{request.url.path}?{urlencode(kept)}" if more else "",
            "data": page.data,
        }
    )


@router.post(
    "/webhook/{subscription_id}/replay",
    response_model=ReplayOut,
    operation_id="replayWebhook",
    openapi_extra=needs(Permission.WEBHOOKS),
    responses=documented(400),
)
async def replay(
    request: Request, access: CurrentAccess, subscription_id: str, body: ReplayIn
) -> Response:
    """Send one delivery again, or all that have failed since an instant.

    The `webhook-id` stays the same, so that a receiver knows what it has seen.
    """
    async with database_of(request).transaction() as conn:
        count = await deliveries.replay(
            conn, access, subscription_id, delivery_id=body.deliveryId, since=body.since
        )
    return json_reply({"replayed": count})
