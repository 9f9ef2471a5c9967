"""Who gets into the console, for how long, and what stands in the way of others."""

import asyncio

import pytest
from sqlalchemy import text

from channel_manager.console.roles import Role
from channel_manager.console.sessions import forget_old_sessions
from support import castle
from support.console import PASSWORD, add_person, browser, signed_in

SECOND = castle.CASTLE_FILE.read_text("utf-8").replace(castle.COMPANY, "Tower Ltd.")


@pytest.fixture
async def app(client):
    return client.app


@pytest.fixture
async def anna(database, company_id):
    return await add_person(database, company_id, "anna", Role.ADMIN)


async def attempt(app, login, password, **headers):
    async with browser(app) as http:
        return await http.post(
            "/console/sign-in", data={"login": login, "password": password}, headers=headers
        )


async def test_a_stranger_is_led_to_the_form_and_back_to_where_they_wanted_to_go(app, anna):
    async with browser(app) as http:
        reply = await http.get("/console/people?x=1")
        assert reply.status_code == 303
        form = reply.headers["location"]
        assert form == "/console/sign-in?next=%2Fconsole%2Fpeople%3Fx%3D1"
        page = (await http.get(form)).text
        assert 'action="/console/sign-in?next=%2Fconsole%2Fpeople%3Fx%3D1"' in page
        reply = await http.post(form, data={"login": " Anna ", "password": PASSWORD})
        assert (reply.status_code, reply.headers["location"]) == (303, "/console/people?x=1")
        assert (await http.get("/console/people")).status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/console/../x\\y", "/consolex", "/docs", "\\\\e"],
)
async def test_the_way_back_leads_to_a_page_of_ours_only(app, anna, elsewhere):
    async with browser(app) as http:
        reply = await http.post(
            "/console/sign-in",
            params={"next": elsewhere},
            data={"login": "anna", "password": PASSWORD},
        )
    assert reply.headers["location"] == "/console"


async def test_a_wrong_login_and_a_wrong_password_look_alike(app, anna):
    wrong, nobody = await attempt(app, "anna", "x"), await attempt(app, "nobody", "x")
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.text.replace('value="anna"', "") == nobody.text.replace('value="nobody"', "")


async def test_guesses_of_one_login_are_limited_even_side_by_side(app, anna, database):
    replies = await asyncio.gather(*(attempt(app, "ANNA", f"guess {n}") for n in range(14)))
    codes = sorted(reply.status_code for reply in replies)
    assert codes.count(401) >= 10
    assert (await attempt(app, "anna", PASSWORD)).status_code == 429
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE console_sign_ins SET attempted_at = now() - interval '16 minutes'")
        )
    assert (await attempt(app, "anna", PASSWORD)).status_code == 303


async def test_guesses_from_one_address_are_limited_whatever_the_login(app, anna):
    for n in range(30):
        await attempt(app, f"login{n}", "x")
    assert (await attempt(app, "anna", PASSWORD)).status_code == 429


async def test_the_cookie_is_for_the_console_alone_and_out_of_reach_of_scripts(app, anna):
    reply = await attempt(app, "anna", PASSWORD)
    cookie = reply.headers["set-cookie"].lower()
    assert "path=/console" in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    async with browser(app) as http:
        http.base_url = "https://venue.example"
        reply = await http.post("/console/sign-in", data={"login": "anna", "password": PASSWORD})
    assert "secure" in reply.headers["set-cookie"].lower()


async def test_what_is_kept_opens_nothing(app, anna, database):
    async with signed_in(app, "anna") as visitor:
        cookie = visitor.http.cookies["console_session"]
        async with database.read() as conn:
            kept = (await conn.execute(text("SELECT * FROM console_sessions, console_users"))).all()
        assert cookie not in repr(kept)
        assert PASSWORD not in repr(kept)
        assert "$argon2id$" in repr(kept)


async def test_signing_out_ends_the_session_itself(app, anna):
    async with signed_in(app, "anna") as visitor:
        cookie = visitor.http.cookies["console_session"]
        await visitor.do("/sign-out")
        async with browser(app) as http:
            http.cookies.set("console_session", cookie, path="/console")
            assert (await http.get("/console")).status_code == 303


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE console_sessions SET expires_at = now()",
        "UPDATE console_sessions SET last_seen_at = now() - interval '2 hours 1 second'",
        "UPDATE console_users SET disabled_at = now()",
        "DELETE FROM console_roles",
    ],
)
async def test_a_session_ends_with_its_time_or_the_right_to_it(app, anna, database, change):
    async with signed_in(app, "anna") as visitor:
        await visitor.page("")
        async with database.transaction() as conn:
            await conn.execute(text(change))
        assert (await visitor.http.get("/console")).status_code == 303


async def test_a_session_in_use_goes_on_and_old_ones_are_removed(app, anna, database):
    async with signed_in(app, "anna") as visitor:
        async with database.transaction() as conn:
            await conn.execute(
                text("UPDATE console_sessions SET last_seen_at = now() - interval '1 hour'")
            )
        await visitor.page("")
        async with database.read() as conn:
            seen = await conn.scalar(text("SELECT now() - last_seen_at FROM console_sessions"))
        assert seen.total_seconds() < 60
        async with database.transaction() as conn:
            await conn.execute(text("UPDATE console_sessions SET expires_at = now()"))
            await conn.execute(
                text("UPDATE console_sign_ins SET attempted_at = now() - interval '2 days'")
            )
        await forget_old_sessions(database)
        async with database.read() as conn:
            left = await conn.scalar(text("SELECT count(*) FROM console_sessions"))
            attempts = await conn.scalar(text("SELECT count(*) FROM console_sign_ins"))
        assert (left, attempts) == (0, 0)


async def test_a_form_of_another_site_or_of_an_old_page_is_refused(app, anna):
    async with signed_in(app, "anna") as visitor:
        send = visitor.http.post
        assert (await send("/console/sign-out")).status_code == 403
        assert (await send("/console/sign-out", data={"csrf": "0" * 64})).status_code == 403
        assert (await send("/console/sign-out", data={"csrf": "é"})).status_code == 403
        for headers in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "https://evil.example"},
            {"origin": "null"},
        ):
            visitor.http.headers.update(headers)
            assert (await visitor.send("/sign-out")).status_code == 403
            for name in headers:
                del visitor.http.headers[name]
        await visitor.page("")
    reply = await attempt(app, "anna", PASSWORD, origin="https://evil.example")
    assert reply.status_code == 403
    assert "set-cookie" not in reply.headers


async def test_a_password_made_up_by_somebody_else_must_be_changed_first(app, anna):
    async with signed_in(app, "anna") as visitor:
        page = await visitor.do("/people", login="bo", role="viewer", name="Bo")
        password = page.split("<code data-copy>")[1].split("</code>")[0]
    async with signed_in(app, "bo", password) as bo:
        reply = await bo.http.get("/console")
        assert reply.headers["location"] == "/console/account"
        refused = await bo.send("/account/password", current=password, password="too short")
        assert refused.status_code == 400
        assert "at least 12 characters" in refused.text
        refused = await bo.send("/account/password", current="wrong", password=PASSWORD)
        assert "is not your password now" in refused.text
        async with signed_in(app, "bo", password) as elsewhere:
            assert "is changed" in await bo.do(
                "/account/password", current=password, password=PASSWORD
            )
            await bo.page("")
            assert (await elsewhere.http.get("/console")).status_code == 303
    assert (await attempt(app, "bo", password)).status_code == 401


async def test_the_last_admin_stays_and_roles_count_at_once(app, anna, database, company_id):
    bo = await add_person(database, company_id, "bo", Role.VIEWER)
    async with signed_in(app, "anna") as admin, signed_in(app, "bo") as other:
        assert (await other.http.get("/console/people")).status_code == 403
        assert (await admin.send(f"/people/{anna}/remove")).status_code == 403
        assert (await admin.send(f"/people/{anna}/role", role="viewer")).status_code == 403
        await admin.do(f"/people/{bo}/role", role="admin")
        await other.page("/people")
        # Each removes the other: one of them stays. Both have their forms before either goes.
        forms = [await admin.token(), await other.token()]
        replies = await asyncio.gather(
            admin.send(f"/people/{bo}/remove", csrf=forms[0]),
            other.send(f"/people/{anna}/remove", csrf=forms[1]),
        )
        done, refused = sorted(reply.status_code for reply in replies)
        assert (done, refused) in ((303, 401), (303, 403))
    async with database.read() as conn:
        admins = await conn.scalar(text("SELECT count(*) FROM console_roles WHERE role = 'admin'"))
        told = (await conn.execute(text("SELECT actor, action FROM audit_events"))).all()
    assert admins == 1
    assert ("user anna", "console.role") in told
    assert ("operator test", "console.add") in told


async def test_one_person_of_two_companies_turns_from_one_to_the_other(app, anna, database):
    tower = await castle.load_venue(database, SECOND)
    await add_person(database, tower, "anna", Role.VIEWER)
    async with signed_in(app, "anna") as visitor:
        assert castle.COMPANY in await visitor.page("")
        page = await visitor.page("/account")
        stale = page.split('name="csrf" value="')[1][:64]
        await visitor.do("/company", company=str(tower))
        assert "Tower Ltd." in await visitor.page("")
        # There they only look.
        assert (await visitor.http.get("/console/people")).status_code == 403
        reply = await visitor.http.post("/console/sign-out", data={"csrf": stale})
        assert reply.status_code == 403
        assert (await visitor.send("/company", company=str(castle.TENANT))).status_code == 404


async def test_an_admin_of_one_company_does_not_become_somebody_of_another(app, anna, database):
    tower = await castle.load_venue(database, SECOND)
    await add_person(database, tower, "carl", Role.ADMIN)
    async with signed_in(app, "carl") as carl:
        page = await carl.do("/people", login="anna", role="viewer")
        assert "signs in with the password they have" in page
        refused = await carl.send(f"/people/{anna}/password")
        assert refused.status_code == 403
    assert (await attempt(app, "anna", PASSWORD)).status_code == 303


async def test_pages_come_in_the_language_that_is_chosen(app, anna):
    async with browser(app) as http:
        assert "Sign in" in (await http.get("/console/sign-in")).text
        danish = await http.get("/console/sign-in", headers={"accept-language": "da-DK"})
        assert danish.headers["content-language"] == "da"
        assert "Log ind" in danish.text
        await http.post("/console/language", data={"language": "da"})
        assert "Log ind" in (await http.get("/console/sign-in")).text
    async with signed_in(app, "anna") as visitor:
        assert "<h1>I dag</h1>" not in await visitor.page("")
        await visitor.do("/account/language", language="da")
        assert "<h1>I dag</h1>" in await visitor.page("")


async def test_pages_may_load_nothing_from_elsewhere_and_are_kept_nowhere(app, anna):
    async with signed_in(app, "anna") as visitor:
        reply = await visitor.http.get("/console")
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert reply.headers["cache-control"] == "no-store"
        assert (await visitor.http.get("/console/static/../route.py")).status_code == 404
        assert (await visitor.http.get("/console/nothing")).status_code == 404
