"""One call: who makes it, what it switches on, in which language, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from channel_manager.access.permissions import Permission
from channel_manager.access.route import CompanyRoute, current_access
from channel_manager.access.service import Access, check_permitted
from channel_manager.errors import Forbidden
from channel_manager.octo.capabilities import CONTENT, PRICING, activated


@dataclass(frozen=True, slots=True)
class Call:
    """What every operation needs to know of the request that it answers."""

    access: Access
    capabilities: frozenset[str]
    # As `Accept-Language` likes it best; "" where it says nothing.
    language: str
    now: datetime
    public_url: str

    @property
    def partner_id(self) -> UUID:
        """Whose bookings these are."""
        if self.access.partner_id is None:
            raise _no_partner()
        return self.access.partner_id

    @property
    def has_pricing(self) -> bool:
        """Whether prices are shown."""
        return PRICING in self.capabilities

    @property
    def has_content(self) -> bool:
        """Whether texts and pictures are shown."""
        return CONTENT in self.capabilities


class OctoRoute(CompanyRoute):
    """A route that only a partner's key with the declared permission reaches."""

    def check(self, request: Request, access: Access, permission: Permission) -> None:
        """Errors: `Forbidden`."""
        del request
        check_permitted(access, permission)
        if access.partner_id is None:
            raise _no_partner()


def _no_partner() -> Forbidden:
    return Forbidden("This key is no partner's; ask the venue for one that is.")


async def current_call(request: Request) -> Call:
    """The call that is being answered."""
    return Call(
        access=await current_access(request),
        capabilities=activated(request.headers.get("octo-capabilities", "").encode("latin-1")),
        language=_first_language(request.headers.get("accept-language", "")),
        now=request.app.state.clock(),
        public_url=request.app.state.public_url,
    )


def _first_language(accepted: str) -> str:
    first = accepted.partition(",")[0].partition(";")[0].strip()
    return "" if first == "*" else first


CurrentCall = Annotated[Call, Depends(current_call)]
