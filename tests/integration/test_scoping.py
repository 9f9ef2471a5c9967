"""Every route, tried with the key of somebody that it isn't for (cases: Tenancy).

What is somebody else's must look exactly like what never was: the same reply, by the same
statements, so that not even the time tells them apart.
"""

import asyncio
import re
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from sqlalchemy import event, text

from channel_manager.statements import Statement
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, PARTNER, order

OTHER_PARTNER = "99999999-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
OTHER_COMPANY = "FABRIKAM GmbH"
NEVER = "00000000-0000-7000-8000-000000000000"
ADDRESS = ("tenant", "environment", "company")
HOOK = {"notificationUrl": "http://127.0.0.1:9/hook", "eventName": "ota_cm_order_processed"}
# Bodies that are right in form, for routes that take one.
BODIES = {
    "replaceOrder": order(partnerId=OTHER_PARTNER),
    "confirmOrder": {"paymentReference": "P"},
    "rotateKey": {},
    "createOrder": order(),
    "createWebhook": HOOK,
    "createKey": {"partnerId": PARTNER},
    "replayWebhook": {"deliveryId": NEVER},
}
# Routes whose address names nothing of a partner's: what they may show or do is tested below.
NAMES_NOTHING = {
    "createOrder",
    "createWebhook",
    "listWebhooks",
    "listWebhooksSingular",
    "createKey",
    "listKeys",
    # A code is looked up within the key's scope; test_gate shows that a stranger's is not found.
    "tryCode",
    "admit",
    "tryAndAttemptAdmit",
    "uploadScans",
    # Reads the picture that it is sent, and nothing of ours.
    "readCodes",
    "listEntries",
    "countToday",
}
# A venue's own things, the same for each of its partners' keys.
SHARED_WITHIN_COMPANY = {"getCatalog", "searchTimeSlots", "searchCapacity"}
# Reached without a key: health, and pages that an unguessable id opens.
PUBLIC = {
    "healthz_healthz_get",
    "readyz_readyz_get",
    "prometheus_metrics_get",
    "getManifestPage",
    "getManifestPdf",
    "getManifestCalendar",
    "getManifestJson",
    "getLogo",
}


@pytest.fixture
async def theirs(client, database):
    """The ids of one partner's order, webhook and key, by the names that routes give them."""
    made = await client.post(f"{ORDERS_PATH}?sync=1", json=order(paymentReference=...))
    key = await client.post(f"{COMPANY_PATH}/keys", json={"partnerId": PARTNER})
    mine = {"x-np-api-key": key.json()["key"]}
    hook = await client.post(f"{COMPANY_PATH}/webhook", json=HOOK, headers=mine)
    return {
        "order_id": made.json()["orderId"],
        "subscription_id": hook.json()["id"],
        "key_id": key.json()["id"],
        "partner_id": PARTNER,
    }


@pytest.fixture
async def strangers(database, company_id):
    """Keys that reach none of it: another partner's, and another company's; with their address."""
    await _add_partner(database)
    venue = castle.CASTLE_FILE.read_text(encoding="utf-8").replace(castle.COMPANY, OTHER_COMPANY)
    other_company = await castle.load_venue(database, venue)
    other = await castle.make_key(database, company_id, partner=OTHER_PARTNER)
    return [
        (COMPANY_PATH, other),
        (
            COMPANY_PATH.replace("CRONUS%20International%20Ltd.", "FABRIKAM%20GmbH"),
            await castle.make_key(database, other_company),
        ),
    ]


async def _add_partner(database):
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "INSERT INTO partners SELECT company_id, CAST(:other AS uuid), 'Other', active,"
                " order_reference_pattern, hold_minutes, reject_unknown_fields, design"
                " FROM partners"
            ),
            {"other": OTHER_PARTNER},
        )


def operations(client):
    document = client.app.openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation["operationId"]


def names_in(path):
    return [name for name in re.findall(r"\{(\w+)\}", path) if name not in ADDRESS]


async def test_every_route_is_accounted_for(client, theirs):
    unknown = [
        (method, path)
        for method, path, name in operations(client)
        if name not in PUBLIC | NAMES_NOTHING | SHARED_WITHIN_COMPANY
        and not (names_in(path) and set(names_in(path)) <= set(theirs))
    ]
    assert not unknown, "say in this file how these are scoped"


@contextmanager
def statements(client):
    """The SQL that the application runs within the block."""
    seen = []
    asking = asyncio.current_task()

    def note(_conn, _cursor, statement, *_):
        # What the application does in the background by itself belongs to no request.
        if asyncio.current_task() is asking:
            seen.append(statement)

    engine = client.app.state.database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    in_order = Statement._in_order  # noqa: SLF001 - every statement sent to the driver passes it

    def note_prepared(statement, values):
        note(None, None, statement.text)
        return in_order(statement, values)

    with patch.object(Statement, "_in_order", note_prepared):
        yield seen
    event.remove(engine, "before_cursor_execute", note)


async def ask(client, key, method, path, body):
    with statements(client) as seen:
        reply = await client.request(method, path, json=body, headers={"x-np-api-key": key})
    headers = {
        name: value
        for name, value in reply.headers.items()
        if name != "x-request-id" and not name.startswith("ratelimit")
    }
    return (reply.status_code, reply.content, headers), seen


async def test_what_is_anothers_looks_like_what_never_was(client, theirs, strangers):
    tried = 0
    for base, key in strangers:
        for method, path, name in operations(client):
            names = names_in(path)
            if not names or name in SHARED_WITHIN_COMPANY | PUBLIC:
                continue
            address = path.replace("/{tenant}/{environment}/{company}", base)
            body = BODIES.get(name)
            real = await ask(client, key, method, address.format(**theirs), body)
            never = dict.fromkeys(theirs, NEVER)
            made_up = await ask(client, key, method, address.format(**never), body)
            if "partner_id" in names and base != COMPANY_PATH:
                # Partners are told apart by their ids within a company; this id is here too.
                continue
            assert real[0][0] == 404, (method, path, real)
            assert real[1], "the statements were seen"
            assert real == made_up, (method, path)
            tried += 1
    assert tried >= 15


async def test_lists_show_nothing_of_anothers(client, theirs, strangers):
    for base, key in strangers:
        for name in ("webhooks", "webhook", "keys"):
            reply = await client.get(f"{base}/{name}", headers={"x-np-api-key": key})
            assert reply.status_code == 200
            assert not [value for value in theirs.values() if value in reply.text]


async def test_nothing_is_made_for_another(client, theirs, strangers):
    (base, key), _ = strangers
    headers = {"x-np-api-key": key}
    foreign = await client.post(f"{base}/channelManager", json=order(), headers=headers)
    assert (foreign.status_code, foreign.json()["code"]) == (400, "unknown_partner")
    made_up = await client.post(
        f"{base}/channelManager", json=order(partnerId=NEVER), headers=headers
    )
    assert foreign.content == made_up.content
    replies = [
        await client.post(f"{base}/keys", json={"partnerId": partner}, headers=headers)
        for partner in (PARTNER, NEVER)
    ]
    assert [reply.status_code for reply in replies] == [400, 400]
    assert replies[0].content == replies[1].content
    hook = await client.post(f"{base}/webhook", json=HOOK, headers=headers)
    own = {"x-np-api-key": client.headers["x-np-api-key"]}
    listed = (await client.get(f"{base}/webhooks", headers=headers)).json()
    assert [entry["id"] for entry in listed] == [hook.json()["id"]]
    assert len((await client.get(f"{base}/webhooks", headers=own)).json()) == 2


async def test_a_key_opens_only_its_own_company(client, theirs, strangers):
    _, (_, key) = strangers
    for method, path, name in operations(client):
        if name in PUBLIC:
            continue
        address = path.replace("/{tenant}/{environment}/{company}", COMPANY_PATH)
        reply = await client.request(
            method,
            address.format(**theirs, store_code="ONLINE"),
            json=BODIES.get(name),
            headers={"x-np-api-key": key},
        )
        assert (reply.status_code, reply.json()["code"]) == (404, "saas_company_not_found")
