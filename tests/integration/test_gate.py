"""The gate over HTTP."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from channel_manager.access.idempotency import forget_old_replies
from channel_manager.access.permissions import Permission
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, line, order
from support.webhooks import until

GATE = f"{COMPANY_PATH}/speedgate"


async def issue(client, database, **changes) -> dict:
    """An order whose tickets are good today."""
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order(**changes))).json()
    assert made["status"] in ("Issued", "Draft"), made
    await make_good_today(database)
    return made


async def make_good_today(database) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE assets SET valid_from = now() - interval '1 hour',"
                " valid_until = now() + interval '1 hour',"
                """ admits_to = '[{"admission": "CASTLE", "slotId": null}]'"""
            )
        )


def numbers(made) -> list[str]:
    return [
        asset["referenceNumber"]
        for item in made["items"]
        for wallet in item["wallets"]
        for asset in wallet["assets"]
    ]


async def scan(client, reference, path="tryAndAttemptAdmit", **body):
    headers = body.pop("headers", None)
    asked = {"referenceNumber": reference, "admissionCode": "CASTLE", "scannerId": "S1"} | body
    reply = await client.post(f"{GATE}/{path}", json=asked, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_try_lets_nobody_in_and_its_token_does_once(client, database):
    (number, _) = numbers(await issue(client, database))
    tried = await scan(client, number, "try")
    assert (tried["code"], tried["admitted"]) == ("ok", 0)
    assert (await scan(client, number, "try"))["code"] == "ok"
    token = tried["tickets"][0]["token"]
    admitted = await client.post(f"{GATE}/admit", json={"tokens": [{"token": token}]})
    assert (admitted.status_code, admitted.json()["admitted"]) == (200, 1)
    again = await client.post(f"{GATE}/admit", json={"tokens": [{"token": token}]})
    assert (again.status_code, again.json()["code"]) == (400, "already_admitted")


async def test_tokens_are_admitted_all_or_none(client, database):
    first, second = numbers(await issue(client, database))
    tokens = [
        {"token": (await scan(client, number, "try"))["tickets"][0]["token"]}
        for number in (first, second)
    ]
    await scan(client, second)
    refused = await client.post(f"{GATE}/admit", json={"tokens": tokens})
    assert (refused.status_code, refused.json()["code"]) == (400, "already_admitted")
    assert (await scan(client, first))["admitted"] == 1


async def test_one_token_twice_in_a_request_is_not_two_entries(client, database):
    number, _ = numbers(await issue(client, database))
    token = (await scan(client, number, "try"))["tickets"][0]["token"]
    reply = await client.post(f"{GATE}/admit", json={"tokens": [{"token": token}] * 2})
    assert (reply.status_code, reply.json()["code"]) == (400, "already_admitted")
    assert (await scan(client, number))["admitted"] == 1


@pytest.mark.parametrize("decoration", ["{}\r\n", "  {}", "\t{}\t"])
async def test_white_space_around_a_code_is_trimmed(client, database, decoration):
    number, _ = numbers(await issue(client, database))
    assert (await scan(client, decoration.format(number)))["admitted"] == 1


async def test_a_code_is_never_a_number(client, database):
    wallet = {"externalReferenceNumbers": ["000123", "123"]}
    made = await issue(client, database, items=[line(wallet=wallet)])
    first, second = numbers(made)
    found = await scan(client, "000123", "try")
    assert [t["referenceNumber"] for t in found["tickets"]] == [first]
    found = await scan(client, "123", "try")
    assert [t["referenceNumber"] for t in found["tickets"]] == [second]
    reply = await client.post(f"{GATE}/try", json={"referenceNumber": 123})
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (400, "referenceNumber")


async def test_a_wallets_number_and_the_partners_reference_find_its_tickets(client, database):
    wallet = {"externalReferenceNumbers": ["MINE-1", "MINE-2"]}
    made = await issue(client, database, items=[line(wallet=wallet)])
    first, second = numbers(made)
    shown = made["items"][0]["wallets"][0]["walletReferenceNumber"]
    assert [t["referenceNumber"] for t in (await scan(client, shown, "try"))["tickets"]] == [first]
    assert (await scan(client, "MINE-2"))["tickets"][0]["referenceNumber"] == second


async def test_refusals_by_state(client, database):
    draft = await issue(client, database, paymentReference=...)
    assert (await scan(client, numbers(draft)[0]))["code"] == "missing_payment"
    issued = await issue(client, database)
    assert (await scan(client, numbers(issued)[0], admissionCode="MUSEUM"))["code"] == (
        "wrong_admission"
    )
    assert (await scan(client, "NOPE"))["code"] == "not_found"
    await client.delete(f"{ORDERS_PATH}/{issued['orderId']}")
    assert (await scan(client, numbers(issued)[0]))["code"] == "ticket_cancelled"


async def test_the_day_of_a_ticket(client, database):
    later = (await client.post(f"{ORDERS_PATH}?sync=1", json=order())).json()
    assert (await scan(client, numbers(later)[0], admissionCode=""))["code"] == "not_valid_yet"


async def test_an_order_that_was_admitted_can_not_be_deleted(client, database):
    made = await issue(client, database)
    await scan(client, numbers(made)[0])
    reply = await client.delete(f"{ORDERS_PATH}/{made['orderId']}")
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_status")
    assert (await client.get(f"{ORDERS_PATH}/{made['orderId']}")).json()["status"] == "Issued"


async def test_the_scanners_repeat_is_still_green(client, database):
    number, other = numbers(await issue(client, database))
    headers = {"Idempotency-Key": "scan-1"}
    first = await scan(client, number, headers=headers)
    again = await scan(client, number, headers=headers)
    assert first == again
    assert (first["code"], first["admitted"]) == ("ok", 1)
    clash = await client.post(
        f"{GATE}/tryAndAttemptAdmit", json={"referenceNumber": other}, headers=headers
    )
    assert (clash.status_code, clash.json()["code"]) == (409, "idempotency_conflict")


async def test_offline_scans_are_recorded_as_they_happened(client, database):
    first, second = numbers(await issue(client, database))
    await scan(client, first)
    earlier = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    scans = [
        {"scanId": "o-1", "referenceNumber": first, "scannedAt": earlier, "scannerId": "S9"},
        {"scanId": "o-2", "referenceNumber": second, "scannedAt": earlier, "scannerId": "S9"},
        {"scanId": "o-3", "referenceNumber": "NOPE", "scannedAt": earlier},
    ]
    for _ in range(2):
        reply = await client.post(f"{GATE}/scans", json={"scans": scans})
        shown = {s["scanId"]: (s["recorded"], s["conflict"]) for s in reply.json()["scans"]}
        assert shown == {
            "o-1": (True, "already_admitted"),
            "o-2": (True, ""),
            "o-3": (False, "not_found"),
        }
    history = (await client.get(f"{GATE}/entries", params={"referenceNumber": first})).json()
    assert [(e["scannerId"], e["conflict"]) for e in history] == [
        ("S9", "already_admitted"),
        ("S1", ""),
    ]
    assert (await scan(client, second))["code"] == "already_admitted"
    today = (await client.get(f"{GATE}/today", params={"admissionCode": "CASTLE"})).json()
    assert today["admitted"] >= 1


async def test_another_partners_tickets_and_a_key_without_the_gate(client, database, company_id):
    made = await issue(client, database)
    other = "99999999-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
    venue = castle.CASTLE_FILE.read_text(encoding="utf-8")
    await castle.load_venue(
        database, venue.replace("partners:\n", f"partners:\n  - id: {other}\n    name: Other\n", 1)
    )
    client.headers["x-np-api-key"] = await castle.make_key(database, company_id, partner=other)
    foreign, never = await scan(client, numbers(made)[0]), await scan(client, "NOPE")
    assert foreign["code"] == never["code"] == "not_found"
    client.headers["x-np-api-key"] = await castle.make_key(
        database, company_id, permissions=(Permission.ORDERS_READ,)
    )
    reply = await client.post(f"{GATE}/try", json={"referenceNumber": "X"})
    assert reply.status_code == 403


async def test_a_group_enters_in_parts(client, database):
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE ticket_types SET is_group = true"))
        await conn.execute(text("UPDATE companies SET catalog_version = catalog_version + 1"))
    made = await issue(client, database, items=[line(quantity=10)])
    (number,) = numbers(made)
    assert (await scan(client, number, quantity=4))["admitted"] == 4
    assert (await scan(client, number, quantity=7))["code"] == "already_admitted"
    assert (await scan(client, number))["admitted"] == 6
    assert (await scan(client, number))["code"] == "already_admitted"


async def test_cancel_against_admit_200_times_one_wins(client, database):
    for _ in range(200):
        made = (
            await client.post(f"{ORDERS_PATH}?sync=1", json=order(items=[line(quantity=1)]))
        ).json()
        await make_good_today(database)
        admitted, deleted = await asyncio.gather(
            scan(client, numbers(made)[0]), client.delete(f"{ORDERS_PATH}/{made['orderId']}")
        )
        outcome = (admitted["code"], deleted.status_code)
        assert outcome in (("ok", 400), ("ticket_cancelled", 200)), outcome


async def test_many_scanners_let_in_no_more_than_a_ticket_is_good_for(client, database):
    made = await issue(client, database, items=[line(quantity=1)])
    (number,) = numbers(made)
    scans = await asyncio.gather(*(scan(client, number, scannerId=f"S{n}") for n in range(10)))
    codes = [answer["code"] for answer in scans]
    assert (codes.count("ok"), codes.count("already_admitted")) == (1, 9)
    async with database.read() as conn:
        entered = await conn.scalar(text("SELECT sum(quantity) FROM gate_entries"))
    assert entered == 1


async def test_a_ticket_that_is_cancelled_as_it_is_scanned_lets_nobody_in(client, database):
    """The scan has read the ticket before the cancellation is committed, and waits for it."""

    async def somebody_waits():
        async with database.read() as conn:
            return await conn.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))

    made = await issue(client, database, items=[line(quantity=1)])
    (number,) = numbers(made)
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE assets SET voided_at = now()"))
        waiting = asyncio.create_task(scan(client, number))
        await until(somebody_waits, seconds=10)
    answer = await waiting
    assert (answer["code"], answer["admitted"]) == ("ticket_cancelled", 0)


async def test_first_replies_are_forgotten_after_their_days(client, database):
    repeated = {"Idempotency-Key": "scan-1"}
    body = {"referenceNumber": "NOBODY'S"}
    for _ in range(2):
        await client.post(f"{GATE}/tryAndAttemptAdmit", json=body, headers=repeated)
    assert await forget_old_replies(database, days=1) == 0
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE idempotent_replies SET created_at = now() - interval '25 hours'")
        )
    assert await forget_old_replies(database, days=1) == 1
    assert await forget_old_replies(database, days=1) == 0


@pytest.mark.parametrize(
    "statement", ["UPDATE gate_entries SET quantity = 0", "DELETE FROM gate_entries"]
)
async def test_what_happened_at_the_gate_stays(client, database, statement):
    (number, _) = numbers(await issue(client, database))
    await scan(client, number)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.transaction() as conn:
            await conn.execute(text(statement))


async def test_a_verdict_is_told_in_the_language_asked_for(client, database):
    number, _ = numbers(await issue(client, database))
    german = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
    assert (await scan(client, number, headers=german))["message"] == "Willkommen."
    again = await scan(client, number, headers=german)
    assert again["code"] == "already_admitted"
    assert again["message"].startswith("Bereits eingelassen am ")
    assert again["tickets"][0]["message"] == again["message"]
    unknown = await scan(client, "NOPE", headers={"Accept-Language": "tlh"})
    assert unknown["message"] == "There is no such ticket."
