"""The reference's walk-through, call by call, through curl against the real command."""

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import unquote

import httpx
import pytest
from standardwebhooks import Webhook

from support import castle
from support.receiver import Receiver, receiving
from support.service import Service, command, curl, serving, settled

# As in the reference: the company's name is percent-encoded twice.
ADDRESS = "/01234567-89ab-cdef-0123-456789abcdef/production/CRONUS%2520International%2520Ltd."
PARTNER = "21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
VISIT_DATE = castle.soon(30)
CREATE = {
    "partnerId": PARTNER,
    "sellToOrderReference": "PARTNER-ORDER-2026-00042",
    "items": [
        {
            "itemNumber": "31001",
            "visitDate": VISIT_DATE,
            "visitTime": "10:30:00",
            "quantity": 2,
            "wallet": {
                "names": ["Jane Doe", "John Doe"],
                "externalReferenceNumbers": ["JD-2026-001", "JOHN-2026-001"],
            },
        }
    ],
    "sellToEmail": "guest@example.com",
    "sellToName": "Jane Doe",
    "sellToLanguage": "ENU",
    "paymentReference": "PAY-987654",
}
REPLACE = {name: value for name, value in CREATE.items() if name != "paymentReference"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
HEAD = [
    "orderId",
    "status",
    "statusMessage",
    "partnerId",
    "sellToOrderReference",
    "buyFromOrderReference",
    "receivedAt",
]
TAIL = ["sellToEmail", "sellToName", "sellToLanguage", "paymentReference"]


class Partner:
    """A partner's integration, whose only tool is curl."""

    def __init__(self, service: Service, key: str) -> None:
        self.base = service.base + ADDRESS
        self.key = key

    async def call(self, *arguments: str, path: str, body: object = None):
        given = ["-H", f"x-np-api-key: {self.key}", *arguments]
        if body is not None:
            given += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        return await curl(*given, f"{self.base}{path}")

    async def settled(self, order_id: str):
        async with httpx.AsyncClient(headers={"x-np-api-key": self.key}) as client:
            return await settled(client, f"{self.base}/channelManager/{order_id}")


@pytest.fixture(scope="module")
async def service(tmp_path_factory) -> AsyncIterator[Service]:
    env = {
        "CHANNEL_MANAGER_HOME": str(tmp_path_factory.mktemp("home")),
        "CHANNEL_MANAGER_DEVELOPMENT": "true",
        "CHANNEL_MANAGER_PUBLIC_URL": "http://venue.example",
    }
    code, _, err = await command("import", str(castle.CASTLE_FILE), env=env)
    assert code == 0, err
    async with serving(env) as running:
        yield running


@pytest.fixture(scope="module")
async def partner(service) -> Partner:
    code, out, err = await command("key", "create", env=service.env)
    assert code == 0, err
    return Partner(service, out.splitlines()[-1])


@pytest.fixture(scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


@pytest.fixture(scope="module")
async def secret(partner, receiver) -> str:
    """Step 1: choose how to be notified."""
    status, body, _ = await partner.call(
        path="/webhook",
        body={
            "notificationUrl": receiver.url,
            "eventName": "ota_cm_order_processed",
            "appId": "example-travel",
            "clientState": "Søren Ærø 🎟️ 王",
        },
    )
    assert status == 201
    assert UUID.fullmatch(body["id"])
    return body["secret"]


def check_in_flight(body, *, payment="PAY-987654"):
    assert list(body) == [*HEAD, "items", *TAIL]
    assert UUID.fullmatch(body["orderId"])
    assert body["status"] == "Submitted"
    assert body["statusMessage"] == ""
    assert body["partnerId"] == PARTNER
    assert body["sellToOrderReference"] == "PARTNER-ORDER-2026-00042"
    assert re.fullmatch(r"CM-\d{14}-[A-Z0-9]{4}", body["buyFromOrderReference"])
    assert INSTANT.fullmatch(body["receivedAt"])
    assert body["items"] == []
    assert body["sellToEmail"] == "guest@example.com"
    assert body["sellToName"] == "Jane Doe"
    assert body["sellToLanguage"] == "ENU"
    assert body["paymentReference"] == payment


def check_settled(body, *, status="Issued", payment="PAY-987654"):
    issued = status == "Issued"
    assert list(body) == [*HEAD, "items", *TAIL, "jobId", *(["manifestUrl"] if issued else [])]
    assert (body["status"], body["statusMessage"]) == (status, "")
    assert body["paymentReference"] == payment
    assert re.fullmatch(r"TM-IMPORT-\d{6,}", body["jobId"])
    (item,) = body["items"]
    wallets = item.pop("wallets")
    assert item == {
        "lineNo": 100000,
        "itemNumber": "31001",
        "description": "Castle Admission",
        "isPackage": False,
        "quantity": 2,
        "visitDate": VISIT_DATE,
        "visitTime": "10:30:00",
        "sellToName": "Jane Doe",
        "sellToEmail": "guest@example.com",
        "sellToLanguage": "ENU",
    }
    names = [("Jane Doe", "JD-2026-001"), ("John Doe", "JOHN-2026-001")]
    for seq_no, (wallet, (name, external)) in enumerate(zip(wallets, names, strict=True), start=1):
        check_wallet(wallet, seq_no, name, external, issued=issued)
    item["wallets"] = wallets
    if issued:
        assert_manifest_url(body["manifestUrl"])


def check_wallet(wallet, seq_no, name, external, *, issued):
    assert list(wallet) == [
        "seqNo",
        "assets",
        "walletId",
        "walletReferenceNumber",
        "externalReferenceNumber",
        "name",
        "issuedAt",
        "unitPriceExclVat",
        "unitPriceInclVat",
        "currencyCode",
        *(["manifestUrl"] if issued else []),
    ]
    assert wallet["seqNo"] == seq_no
    assert UUID.fullmatch(wallet["walletId"])
    assert re.fullmatch(r"[1-9]\d{17}", wallet["walletReferenceNumber"])
    assert wallet["externalReferenceNumber"] == external
    assert wallet["name"] == name
    assert INSTANT.fullmatch(wallet["issuedAt"])
    assert (wallet["unitPriceExclVat"], wallet["unitPriceInclVat"]) == (80, 100)
    assert wallet["currencyCode"] == "DKK"
    if issued:
        assert_manifest_url(wallet["manifestUrl"])
    (asset,) = wallet["assets"]
    assert list(asset) == [
        "id",
        "type",
        "assetId",
        "referenceNumber",
        "itemNumber",
        "description",
    ]
    assert UUID.fullmatch(asset["id"])
    assert UUID.fullmatch(asset["assetId"])
    assert asset["type"] == "ticket"
    assert re.fullmatch(r"ATF-[A-Z0-9]{10}-\d+", asset["referenceNumber"])
    assert (asset["itemNumber"], asset["description"]) == ("31001", "Castle Admission")


def assert_manifest_url(url):
    prefix = "http://venue.example/wallets/manifest?mid="
    assert url.startswith(prefix)
    assert UUID.fullmatch(url.removeprefix(prefix))


async def test_the_walk_through(service, partner, receiver, secret):
    # 2 - Submit the order
    status, created, headers = await partner.call(path="/channelManager", body=CREATE)
    assert status == 201
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"]
    check_in_flight(created)
    order_id, reference = created["orderId"], created["buyFromOrderReference"]
    order_path = f"/channelManager/{order_id}"

    # 3 - Receive the completion
    check_event((await receiver.wait_for(1))[0], secret, created, "Issued")
    status, issued, _ = await partner.call(path=order_path)
    assert status == 200
    check_settled(issued)
    assert {k: issued[k] for k in ("orderId", "buyFromOrderReference", "receivedAt")} == {
        k: created[k] for k in ("orderId", "buyFromOrderReference", "receivedAt")
    }
    await check_manifests(service, issued)

    # 4 - Confirm: a no-op on an Issued order
    confirmation = {"paymentReference": "PAY-987654"}
    status, confirmed, _ = await partner.call(path=f"{order_path}/confirm", body=confirmation)
    assert (status, confirmed) == (200, issued)

    # 5 - Replace: refused now that it is Issued
    status, refused, _ = await partner.call("-X", "PUT", path=order_path, body=REPLACE)
    assert (status, refused["code"], refused["status"]) == (400, "invalid_status", "Issued")
    assert (await partner.call(path=order_path))[1] == issued

    # 6 - Cancel
    status, cancelled, _ = await partner.call("-X", "DELETE", path=order_path)
    assert status == 200
    assert cancelled["status"] == "Cancelled"
    assert [item["wallets"] for item in cancelled["items"]] == [[]]
    status, again, _ = await partner.call("-X", "DELETE", path=order_path)
    assert (status, again) == (200, cancelled)

    # 7 - Look up
    status, listed, _ = await partner.call(
        "-G", "-d", "status=Cancelled", path=f"/channelManager/orders/{PARTNER}"
    )
    assert status == 200
    assert [(entry["orderId"], entry["buyFromOrderReference"]) for entry in listed] == [
        (order_id, reference)
    ]


async def test_the_two_step_order(partner, receiver, secret):
    """Steps 2 to 7 for an order that is paid for later."""
    unpaid = REPLACE | {"sellToOrderReference": "PARTNER-ORDER-2026-00043"}
    for entry in unpaid["items"]:
        entry["wallet"]["externalReferenceNumbers"] = ["JD-2026-002", "JOHN-2026-002"]
    seen = len(receiver.received)
    status, created, _ = await partner.call(path="/channelManager", body=unpaid)
    assert (status, created["status"], created["paymentReference"]) == (201, "Submitted", "")
    order_path = f"/channelManager/{created['orderId']}"

    # 3 - settles as Draft: minted, no page yet
    draft = await partner.settled(created["orderId"])
    assert (draft["status"], "manifestUrl" in draft) == ("Draft", False)
    wallets = draft["items"][0]["wallets"]
    assert [len(wallet["assets"]) for wallet in wallets] == [1, 1]
    assert not any("manifestUrl" in wallet for wallet in wallets)
    check_event((await receiver.wait_for(seen + 1))[seen], secret, created, "Draft")

    # 5 - Replace the draft: the same order is Submitted again, its tickets are new
    status, replaced, _ = await partner.call("-X", "PUT", path=order_path, body=unpaid)
    assert (status, replaced["status"]) == (200, "Submitted")
    assert {k: replaced[k] for k in HEAD} == {k: created[k] for k in HEAD}
    redone = await partner.settled(created["orderId"])
    assert redone["status"] == "Draft"
    assert redone["jobId"] != draft["jobId"]
    old, new = ticket_numbers(draft), ticket_numbers(redone)
    assert len(old) == len(new) == 2
    assert not old & new
    check_event((await receiver.wait_for(seen + 2))[seen + 1], secret, created, "Draft")

    # 4 - Confirm payment after the fact
    status, issued, _ = await partner.call(
        path=f"{order_path}/confirm", body={"paymentReference": "PAY-987654"}
    )
    assert (status, issued["status"], issued["paymentReference"]) == (200, "Issued", "PAY-987654")
    assert ticket_numbers(issued) == new
    assert_manifest_url(issued["manifestUrl"])

    # 7 - Look up by status and time
    status, listed, _ = await partner.call(
        "-G",
        "-d",
        "status=Issued",
        "--data-urlencode",
        f"receivedAtFrom={created['receivedAt']}",
        "--data-urlencode",
        f"receivedAtTo={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        path=f"/channelManager/orders/{PARTNER}",
    )
    assert status == 200
    (entry,) = listed
    assert list(entry) == [*HEAD, *TAIL, "jobId", "manifestUrl"]
    assert entry == {name: value for name, value in issued.items() if name != "items"}


async def test_a_deleted_draft_is_gone(partner):
    unpaid = REPLACE | {
        "sellToOrderReference": "PARTNER-ORDER-2026-00044",
        "items": [{"itemNumber": "31001", "visitDate": VISIT_DATE, "visitTime": "10:30:00"}],
    }
    _, created, _ = await partner.call(path="/channelManager", body=unpaid)
    await partner.settled(created["orderId"])
    path = f"/channelManager/{created['orderId']}"
    status, gone, _ = await partner.call("-X", "DELETE", path=path)
    assert (status, gone["status"]) == (200, "Cancelled")
    status, missing, _ = await partner.call(path=path)
    assert (status, missing["code"]) == (404, "resource_not_found")


async def test_the_company_may_be_encoded_once(service, partner):
    once = unquote(ADDRESS)
    assert "%20" in once
    status, listed, _ = await curl(
        "-H",
        f"x-np-api-key: {partner.key}",
        f"{service.base}{once}/channelManager/orders/{PARTNER}",
    )
    assert (status, isinstance(listed, list)) == (200, True)


def ticket_numbers(order):
    return {
        asset["referenceNumber"]
        for item in order["items"]
        for wallet in item["wallets"]
        for asset in wallet["assets"]
    }


def check_event(received, secret, order, status):
    Webhook(secret).verify(received.body, received.headers)
    event = received.event
    assert list(event) == [
        "appId",
        "clientState",
        "companyId",
        "companyName",
        "eventName",
        "eventVersion",
        "timestamp",
        "payload",
    ]
    assert event["appId"] == "example-travel"
    assert event["clientState"] == "Søren Ærø 🎟️ 王"
    assert UUID.fullmatch(event["companyId"])
    assert event["companyName"] == "CRONUS International Ltd."
    assert (event["eventName"], event["eventVersion"]) == ("ota_cm_order_processed", "1.0")
    assert INSTANT.fullmatch(event["timestamp"])
    assert event["payload"] == {
        "orderId": order["orderId"],
        "buyFromOrderReference": order["buyFromOrderReference"],
        "status": status,
    }


async def check_manifests(service, issued):
    """Each address leads to a page that shows its tickets."""
    async with httpx.AsyncClient() as client:
        pages = {issued["manifestUrl"]: ticket_numbers(issued)}
        for wallet in issued["items"][0]["wallets"]:
            pages[wallet["manifestUrl"]] = {a["referenceNumber"] for a in wallet["assets"]}
        for url, numbers in pages.items():
            page = await client.get(url.replace("http://venue.example", service.base))
            assert page.status_code == 200
            assert {n for n in ticket_numbers(issued) if n in page.text} == numbers
