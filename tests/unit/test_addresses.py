import json
from urllib.parse import quote

import pytest
from fastapi import FastAPI, Request
from hypothesis import example, given
from hypothesis import strategies as st

from channel_manager.addresses import NOWHERE, Address, BadPath, CompanyAddress, read_path

TENANT = "11111111-2222-3333-4444-55555555aaaa"
COMPANIES = [
    "CRONUS International Ltd.",
    "100% Fun",
    "100%",
    "A%B",
    "A/B Ltd",
    "Salt+Pepper & Co",
    "Ærø Slot",
    "王宮?#[]",
    "a%zz /%",
]


def once(text: str) -> str:
    return quote(text, safe="")


def company_path(company: str, rest: str = "channelManager") -> bytes:
    return f"/{TENANT}/production/{company}/{rest}".encode()


async def call(app, raw_path, **more):
    """What an ASGI app answers to a GET: status and body."""
    sent = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/as-decoded-by-the-server",
        "raw_path": raw_path,
        "query_string": b"",
        "headers": [],
        "root_path": "",
        **more,
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


def routed() -> CompanyAddress:
    app = FastAPI(redirect_slashes=False)

    @app.get("/healthz")
    async def health() -> str:
        return "ok"

    @app.get("/{tenant}/{environment}/{company}/channelManager/{order_id}")
    async def order(
        request: Request, tenant: str, environment: str, company: str, order_id: str
    ) -> list[str]:
        address = request.state.company_address
        return [address.tenant, address.environment, address.company, order_id]

    return CompanyAddress(app)


@pytest.mark.parametrize("company", COMPANIES)
@pytest.mark.parametrize("encode", [once, lambda text: once(once(text))], ids=["once", "twice"])
async def test_a_company_is_reached_encoded_once_or_twice(company, encode):
    status, body = await call(routed(), company_path(encode(company), "channelManager/42"))
    assert status == 200
    assert json.loads(body) == [TENANT, "production", company, "42"]


def test_a_name_that_itself_reads_as_encoded_needs_the_double_encoding():
    assert read_path(company_path("A%2520B"))[1].company == "A B"
    assert read_path(company_path(once(once("A%20B"))))[1].company == "A%20B"


def test_a_name_is_never_decoded_a_third_time():
    assert read_path(company_path("A%252520B"))[1].company == "A%20B"


def test_a_percent_beside_a_space_is_a_percent():
    assert read_path(company_path(once("50%20 x")))[1].company == "50%20 x"


@pytest.mark.parametrize(
    ("sent", "order_id"),
    [("AB%2FCD", "AB%2FCD"), ("AB%252FCD", "AB%2FCD"), ("a+b", "a+b"), ("a%2520b", "a%20b")],
)
async def test_a_slash_inside_a_segment_makes_no_other_segment(sent, order_id):
    status, body = await call(routed(), company_path("C", f"channelManager/{sent}"))
    assert (status, json.loads(body)[-1]) == (200, order_id)


@pytest.mark.parametrize(
    "raw",
    [
        b"/%zz",
        b"/a%",
        b"/a%2",
        b"/%ff",
        b"/\xff",
        b"/%ed%a0%80",
        b"/a%00b",
        b"/a//b",
        b"//healthz",
        b"/../healthz",
        b"/x/%2e%2E/healthz",
        b"/./healthz",
        b"/healthz/..",
        b"/healthz/%2e",
        b"*",
        b"http://example.com/healthz",
        company_path("%2500", "channelManager/1"),
        company_path("%252e%252e", "channelManager/1"),
        company_path("", "channelManager/1"),
        company_path("C", "channelManager/%2e%2e"),
    ],
)
async def test_a_path_that_cannot_be_meant_is_the_ordinary_404(raw):
    status, body = await call(routed(), raw)
    assert (status, json.loads(body)) == (
        404,
        {"code": "resource_not_found", "message": "There is nothing at this address."},
    )


@pytest.mark.parametrize("path", ["/", "/healthz", "/docs/", "/wallets/manifest", "/octo/a%20b"])
def test_other_paths_stay_as_they_are_and_name_no_company(path):
    assert read_path(path.encode()) == (path.replace("%20", " "), NOWHERE)


def test_what_does_not_start_with_a_tenant_names_no_company():
    assert read_path(b"/tenant/production/A%2520B/channelManager") == (
        "/tenant/production/A%20B/channelManager",
        NOWHERE,
    )
    assert read_path(company_path("C").rpartition(b"/")[0])[1] == NOWHERE


async def test_without_a_raw_path_the_decoded_one_is_taken_for_what_was_sent():
    path = company_path("Ærø 100% Slot", "channelManager/1").decode()
    status, body = await call(routed(), None, path=path)
    assert (status, json.loads(body)[2]) == (200, "Ærø 100% Slot")
    assert (await call(routed(), None, path="/\udcff"))[0] == 404


async def test_what_is_not_http_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    await CompanyAddress(app)({"type": "lifespan"}, None, None)
    assert seen == [{"type": "lifespan"}]


# The router is to see one segment for each that was sent, whatever they hold.
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
sane = names.filter(lambda name: name not in (".", ".."))


@given(sane, st.sampled_from([1, 2]))
@example("%2F", 2)
def test_any_name_comes_back_in_one_segment(name, times):
    # Once: names that read as encoded are the documented exception.
    if times == 1 and "%" in name:
        name = name.replace("%", "% ")
    encoded = once(name) if times == 1 else once(once(name))
    path, address = read_path(company_path(encoded))
    assert address == Address(TENANT, "production", name)
    assert path.count("/") == 4


@given(st.binary(max_size=40) | st.text("%0257FfEe/.aA \x00", max_size=40).map(str.encode))
def test_any_path_is_read_or_refused(tail):
    for raw in (tail, b"/" + tail, company_path("C", "") + tail, company_path("").strip() + tail):
        try:
            path, _ = read_path(raw)
        except BadPath:
            continue
        assert path.count("/") == raw.count(b"/")
        assert "\x00" not in path
        assert not {".", ".."} & set(path.split("/"))
