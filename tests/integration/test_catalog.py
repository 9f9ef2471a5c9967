"""GET …/ticket/catalog/{storeCode}: what a partner may sell (domain: Availability)."""

import json
from decimal import Decimal

import pytest

from channel_manager.access.permissions import Permission
from support import castle
from support.harbour import (
    COMPANY_PATH,
    HARBOUR,
    ORDERS_PATH,
    YEAR,
    key_to_harbour,
    line,
    on,
    order,
)

CATALOG = f"{COMPANY_PATH}/ticket/catalog"


@pytest.fixture
async def harbour_client(client, database):
    client.headers.update(await key_to_harbour(database))
    return client


async def catalog(client, store="ONLINE", **query):
    reply = await client.get(f"{CATALOG}/{store}", params=query)
    assert reply.status_code == 200, reply.text
    return json.loads(reply.text, parse_float=Decimal)


async def item(client, number, **query):
    found = await catalog(client, "SCHOOLS", **query)
    (entry,) = [entry for entry in found["items"] if entry["itemNumber"] == number]
    return entry


async def test_a_store_lists_the_sellable_items_that_are_its_own_or_everybodys(harbour_client):
    online, schools = await catalog(harbour_client), await catalog(harbour_client, "schools")
    assert online["storeCode"] == "ONLINE"
    assert online["description"] == "Online travel agents"
    numbers = [entry["itemNumber"] for entry in online["items"]]
    # 4000 is only sold in packages, and 3000 belongs to schools.
    assert numbers == ["1000", "1001", "2000", "4001", "5000", "5001"]
    assert "3000" in [entry["itemNumber"] for entry in schools["items"]]


async def test_an_unknown_store_is_404(harbour_client):
    reply = await harbour_client.get(f"{CATALOG}/NOWHERE")
    assert (reply.status_code, reply.json()["code"]) == (404, "resource_not_found")


async def test_a_ticket_is_told_with_its_languages_price_and_type(harbour_client):
    shown = await item(harbour_client, "1000", visitTime="10:00:00")
    assert shown == {
        "itemNumber": "1000",
        "kind": "ticket",
        "isPackage": False,
        "description": "Hafenmuseum",
        "descriptions": {"DAN": "Havnemuseum", "DEU": "Hafenmuseum", "ENU": "Harbour museum"},
        "ticketType": {
            "code": "MUSEUM",
            "kind": "individual",
            "entries": "once_a_day",
            "validDays": 2,
        },
        "price": {
            "unitPriceExclVat": Decimal("11.68"),
            "unitPriceInclVat": Decimal("12.5"),
            "vatAmount": Decimal("0.82"),
            "currencyCode": "EUR",
            "vatPercent": 7,
        },
        "admissions": [],
    }


async def test_a_package_is_told_with_its_contents(harbour_client):
    shown = await item(harbour_client, "5000", visitTime="10:00:00")
    assert shown["isPackage"] is True
    assert [
        (part["itemNumber"], part["kind"], part["quantity"], part["price"]["unitPriceInclVat"])
        for part in shown["contents"]
    ] == [
        ("1000", "ticket", 2, 25),
        ("1001", "ticket", 2, 6),
        ("2000", "ticket", 4, 70),
        ("4000", "coupon", 4, 0),
    ]
    assert shown["contents"][3]["couponType"]["gives"] == {"freeItem": "A hot drink"}


async def test_group_and_coupon_types_are_told(harbour_client):
    group, shop = await item(harbour_client, "3000"), await item(harbour_client, "4001")
    assert group["ticketType"]["kind"] == "group"
    assert shop["couponType"] == {
        "code": "SHOP",
        "gives": {"percent": 10},
        "uses": 3,
        "validDays": 365,
    }


@pytest.mark.parametrize("number", ["1000", "1001", "2000", "3000", "4001", "5000", "5001"])
@pytest.mark.parametrize("day", [f"{YEAR}-06-14", on(6, 19, 5)])
async def test_the_price_told_is_the_price_that_an_order_gets(harbour_client, number, day):
    visit = {"visitDate": day, "visitTime": "16:30:00"}
    told = (await item(harbour_client, number, **visit))["price"]
    made = await harbour_client.post(f"{ORDERS_PATH}?sync=1", json=order(line(number, **visit)))
    (wallet,) = json.loads(made.text, parse_float=Decimal)["items"][0]["wallets"]
    for side in ("unitPriceExclVat", "unitPriceInclVat"):
        assert told[side] == wallet[side]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"visitDate": "0"}, "visitDate"),
        ({"visitDate": "9999-12-31"}, "visitDate"),
        ({"visitDate": "0001-01-01"}, "visitDate"),
        ({"visitTime": "25:00:00"}, "visitTime"),
        ({"visitDate": on(3, 25, 6), "visitTime": "02:30:00"}, "visitTime"),
    ],
)
async def test_a_visit_that_cannot_be_is_400_and_names_the_place(harbour_client, query, path):
    reply = await harbour_client.get(f"{CATALOG}/ONLINE", params=query)
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["path"] == path


async def test_another_companys_key_and_one_without_the_permission_are_refused(
    client, database, company_id
):
    await key_to_harbour(database)
    assert (await client.get(f"{CATALOG}/ONLINE")).status_code == 404
    key = await castle.make_key(database, company_id, permissions=(Permission.ORDERS_READ,))
    path = f"{castle.COMPANY_PATH}/ticket/catalog/ONLINE"
    reply = await client.get(path, headers={"x-np-api-key": key})
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    (shown,) = (await client.get(path)).json()["items"]
    assert shown["itemNumber"] == "31001"
    assert shown["admissions"] == [{"admissionCode": "CASTLE", "slots": "scheduled"}]


async def test_an_import_is_seen_by_the_next_request(harbour_client, database):
    changed = HARBOUR.replace("      amount: 12.50\n", "      amount: 99\n")
    await castle.load_venue(database, changed)
    shown = await item(harbour_client, "1000", visitTime="10:00:00")
    assert shown["price"]["unitPriceInclVat"] == 99
