"""What each role may do, over every route that the console has."""

import re
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import text

from channel_manager.console import pages
from channel_manager.console.roles import Role
from channel_manager.console.route import ConsoleRoute
from channel_manager.db import Table
from support import castle
from support.console import add_person, browser, signed_in
from support.webhooks import settle, subscribe

READING = {"GET", "HEAD"}
# What anybody may do: to come in, to choose a language before that, and to have the looks.
FOR_STRANGERS = {
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("POST", "/console/language"),
    ("GET", "/console/static/{name}"),
    ("GET", "/console/openid"),
    ("GET", "/console/openid/back"),
}
# What a viewer changes: their own session, password and language.
ONES_OWN = {
    "/console/sign-out",
    "/console/company",
    "/console/account/password",
    "/console/account/language",
}
# What happens anyway while somebody looks.
MOVING = {"console_sessions", "audit_events", "console_sign_ins", "rate_counts"}


def every_route() -> list[tuple[str, APIRoute]]:
    return [
        (method, route)
        for part in (*pages.PARTS, pages)
        for route in (part.nothing if part is pages else part.router).routes
        for method in sorted(route.methods)
    ]


ROUTES = every_route()


def test_every_route_is_the_consoles_own_and_says_who_may():
    assert len(ROUTES) > 60
    for method, route in ROUTES:
        assert isinstance(route, ConsoleRoute), route.path
        role = (route.openapi_extra or {}).get("x-role")
        if (method, route.path) in FOR_STRANGERS:
            assert role is None, route.path
        elif method in READING or route.path in ONES_OWN:
            assert role in list(Role), route.path
        else:
            assert role in (Role.OPERATOR, Role.ADMIN), route.path


@pytest.fixture
async def ids(client, database, company_id):
    """Of everything that an address may name, one that there is."""
    made = await settle(client)
    hook = await subscribe(client, "http://127.0.0.1:9/hook")
    async with database.read() as conn:
        slot = await conn.scalar(text("SELECT slot_id FROM time_slots LIMIT 1"))
        key = await conn.scalar(text("SELECT key_id FROM api_keys LIMIT 1"))
        event = await conn.scalar(text("SELECT event_id FROM webhook_events LIMIT 1"))
    anna = await add_person(database, company_id, "anna", Role.ADMIN)
    return {
        "order_id": made["orderId"],
        "event_id": event,
        "subscription_id": hook["id"],
        "slot_id": slot,
        "key_id": key,
        "partner_id": castle.PARTNER,
        "user_id": anna,
        "kind_of_file": "csv",
        "path": "nowhere",
        "name": "console.css",
    }


def address(route: APIRoute, ids) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(ids.get(found[1], uuid4())), route.path)


async def state(database) -> dict[str, str]:
    """What is in the database, table by table."""
    found = {}
    async with database.read() as conn:
        for name in Table.metadata.tables:
            if name not in MOVING:
                # When a key was last used is noted a little later, whoever looks meanwhile.
                row = "(to_jsonb(t) - 'last_used_at')::text"
                rows = f"string_agg({row}, '' ORDER BY {row})"
                query = f"SELECT md5(coalesce({rows}, '')) FROM {name} t"
                found[name] = await conn.scalar(text(query))
        found["jobs"] = await conn.scalar(text("SELECT count(*) FROM pgqueuer"))
        found["trail"] = await conn.scalar(
            text("SELECT count(*) FROM audit_events WHERE action <> 'console.sign-in'")
        )
    return found


FORM = {
    "action": "close",
    "role": "admin",
    "login": "eve",
    "permission": "admin",
    "payment_reference": "x",
    "url": "http://127.0.0.1:9/hook",
    "event": "ota_cm_order_processed",
    "active": "false",
    "since": castle.soon(0),
}


async def test_a_viewer_changes_nothing_by_any_route(client, database, company_id, ids):
    await add_person(database, company_id, "vera", Role.VIEWER)
    async with signed_in(client.app, "vera") as vera:
        token = await vera.token()
        before = await state(database)
        form = FORM | {"csrf": token, "order": ids["order_id"], "slot": ids["slot_id"]}
        for method, route in ROUTES:
            where = address(route, ids)
            if method in READING:
                reply = await vera.http.request(method, where)
                assert reply.status_code in (200, 303, 401, 403, 404), (where, reply.text)
            elif route.path not in ONES_OWN and (method, route.path) not in FOR_STRANGERS:
                reply = await vera.http.request(method, where, data=form)
                assert reply.status_code == 403, (where, reply.status_code)
        assert await state(database) == before


async def test_an_operator_sets_up_nothing_by_any_route(client, database, company_id, ids):
    await add_person(database, company_id, "otto", Role.OPERATOR)
    async with signed_in(client.app, "otto") as otto:
        form = FORM | {"csrf": await otto.token()}
        before = await state(database)
        for method, route in ROUTES:
            if (route.openapi_extra or {}).get("x-role") == Role.ADMIN:
                reply = await otto.http.request(method, address(route, ids), data=form)
                assert reply.status_code == 403, route.path
        assert await state(database) == before


async def test_a_stranger_sees_and_changes_nothing_by_any_route(client, database, ids):
    before = await state(database)
    async with browser(client.app) as http:
        for method, route in ROUTES:
            if (method, route.path) in FOR_STRANGERS:
                continue
            reply = await http.request(method, address(route, ids), data=FORM)
            if method in READING:
                assert reply.status_code == 303, route.path
                assert reply.headers["location"].startswith("/console/sign-in"), route.path
            else:
                assert reply.status_code == 401, route.path
    assert await state(database) == before


async def test_another_companys_things_are_not_there(client, database, company_id, ids):
    text_ = castle.CASTLE_FILE.read_text(encoding="utf-8").replace(castle.COMPANY, "Tower Ltd.")
    tower = await castle.load_venue(database, text_)
    await add_person(database, tower, "tom", Role.ADMIN)
    async with signed_in(client.app, "tom") as tom:
        form = FORM | {"csrf": await tom.token(), "slot": ids["slot_id"]}
        before = await state(database)
        for method, route in ROUTES:
            named = set(re.findall(r"\{(\w+)", route.path)) & set(ids)
            # A partner's id is the same at both, since both files say it.
            if not named or named <= {"kind_of_file", "path", "name", "partner_id"}:
                continue
            reply = await tom.http.request(method, address(route, ids), data=form)
            assert reply.status_code in (400, 404), (method, route.path, reply.status_code)
        assert await state(database) == before
