"""OCTO's routes: whom they let in, and how what they refuse is kept."""

from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.permissions import Permission
from channel_manager.access.service import Access, check_permitted
from channel_manager.errors import ChannelError
from channel_manager.exchanges.route import KeptRoute
from channel_manager.octo.calls import current_call, no_partner
from channel_manager.octo.edge import language_of, octo_error
from channel_manager.octo.reading import find_order_id


class OctoRoute(KeptRoute):
    """A route that only a partner's key with the declared permission reaches.

    What it refuses of a booking is kept as it is told: in OCTO's form.
    """

    order_parameter = "uuid"
    reference_field = "resellerReference"

    def check(self, request: Request, access: Access, permission: Permission) -> None:
        """Errors: `Forbidden`."""
        del request
        check_permitted(access, permission)
        if access.partner_id is None:
            raise no_partner()

    async def find_order(self, conn: AsyncConnection, request: Request) -> UUID | None:
        """The order of the booking that the address names; None for none of the caller's."""
        call = await current_call(request)
        try:
            return await find_order_id(conn, call, request.path_params[self.order_parameter])
        except ChannelError:
            return None

    def refusal(self, request: Request, error: Exception) -> tuple[int, bytes]:
        """The status and the body as they leave under /octo."""
        status, body = super().refusal(request, error)
        return octo_error(status, body, language_of(dict(request.scope["headers"])))
