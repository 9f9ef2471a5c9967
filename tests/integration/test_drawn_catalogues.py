"""Whatever a venue sells and whatever is ordered of it, these hold."""

import json
from collections import Counter
from decimal import Decimal
from fractions import Fraction

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from channel_manager.catalog.prices import round_half_up
from channel_manager.venue_import import import_venue
from support import castle
from support.venues import orders, venues

FEW = settings(
    max_examples=40,
    deadline=None,
    # The database is one for all examples; each has a company of its own in it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FEW
@given(data=st.data())
async def test_wallets_assets_prices_and_numbers_are_right(client, database, data):
    venue = data.draw(venues())
    async with database.transaction() as conn:
        company_id = (await import_venue(conn, venue)).company_id
    client.headers["x-np-api-key"] = await castle.make_key(database, company_id)
    path = f"/{venue.company.tenant}/production/Drawn/channelManager?sync=1"
    seen = Counter()
    for _ in range(data.draw(st.integers(1, 3))):
        body = data.draw(orders(venue))
        reply = await client.post(path, json=body)
        assert reply.status_code == 201, reply.text
        made = json.loads(reply.text, parse_float=Decimal)
        assets = await assets_of(database, made["orderId"])
        event(made["status"])
        if made["status"] == "Error":
            # Only a pattern of a hundred numbers can fail here, and then nothing is issued.
            assert "number" in made["statusMessage"]
            assert assets == []
            assert all(item["wallets"] == [] for item in made["items"])
            continue
        assert made["status"] == ("Issued" if "paymentReference" in body else "Draft")
        for item, ordered in zip(made["items"], body["items"], strict=True):
            check_contents(venue, item, ordered)
        check_prices(venue, made, assets)
        seen.update(numbers_of(made))
    assert all(times == 1 for times in seen.values())


async def assets_of(database, order_id):
    async with database.transaction() as conn:
        found = await conn.execute(
            text("SELECT * FROM assets WHERE order_id = CAST(:id AS uuid) ORDER BY position"),
            {"id": order_id},
        )
        return found.mappings().all()


def numbers_of(made):
    for item in made["items"]:
        for wallet in item["wallets"]:
            yield wallet["walletReferenceNumber"]
            yield from (asset["referenceNumber"] for asset in wallet["assets"])


def check_contents(venue, item, ordered):
    sold = {entry.number: entry for entry in venue.items}[ordered["itemNumber"]]
    is_group = sold.ticket_type == "GROUP"
    assert len(item["wallets"]) == (1 if is_group else ordered["quantity"])
    wanted = Counter()
    for component in sold.package.components if sold.package else ():
        wanted[component.item] += component.quantity
    for wallet in item["wallets"]:
        held = Counter(asset["itemNumber"] for asset in wallet["assets"])
        assert held == (wanted or Counter({sold.number: 1}))


def check_prices(venue, made, assets):
    items = {entry.number: entry for entry in venue.items}
    by_wallet = {}
    for asset in assets:
        by_wallet.setdefault(str(asset["wallet_id"]), []).append(asset)
    for line in made["items"]:
        own = items[line["itemNumber"]].package and items[line["itemNumber"]].package.price
        for wallet in line["wallets"]:
            parts = by_wallet[wallet["walletId"]]
            assert wallet["unitPriceExclVat"] == sum(part["price_excl_vat"] for part in parts)
            assert wallet["unitPriceInclVat"] == sum(part["price_incl_vat"] for part in parts)
            for part in parts:
                price = items[part["item_number"]].price
                includes_vat = own.includes_vat if own else price.includes_vat
                check_vat(part, includes_vat, price.vat_percent, venue.company.currency)


def check_vat(part, includes_vat, vat_percent, currency):
    # The stated side stands, the other is it without or with VAT, rounded once, half up.
    assert part["price_incl_vat"] >= part["price_excl_vat"] >= 0
    excl, incl = (Fraction(part[side]) / part["admits"] for side in SIDES)
    rate = 1 + Fraction(vat_percent) / 100
    derived, exact = (excl, incl / rate) if includes_vat else (incl, excl * rate)
    assert derived == Fraction(round_half_up(exact, currency))


SIDES = ("price_excl_vat", "price_incl_vat")
