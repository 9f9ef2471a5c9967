"""Money on the wire and in the database, in currencies of 0, 2 and 3 decimals (cases: Money)."""

import json
from decimal import Decimal

import pytest
from sqlalchemy import text

from support import castle
from support.castle import CASTLE_FILE, ORDERS_PATH, line, order

CASTLE = CASTLE_FILE.read_text(encoding="utf-8")


def castle_in(currency, price):
    made = CASTLE.replace("currency: DKK", f"currency: {currency}")
    start = made.index("    price:\n")
    return made[:start] + f"    price: {price}\n"


async def sold(client, database, venue, item="31001", quantity=1):
    await castle.load_venue(database, venue)
    body = order(items=[line(itemNumber=item, quantity=quantity)])
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=body)
    made = json.loads(reply.text, parse_float=Decimal)
    assert made["status"] == "Issued", made["statusMessage"]
    wallets = made["items"][0]["wallets"]
    return wallets, [(w["unitPriceExclVat"], w["unitPriceInclVat"]) for w in wallets]


async def test_three_at_99_99_with_25_percent_vat_sum_to_their_totals(client, database):
    venue = castle_in("DKK", "{amount: 99.99, vatPercent: 25}")
    _, prices = await sold(client, database, venue, quantity=3)
    assert prices == [(Decimal("79.99"), Decimal("99.99"))] * 3
    assert sum(excl for excl, _ in prices) == Decimal("239.97")
    assert sum(incl for _, incl in prices) == Decimal("299.97")


@pytest.mark.parametrize(
    ("currency", "price", "excl", "incl"),
    [
        ("JPY", "{amount: 1000, vatPercent: 8}", "926", "1000"),
        ("JPY", "{amount: 1005, includesVat: false, vatPercent: 10}", "1005", "1106"),
        ("KWD", "{amount: 1.005, vatPercent: 5}", "0.957", "1.005"),
        ("KWD", "{amount: 12.345, includesVat: false, vatPercent: 5}", "12.345", "12.962"),
        ("DKK", "{amount: 0, vatPercent: 25}", "0", "0"),
        ("DKK", "{amount: 0.01, vatPercent: 25}", "0.01", "0.01"),
        # 0.125 is a tie: half up.
        ("DKK", "{amount: 0.10, includesVat: false, vatPercent: 25}", "0.10", "0.13"),
    ],
)
async def test_each_currency_has_its_own_decimals(client, database, currency, price, excl, incl):
    wallets, prices = await sold(client, database, castle_in(currency, price))
    assert prices == [(Decimal(excl), Decimal(incl))]
    assert wallets[0]["currencyCode"] == currency


async def test_a_price_is_a_json_number_without_the_noise_of_binary_fractions(client, database):
    venue = castle_in("KWD", "{amount: 0.3, vatPercent: 0}")
    await castle.load_venue(database, venue)
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=order(items=[line(quantity=1)]))
    assert '"unitPriceInclVat":0.3,' in reply.text.replace(" ", "")


async def test_100_over_three_components_is_100(client, database):
    package = """
  - number: "P"
    description: Three castles
    package:
      components: [{item: "31001", quantity: 3}]
      price: {amount: 100}
"""
    (wallet,), prices = await sold(client, database, CASTLE.rstrip() + package, item="P")
    assert prices[0][1] == Decimal(100)
    async with database.transaction() as conn:
        parts = (
            await conn.execute(text("SELECT price_incl_vat FROM assets ORDER BY position"))
        ).scalars()
        assert [str(part.normalize()) for part in parts] == ["33.34", "33.33", "33.33"]
    assert len(wallet["assets"]) == 3


async def test_a_package_of_twelve_components_is_issued_whole(client, database):
    # Ten and more components, the same item among them several times.
    components = "".join(
        f'\n        - {{item: "31001", price: {{percentOff: {n}}}}}' for n in range(12)
    )
    package = f"""
  - number: "P"
    description: Twelve castles
    package:
      components:{components}
"""
    (wallet,), prices = await sold(client, database, CASTLE.rstrip() + package, item="P")
    assert len(wallet["assets"]) == 12
    assert prices[0][1] == Decimal(sum(100 - n for n in range(12)))
