"""OCTO: the supplier, its products, and what capabilities add."""

from support import castle
from support.octo import HARBOUR_FILE, Reseller, selling

PRICING = {"octo-capabilities": "octo/pricing"}


async def test_the_supplier(reseller):
    shown = await reseller.call("GET", "/supplier")
    assert shown["name"] == "Contoso Harbour Tours"
    assert shown["endpoint"] == "http://venue.example/octo"
    assert shown["contact"]["address"] == "Quay 7, 1264 Copenhagen"


async def test_all_products(reseller):
    shown = {product["id"]: product for product in await reseller.call("GET", "/products")}
    assert sorted(shown) == ["AUDIO", "MUSEUM", "TOUR", "TOWER"]
    types = {name: product["availabilityType"] for name, product in shown.items()}
    assert types["TOUR"] == types["TOWER"] == "START_TIME"
    assert types["MUSEUM"] == types["AUDIO"] == "OPENING_HOURS"


async def test_one_product_with_its_options_and_units(reseller):
    tour = await reseller.call("GET", "/products/TOUR")
    assert (tour["internalName"], tour["reference"], tour["locale"]) == (
        "Harbour tour",
        "HT-1",
        "en-US",
    )
    assert [option["id"] for option in tour["options"]] == ["DEFAULT", "TOUR-GROUP"]
    default, group = tour["options"]
    assert (default["default"], group["default"]) == (True, False)
    assert default["availabilityLocalStartTimes"] == ["10:00", "12:00", "14:00", "16:00", "19:00"]
    assert (group["cancellationCutoffAmount"], group["cancellationCutoffUnit"]) == (24, "hour")
    assert (default["cancellationCutoff"], group["cancellationCutoff"]) == ("0 hours", "24 hours")
    assert default["restrictions"] == {"minUnits": 1, "maxUnits": 20}
    units = {unit["id"]: unit for unit in default["units"]}
    assert {name: unit["type"] for name, unit in units.items()} == {
        "TOUR": "ADULT",
        "TOUR-CHILD": "CHILD",
        "TOUR-SENIOR": "SENIOR",
    }
    child = units["TOUR-CHILD"]["restrictions"]
    assert (child["minAge"], child["maxAge"]) == (4, 15)
    assert child["accompaniedBy"] == ["TOUR", "TOUR-SENIOR"]


async def test_an_unknown_product(reseller):
    told = await reseller.refused("GET", "/products/invalid-product")
    assert (told["error"], told["productId"]) == ("INVALID_PRODUCT_ID", "invalid-product")


async def test_prices_are_in_minor_units_with_the_tax_in_them(reseller):
    for name in ("octo/pricing", "pricing", "something, octo/pricing"):
        tour = await reseller.call("GET", "/products/MUSEUM", headers={"octo-capabilities": name})
        assert (tour["defaultCurrency"], tour["pricingPer"]) == ("EUR", "UNIT")
    tour = await reseller.call("GET", "/products/TOWER", headers=PRICING)
    assert tour["options"][0]["units"][0]["pricingFrom"] == [
        {
            "original": 800,
            "retail": 800,
            "net": None,
            "currency": "EUR",
            "currencyPrecision": 2,
            "includedTaxes": [{"name": "VAT", "original": 160, "retail": 160, "net": None}],
        }
    ]


async def test_content_is_in_the_language_that_is_asked_for(reseller):
    headers = {"octo-capabilities": "octo/content", "accept-language": "da-DK,en;q=0.5"}
    tour = await reseller.call("GET", "/products/TOUR", headers=headers)
    assert tour["title"] == "Havnerundfart"
    assert tour["options"][0]["units"][1]["title"] == "Havnerundfart, barn"
    assert tour["categoryLabels"] == ["Boat tours"]
    assert [each["shortDescription"] for each in tour["features"]] == [
        "A guide on board",
        "Blankets in winter",
    ]
    plain = await reseller.call("GET", "/products/TOUR")
    assert "title" not in plain


async def test_the_reply_says_which_capabilities_are_active(reseller):
    listed = await reseller.call("GET", "/capabilities")
    assert [one["id"] for one in listed] == ["octo/content", "octo/notifications", "octo/pricing"]
    for asked, active in (
        ("", ""),
        ("octo/pricing", "octo/pricing"),
        ("content,octo/unknown, pricing", "octo/content, octo/pricing"),
    ):
        reply = await reseller.ask("GET", "/supplier", headers={"octo-capabilities": asked})
        assert reply.headers["octo-capabilities"] == active
    reply = await reseller.ask("GET", "/products/never", headers=PRICING)
    assert reply.headers["octo-capabilities"] == "octo/pricing"


async def test_a_venue_that_says_nothing_of_octo_sells_by_it(
    database, database_url, settings, company_id
):
    async with selling(database, database_url, settings, company_id) as (_, _, venue):
        key = await castle.make_key(database, company_id, partner=castle.PARTNER)
        reseller = Reseller(venue, key)
        del venue.headers["x-np-api-key"]
        (castles,) = await reseller.call("GET", "/products")
        assert (castles["id"], castles["options"][0]["units"][0]["type"]) == ("31001", "ADULT")
        booked = await reseller.booked("31001")
        assert booked["status"] == "CONFIRMED"
        assert booked["availability"]["allDay"]


def test_the_example_has_what_the_public_validator_looks_for():
    text = HARBOUR_FILE.read_text(encoding="utf-8")
    assert "any_time" in text
    assert "capacity: 0" in text
