import getpass

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.permissions import ALL_PERMISSIONS
from channel_manager.access.service import Access
from channel_manager.companies.service import CompanyInfo, list_companies
from channel_manager.errors import NotFound


async def pick_company(conn: AsyncConnection, name: str | None) -> CompanyInfo:
    """The company of this name, or the only one there is. Errors: `NotFound`, saying what is."""
    companies = await list_companies(conn)
    wanted = [c for c in companies if name is None or c.name.casefold() == name.casefold()]
    if len(wanted) == 1:
        return wanted[0]
    if not companies:
        raise NotFound("There is no company yet; load one with `channel-manager import FILE`.")
    names = ", ".join(sorted({company.name for company in companies}))
    raise NotFound(f"Name one company with --company; there are: {names}.")


def operator_access(company: CompanyInfo) -> Access:
    """What somebody at the venue's own command line may reach: the whole company."""
    return Access(
        company=company,
        key_id=company.company_id,
        partner_id=None,
        permissions=frozenset(ALL_PERMISSIONS),
        reject_unknown_fields=False,
        person=f"operator {login()}",
    )


def login() -> str:
    """Who is at the command line, for the audit trail."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user may have no name.
        return "unknown"
