"""Signing in to the console by an OpenID Connect provider."""

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from channel_manager.console.roles import Role
from support.console import add_person, browser
from support.openid import CLIENT, SECRET, providing


@pytest.fixture
async def provider():
    async with providing() as provider:
        provider.claims = {"email": "Anna@venue.example", "email_verified": True}
        yield provider


@pytest.fixture
def settings(settings, provider):
    return settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SecretStr(SECRET),
        }
    )


@pytest.fixture
async def anna(client, database, company_id):
    return await add_person(database, company_id, "anna@venue.example", Role.ADMIN)


async def come_back(http, provider, **changes):
    begun = await http.get("/console/openid?next=/console/people")
    assert begun.status_code == 303, begun.text
    brought = provider.authorize(begun.headers["location"]) | changes
    return await http.get("/console/openid/back", params=brought)


async def test_whoever_the_venue_vouches_for_is_in(client, database, provider, anna):
    async with browser(client.app) as http:
        assert "/console/openid" in (await http.get("/console/sign-in")).text
        reply = await come_back(http, provider)
        assert (reply.status_code, reply.headers["location"]) == (303, "/console/people")
        assert (await http.get("/console/people")).status_code == 200
    assert provider.asked["redirect_uri"] == "http://venue.example/console/openid/back"
    async with database.read() as conn:
        told = (await conn.execute(text("SELECT actor, action FROM audit_events"))).all()
    assert ("user anna@venue.example", "console.sign-in") in told


@pytest.mark.parametrize(
    "claims",
    [
        {"email_verified": False},
        {"email_verified": None},
        {"email": ""},
        {"aud": "another-client"},
        {"iss": "http://elsewhere.example"},
        {"nonce": "another"},
        {"exp": 1_000_000_000},
        {"azp": "another-client"},
    ],
)
async def test_a_token_that_says_another_thing_is_no_good(client, provider, anna, claims):
    provider.claims |= claims
    async with browser(client.app) as http:
        reply = await come_back(http, provider)
        assert reply.status_code == 401
        assert "didn't go through" in reply.text
        assert (await http.get("/console")).status_code == 303


async def test_a_token_signed_by_somebody_else(client, provider, anna):
    provider.signing_key = type(provider.key).generate_key(2048)
    async with browser(client.app) as http:
        assert (await come_back(http, provider)).status_code == 401


async def test_somebody_who_was_never_let_in(client, provider, anna):
    provider.claims["email"] = "bo@venue.example"
    async with browser(client.app) as http:
        reply = await come_back(http, provider)
        assert reply.status_code == 401
        assert "were not let into the console" in reply.text


async def test_what_comes_back_must_be_what_was_begun(client, provider, anna):
    async with browser(client.app) as http:
        assert (await come_back(http, provider, state="another")).status_code == 401
        assert (await come_back(http, provider, code="another")).status_code == 401
        assert (await come_back(http, provider, error="access_denied")).status_code == 401
        http.cookies.clear()
        reply = await http.get("/console/openid/back", params={"code": "x", "state": "y"})
        assert reply.status_code == 401
        http.cookies.set("console_openid", "bm90IHNpZ25lZA==")
        reply = await http.get("/console/openid/back", params={"code": "x", "state": "é"})
        assert reply.status_code == 401


async def test_a_provider_that_is_away(client, anna, provider):
    client.app.state.openid.issuer = "http://127.0.0.1:9"
    async with browser(client.app) as http:
        reply = await http.get("/console/openid")
        assert reply.status_code == 503
        assert "can't be reached just now" in reply.text


async def test_one_that_calls_itself_by_another_name(client, anna, provider):
    client.app.state.openid.issuer += "/"
    async with browser(client.app) as http:
        assert (await http.get("/console/openid")).status_code == 503


async def test_without_a_provider_there_is_no_such_page(client, anna):
    client.app.state.openid = None
    async with browser(client.app) as http:
        assert "/console/openid" not in (await http.get("/console/sign-in")).text
        assert (await http.get("/console/openid")).status_code == 404
