"""What the harbour sells: packages, groups, coupons, languages (domain: Package, Coupon type)."""

import json
from collections import Counter
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import Submission
from support import harbour
from support.castle import soon
from support.harbour import HARBOUR, ORDERS_PATH, YEAR, key_to_harbour, line, on, order

MONDAY, SATURDAY = 0, 5


@pytest.fixture
async def harbour_client(client, database):
    client.headers.update(await key_to_harbour(database))
    return client


async def sell(client, body):
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=body)
    assert reply.status_code == 201, reply.text
    return json.loads(reply.text, parse_float=Decimal)


async def sold(client, *lines, **changes):
    made = await sell(client, order(*lines, **changes))
    assert made["status"] in ("Issued", "Draft"), made["statusMessage"]
    return made


async def rows(database, query, **values):
    async with database.transaction() as conn:
        return (await conn.execute(text(query), values)).mappings().all()


async def test_a_wallet_of_a_package_holds_every_component_as_often_as_it_says(harbour_client):
    made = await sold(harbour_client, line("5000", quantity=3))
    (item,) = made["items"]
    assert item["isPackage"] is True
    assert len(item["wallets"]) == 3
    for wallet in item["wallets"]:
        assert [(asset["itemNumber"], asset["type"]) for asset in wallet["assets"]] == [
            *[("1000", "ticket")] * 2,
            *[("1001", "ticket")] * 2,
            *[("2000", "ticket")] * 4,
            *[("4000", "coupon")] * 4,
        ]
        # 2 × 12.50 + 2 × 6 at half price + 4 × (20 − 2.50) + 4 × 0
        assert wallet["unitPriceInclVat"] == Decimal("101.00")


async def test_a_package_with_a_price_of_its_own_is_spread_over_its_parts(harbour_client, database):
    made = await sold(harbour_client, line("5001"))
    (wallet,) = made["items"][0]["wallets"]
    assert wallet["unitPriceInclVat"] == Decimal(30)
    parts = await rows(database, "SELECT * FROM assets ORDER BY position")
    # 30.00 in proportion to 12.50, 20.00 and 3.50, by largest remainder.
    assert [part["price_incl_vat"] for part in parts] == [
        Decimal("10.42"),
        Decimal("16.67"),
        Decimal("2.91"),
    ]
    assert wallet["unitPriceExclVat"] == sum(part["price_excl_vat"] for part in parts)


async def test_an_order_may_schedule_each_instance_of_a_component(harbour_client, database):
    days = [soon(8), soon(9)]
    schedule = [{"itemNumber": "2000", "visitDate": day, "visitTime": "14:00:00"} for day in days]
    made = await sold(harbour_client, line("5000", wallet={"componentSchedule": schedule}))
    assert made["items"][0]["componentSchedule"] == schedule
    boats = await rows(
        database, "SELECT * FROM assets WHERE item_number = '2000' ORDER BY position"
    )
    zone = ZoneInfo("Europe/Berlin")
    starts = [boat["valid_from"].astimezone(zone).date().isoformat() for boat in boats]
    assert starts == [*days, soon(), soon()]


async def test_a_component_scheduled_more_often_than_it_is_held_is_refused(harbour_client):
    entry = {"itemNumber": "2000", "visitDate": soon(8), "visitTime": "14:00:00"}
    body = order(line("5001", wallet={"componentSchedule": [entry, entry]}))
    reply = await harbour_client.post(ORDERS_PATH, json=body)
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["path"] == "items[0].wallet.componentSchedule[1].itemNumber"


async def test_a_group_line_makes_one_wallet_and_ticket_that_admits_its_quantity(
    harbour_client, database
):
    made = await sold(harbour_client, line("3000", quantity=25))
    (wallet,) = made["items"][0]["wallets"]
    (asset,) = wallet["assets"]
    # 8.40 without VAT at 7 % is 8.99 with it, times 25.
    assert wallet["unitPriceExclVat"] == Decimal("210.00")
    assert wallet["unitPriceInclVat"] == Decimal("224.75")
    (ticket,) = await rows(database, "SELECT * FROM assets")
    assert (ticket["admits"], ticket["reference_number"]) == (25, asset["referenceNumber"])


async def test_an_item_that_is_only_sold_in_packages_cannot_be_ordered(harbour_client):
    reply = await harbour_client.post(ORDERS_PATH, json=order(line("4000")))
    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_item")


async def test_a_coupon_is_not_valid_in_a_draft_and_valid_on_confirm(harbour_client, database):
    draft = await sold(harbour_client, line("4001"), paymentReference=...)
    assert draft["status"] == "Draft"
    (asset,) = draft["items"][0]["wallets"][0]["assets"]
    assert asset["type"] == "coupon"
    (coupon,) = await rows(database, "SELECT * FROM assets")
    assert coupon["valid_at"] is None
    path = f"{ORDERS_PATH}/{draft['orderId']}/confirm"
    reply = await harbour_client.post(path, json={"paymentReference": "PAY-1"})
    assert reply.json()["status"] == "Issued"
    (coupon,) = await rows(database, "SELECT * FROM assets")
    assert coupon["valid_at"] is not None
    assert coupon["terms"] == {"gives": {"percent": "10"}, "uses": 3}


async def test_coupons_are_void_on_replace_and_on_delete(harbour_client, database):
    first = order(line("4001"), paymentReference=...)
    made = await sell(harbour_client, first)
    path = f"{ORDERS_PATH}/{made['orderId']}"
    replaced = await harbour_client.put(f"{path}?sync=1", json=first)
    assert replaced.json()["status"] == "Draft"
    coupons = await rows(database, "SELECT * FROM assets ORDER BY submission")
    assert [coupon["voided_at"] is None for coupon in coupons] == [False, True]
    assert (await harbour_client.delete(path)).status_code == 200
    coupons = await rows(database, "SELECT * FROM assets")
    assert all(coupon["voided_at"] is not None for coupon in coupons)


async def test_tickets_and_coupons_are_valid_for_whole_days_at_the_venue(harbour_client, database):
    # The clocks go back on the last Sunday of October, so these two days are 49 hours long.
    day = date.fromisoformat(on(10, 24, SATURDAY))
    visit = {"visitDate": day.isoformat(), "visitTime": "10:00:00"}
    await sold(harbour_client, line("1000", **visit), line("4001", **visit))
    museum, shop = await rows(database, "SELECT * FROM assets ORDER BY item_number")
    zone = ZoneInfo("Europe/Berlin")
    starts = [datetime.combine(day + timedelta(days=n), time(), zone) for n in (0, 2, 365)]
    assert museum["valid_from"] == starts[0]
    assert museum["valid_until"] == starts[1]
    assert museum["valid_until"] - museum["valid_from"] == timedelta(hours=49)
    assert shop["valid_until"] == starts[2]
    assert museum["terms"] == {"entries": "once_a_day"}


@pytest.mark.parametrize(
    ("language", "described"),
    [
        ("ENU", ["Museum, boat and drink", "Harbour museum"]),
        ("en-GB", ["Museum, boat and drink", "Harbour museum"]),
        ("DAN", ["Museum, båd og drik", "Havnemuseum"]),
        ("da", ["Museum, båd og drik", "Havnemuseum"]),
        # Not translated: the company's language.
        ("FRA", ["Museum, Schiff und Getränk", "Hafenmuseum"]),
        (..., ["Museum, Schiff und Getränk", "Hafenmuseum"]),
    ],
)
async def test_descriptions_are_in_the_lines_language(harbour_client, language, described):
    made = await sold(harbour_client, line("5001"), sellToLanguage=language)
    (item,) = made["items"]
    (wallet,) = item["wallets"]
    assert [item["description"], wallet["assets"][0]["description"]] == described


async def test_without_any_translation_the_description_itself_is_shown(client, database):
    bare = HARBOUR.replace("      DEU: Hafenrundfahrt\n", "").replace(
        "      DAN: Havner", "      SVE: Havner"
    )
    client.headers.update(await key_to_harbour(database, bare))
    made = await sold(client, line("2000"), sellToLanguage="DAN")
    assert made["items"][0]["description"] == "Boat trip"


@pytest.mark.parametrize(
    ("item", "day", "at", "price"),
    [
        ("1000", f"{YEAR}-06-14", "10:00:00", "12.50"),
        # Summer: 10 % more, half up: 13.75.
        ("1000", f"{YEAR}-06-15", "10:00:00", "13.75"),
        # The rule for this item and slot is narrower than the one for all items.
        ("1000", f"{YEAR}-06-15", "16:00:00", "8.50"),
        ("1000", f"{YEAR}-06-15", "15:59:59", "13.75"),
        # Of two rules for the boat, the one with fewer visit dates.
        ("2000", on(6, 19, SATURDAY), "12:00:00", "24.00"),
        ("2000", on(6, 19, MONDAY), "12:00:00", "17.00"),
    ],
)
async def test_the_narrowest_price_rule_wins(harbour_client, item, day, at, price):
    made = await sold(harbour_client, line(item, visitDate=day, visitTime=at))
    (wallet,) = made["items"][0]["wallets"]
    assert wallet["unitPriceInclVat"] == Decimal(price)


async def test_a_partners_own_order_references(harbour_client):
    made = [
        await sold(harbour_client, line("1000"), partnerId=harbour.SCHOOLS_PARTNER)
        for _ in range(2)
    ]
    references = [entry["buyFromOrderReference"] for entry in made]
    assert all(reference.startswith("HB-") for reference in references)
    first, second = (int(reference.removeprefix("HB-")) for reference in references)
    assert second > first


async def test_wallets_are_numbered_by_the_companys_own_pattern(client, database):
    own = HARBOUR.replace(
        "  language: DEU\n", '  language: DEU\n  walletNumberPattern: "HW-[X*8]-[S]"\n'
    )
    client.headers.update(await key_to_harbour(database, own))
    made = await sold(client, line("1000", quantity=3))
    numbers = [wallet["walletReferenceNumber"] for wallet in made["items"][0]["wallets"]]
    assert len(set(numbers)) == 3
    assert all(number.startswith("HW-") for number in numbers)


async def test_a_package_that_cannot_be_issued_whole_takes_nothing(client, database):
    # Two hundred drinks on a pattern of a hundred numbers.
    small = HARBOUR.replace(
        '"HC-[X*9]"', '"HC[N*2]"\n    numbersPerYear: 1\n    insistOnPattern: true'
    )
    client.headers.update(await key_to_harbour(database, small))
    failed = await sell(client, order(line("5000", quantity=50)))
    assert failed["status"] == "Error"
    assert "number" in failed["statusMessage"]
    assert failed["items"][0]["wallets"] == []
    assert await rows(database, "SELECT * FROM assets") == []
    assert await rows(database, "SELECT * FROM wallets") == []
    # What is not too much is issued all the same.
    await sold(client, line("5000", quantity=5))


async def test_changing_the_catalogue_never_changes_an_issued_order(client, database):
    client.headers.update(await key_to_harbour(database))
    lines = [line("5001", quantity=2), line("3000", quantity=4), line("4001")]
    made = await sold(client, *lines)
    path = f"{ORDERS_PATH}/{made['orderId']}"
    before = (await client.get(path)).content
    terms = await rows(database, "SELECT row_id, terms, valid_until FROM assets ORDER BY row_id")
    changed = (
        HARBOUR.replace("amount: 30\n", "amount: 99\n")
        .replace("amount: 8.40", "amount: 1")
        .replace("Harbour museum", "Something else")
        .replace("Hafenmuseum", "Etwas anderes")
        .replace("uses: 3", "uses: 1")
        .replace("validDays: 365", "validDays: 1")
        .replace('"HM-', '"ZZ-')
        .replace("kind: group", "kind: individual")
    )
    await key_to_harbour(database, changed)
    assert (await client.get(path)).content == before
    head = changed[: changed.index("items:")]
    await key_to_harbour(database, head + "items: []\n")
    assert (await client.get(path)).content == before
    assert terms == await rows(
        database, "SELECT row_id, terms, valid_until FROM assets ORDER BY row_id"
    )


async def test_an_order_in_flight_whose_package_changed_is_refused_not_half_issued(
    client, database, settings
):
    client.headers.update(await key_to_harbour(database))
    entry = {"itemNumber": "4000", "visitDate": soon(8), "visitTime": "14:00:00"}
    body = order(line("5001", wallet={"componentSchedule": [entry]}))
    accepted = (await client.post(ORDERS_PATH, json=body)).json()
    start = HARBOUR.index('  - number: "5001"')
    await key_to_harbour(
        database,
        HARBOUR[:start] + HARBOUR[start:].replace('        - item: "4000"\n', ""),
    )
    await settle_all(database)
    failed = (await client.get(f"{ORDERS_PATH}/{accepted['orderId']}")).json()
    assert failed["status"] == "Error"
    assert "5001" in failed["statusMessage"]
    assert await rows(database, "SELECT * FROM assets") == []


@pytest.mark.parametrize(
    ("item", "old", "new"),
    [
        ("3000", "    kind: group\n", ""),
        ("1000", "  - code: MUSEUM\n", "  - code: MUSEUM\n    kind: group\n"),
        ("2000", None, None),
    ],
)
async def test_an_order_in_flight_whose_item_is_sold_in_another_way_now_is_refused(
    client, database, item, old, new
):
    client.headers.update(await key_to_harbour(database))
    accepted = (await client.post(ORDERS_PATH, json=order(line(item, quantity=5)))).json()
    if old is None:
        # An item that is taken out altogether.
        changed = "items: []\n".join([HARBOUR[: HARBOUR.index("items:")], ""])
    else:
        changed = HARBOUR[: HARBOUR.index("  # Costs what its parts cost")].replace(old, new)
        assert changed != HARBOUR
    await key_to_harbour(database, changed)
    await settle_all(database)
    failed = (await client.get(f"{ORDERS_PATH}/{accepted['orderId']}")).json()
    assert failed["status"] == "Error"
    assert "replace the order" in failed["statusMessage"]
    assert await rows(database, "SELECT * FROM assets") == []


async def settle_all(database):
    (row,) = await rows(database, "SELECT company_id, order_id, submission FROM orders")
    await settle(database, Submission(*row.values()))


async def test_an_order_of_500_lines_is_issued(harbour_client):
    made = await sold(harbour_client, *[line("1000")] * 499, line("5000"))
    assert [item["lineNo"] for item in made["items"]] == [100_000 * n for n in range(1, 501)]
    assert sum(len(item["wallets"]) for item in made["items"]) == 500
    assert len(made["items"][-1]["wallets"][0]["assets"]) == 12


async def test_a_line_of_1000_wallets_is_issued(harbour_client):
    made = await sold(harbour_client, line("5001", quantity=1_000))
    wallets = made["items"][0]["wallets"]
    assert [wallet["seqNo"] for wallet in wallets] == list(range(1, 1_001))
    numbers = Counter(
        number
        for wallet in wallets
        for number in (
            wallet["walletReferenceNumber"],
            *(asset["referenceNumber"] for asset in wallet["assets"]),
        )
    )
    assert len(numbers) == 4_000
    assert max(numbers.values()) == 1


async def test_the_same_orders_total_by_any_day_is_the_sum_of_its_wallets(harbour_client, database):
    later = {"visitDate": soon(90)}
    made = await sold(harbour_client, line("5000", quantity=3, **later), line("3000", quantity=7))
    for item in made["items"]:
        for wallet in item["wallets"]:
            assets = await rows(
                database,
                "SELECT sum(price_excl_vat) AS excl, sum(price_incl_vat) AS incl FROM assets"
                " WHERE wallet_id = CAST(:id AS uuid)",
                id=wallet["walletId"],
            )
            assert (assets[0]["excl"], assets[0]["incl"]) == (
                wallet["unitPriceExclVat"],
                wallet["unitPriceInclVat"],
            )
