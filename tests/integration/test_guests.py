from sqlalchemy import text

from channel_manager.cli.companies import operator_access
from channel_manager.companies.service import find_company
from channel_manager.orders.guests import erase_guest, export_guest, pseudonymise_old_orders
from support.castle import COMPANY_PATH, ORDERS_PATH, line, order

EVERYTHING = """
    SELECT (SELECT json_agg(o) FROM orders o)::text || (SELECT json_agg(l) FROM order_lines l)::text
        || (SELECT json_agg(w) FROM wallets w)::text
        || coalesce((SELECT string_agg(convert_from(body, 'UTF8'), '')
            FROM idempotent_replies), '')
        || (SELECT json_agg(a) FROM audit_events a)::text
"""
JANE, JOHN = "Jane.Doe@example.com", "john@example.com"


async def operator(database, company_id):
    async with database.read() as conn:
        return operator_access(await find_company(conn, company_id))


async def two_guests(client):
    body = order(
        sellToEmail=JANE,
        sellToName="Jane Doe",
        items=[
            line(quantity=1, wallet={"names": ["Jane Doe"]}),
            line(quantity=1, sellToEmail=JOHN, sellToName="John Roe"),
        ],
    )
    made = await client.post(f"{ORDERS_PATH}?sync=1", json=body, headers={"Idempotency-Key": "k"})
    return made.json()


async def kept(database):
    async with database.read() as conn:
        return await conn.scalar(text(EVERYTHING))


async def test_an_export_has_a_guests_lines_and_no_others(client, database, company_id):
    made = await two_guests(client)
    access = await operator(database, company_id)
    async with database.transaction() as conn:
        (jane,) = await export_guest(conn, access, "JANE.DOE@example.com")
        (john,) = await export_guest(conn, access, JOHN)
        assert await export_guest(conn, access, "nobody@example.com") == []
    assert (str(jane["order_id"]), jane["names"]) == (made["orderId"], ["Jane Doe"])
    assert john["line_name"] == "John Roe"
    assert "Jane" not in str(john)


async def test_an_erased_guest_is_nowhere_and_the_figures_stay(client, database, company_id):
    made = await two_guests(client)
    number = made["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
    scanned = await client.post(
        f"{COMPANY_PATH}/speedgate/tryAndAttemptAdmit",
        json={"referenceNumber": number},
        headers={"Idempotency-Key": "scan"},
    )
    assert "Jane" in scanned.text
    assert "Jane" in await kept(database)
    access = await operator(database, company_id)
    async with database.transaction() as conn:
        assert (await erase_guest(conn, access, JANE)).orders == 1
    left = await kept(database)
    assert "Jane" not in left
    assert "John Roe" in left
    now = (await client.get(f"{ORDERS_PATH}/{made['orderId']}")).json()
    wallets = [[item["wallets"][0] for item in shown["items"]] for shown in (made, now)]
    for before, after in zip(*wallets, strict=True):
        assert before | {"name": ""} == after | {"name": ""}
    assert (now["sellToEmail"], now["status"]) == ("", "Issued")


async def test_old_orders_lose_their_guests_and_recent_ones_do_not(client, database):
    old, _ = await two_guests(client), await client.post(f"{ORDERS_PATH}?sync=1", json=order())
    wanted = {"id": old["orderId"]}
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE orders SET received_at = now() - interval '99 days' WHERE order_id = :id"),
            wanted,
        )
        await conn.execute(
            text("UPDATE order_lines SET visit_date = current_date - 31 WHERE order_id = :id"),
            wanted,
        )
    assert await pseudonymise_old_orders(database, 40) == 0
    assert await pseudonymise_old_orders(database, 30) == 1
    assert await pseudonymise_old_orders(database, 30) == 0
    shown = (await client.get(f"{ORDERS_PATH}/{old['orderId']}")).json()
    assert shown["sellToEmail"].startswith("guest-")
    assert shown["sellToEmail"] == shown["items"][0]["sellToEmail"]
    assert shown["sellToEmail"] != shown["items"][1]["sellToEmail"]
    left = await kept(database)
    assert "John Roe" not in left
    assert JANE not in left
    assert "guest@example.com" in left
