"""The page of the people who may use the console."""

from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response

from channel_manager.access.route import database_of
from channel_manager.console import passwords, people
from channel_manager.console.rendering import ROOT, page, see_other
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role

PEOPLE = f"{ROOT}/people"
router = console_router("/people")


@router.get("", openapi_extra=needs_role(Role.ADMIN))
async def show(request: Request, visit: CurrentVisit) -> Response:
    """Everybody with a role at this company."""
    async with database_of(request).read() as conn:
        found = await people.list_people(conn, visit.company.company_id)
    return page(request, "people.html", people=found, roles=list(Role))


@router.post("", openapi_extra=needs_role(Role.ADMIN))
async def add(
    request: Request,
    visit: CurrentVisit,
    login: Annotated[str, Form()],
    role: Annotated[Role, Form()],
    name: Annotated[str, Form()] = "",
) -> Response:
    """Let somebody in, with a password for their first sign-in that is shown this once."""
    password = passwords.generated()
    password_hash = await passwords.hashed(password)
    async with database_of(request).transaction() as conn:
        user_id = await people.add_person(
            conn,
            visit.access,
            login,
            role,
            name=name,
            password=people.NewPassword(password_hash, must_change=True),
        )
        person = await people.find_person(conn, visit.company.company_id, login)
        # Somebody known from another company keeps the password they have.
        fresh = await people.has_password(conn, user_id, password_hash)
    return page(
        request,
        "password_once.html",
        person=person,
        password=password if fresh else "",
        back=PEOPLE,
    )


@router.post("/{user_id}/role", openapi_extra=needs_role(Role.ADMIN))
async def change_role(
    request: Request, visit: CurrentVisit, user_id: UUID, role: Annotated[Role, Form()]
) -> Response:
    """Give somebody another role."""
    async with database_of(request).transaction() as conn:
        await people.change_role(conn, visit.access, user_id, role)
    return see_other(PEOPLE, done="person-changed")


@router.post("/{user_id}/remove", openapi_extra=needs_role(Role.ADMIN))
async def remove(request: Request, visit: CurrentVisit, user_id: UUID) -> Response:
    """Take somebody's role at this company."""
    async with database_of(request).transaction() as conn:
        await people.remove_person(conn, visit.access, user_id)
    return see_other(PEOPLE, done="person-removed")


@router.post("/{user_id}/password", openapi_extra=needs_role(Role.ADMIN))
async def new_password(request: Request, visit: CurrentVisit, user_id: UUID) -> Response:
    """A new password for somebody's next sign-in, shown this once."""
    password = passwords.generated()
    password_hash = await passwords.hashed(password)
    async with database_of(request).transaction() as conn:
        await people.set_password(
            conn, visit.access, user_id, people.NewPassword(password_hash, must_change=True)
        )
        found = await people.list_people(conn, visit.company.company_id)
    person = next(person for person in found if person.user_id == user_id)
    return page(request, "password_once.html", person=person, password=password, back=PEOPLE)
