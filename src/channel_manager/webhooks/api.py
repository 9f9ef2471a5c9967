"""Webhook subscriptions (contract: Webhooks)."""

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request, Response

from channel_manager.access.permissions import Permission
from channel_manager.access.route import (
    COMPANY_PREFIX,
    CompanyRoute,
    CurrentAccess,
    database_of,
    described_address,
    needs,
)
from channel_manager.outbound import AddressPolicy, check_url
from channel_manager.responses import documented, json_reply
from channel_manager.webhooks import service
from channel_manager.webhooks.schemas import SubscriptionIn, SubscriptionOut

router = APIRouter(
    prefix=COMPANY_PREFIX,
    route_class=CompanyRoute,
    tags=["Webhooks"],
    dependencies=[Depends(described_address)],
)


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
