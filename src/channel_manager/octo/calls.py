"""One call: who makes it, what it switches on, in which language, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from channel_manager.access.route import current_access
from channel_manager.access.service import Access
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
            raise no_partner()
        return self.access.partner_id

    @property
    def has_pricing(self) -> bool:
        """Whether prices are shown."""
        return PRICING in self.capabilities

    @property
    def has_content(self) -> bool:
        """Whether texts and pictures are shown."""
        return CONTENT in self.capabilities


def no_partner() -> Forbidden:
    """The error for a key of the whole venue, which sells as nobody."""
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
