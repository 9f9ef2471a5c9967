"""Visitors of the console, by HTTP: signed in as a role, with the tokens of their forms."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from channel_manager.access.permissions import ALL_PERMISSIONS
from channel_manager.access.service import Access
from channel_manager.companies.service import find_company
from channel_manager.console import passwords, people
from channel_manager.console.roles import Role
from channel_manager.db import Database

PASSWORD = "a long walk on the wall"
_TOKEN = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@dataclass
class Visitor:
    """Somebody's browser: cookies, and forms that are sent as the pages have them."""

    http: httpx.AsyncClient

    async def page(self, path: str, status: int = 200) -> str:
        """The page at an address below /console."""
        reply = await self.http.get(f"/console{path}")
        assert reply.status_code == status, reply.text
        return reply.text

    async def token(self) -> str:
        """The token that the visitor's own forms carry."""
        found = _TOKEN.search(await self.page("/account"))
        assert found
        return found[1]

    async def send(self, path: str, **fields: Any) -> httpx.Response:
        """A form with the token of the visitor's own pages; redirects aren't followed."""
        if "csrf" not in fields:
            fields["csrf"] = await self.token()
        files = fields.pop("files", None)
        return await self.http.post(f"/console{path}", data=fields, files=files)

    async def do(self, path: str, **fields: Any) -> str:
        """Send a form that shall succeed, and read the page that it leads to."""
        reply = await self.send(path, **fields)
        if reply.status_code == 303:
            reply = await self.http.get(reply.headers["location"])
        assert reply.status_code == 200, reply.text
        return reply.text


async def add_person(
    database: Database, company_id: UUID, login: str, role: Role, password: str = PASSWORD
) -> UUID:
    """Somebody with a role, as the command line adds them."""
    async with database.transaction() as conn:
        company = await find_company(conn, company_id)
        assert company
        access = Access(
            company, company_id, None, frozenset(ALL_PERMISSIONS), False, person="operator test"
        )
        return await people.add_person(
            conn,
            access,
            login,
            role,
            password=people.NewPassword(await passwords.hashed(password), must_change=False),
        )


def browser(app: FastAPI) -> httpx.AsyncClient:
    """A browser that has never been here."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://venue.example",
    )


@asynccontextmanager
async def signed_in(app: FastAPI, login: str, password: str = PASSWORD) -> AsyncIterator[Visitor]:
    """A browser in which somebody is signed in."""
    async with browser(app) as http:
        reply = await http.post("/console/sign-in", data={"login": login, "password": password})
        assert reply.status_code == 303, reply.text
        yield Visitor(http)
