"""OCTO as its public validator plays it: over HTTP, against the running service, by its own choice.

Nothing but the address and the token is known beforehand: products, options, times and units are
those that the service tells of, so that the example has what a validator looks for.
"""

from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from support import castle
from support.octo import NEVER, RESELLER, Reseller, day
from support.service import serving

CONTACT = {"fullName": "Jane Doe", "emailAddress": "guest@example.com"}
NEXT = {"localDateStart": day(1), "localDateEnd": day(30)}


@dataclass
class Sold:
    """A product, its default option, and its times in the next 30 days."""

    product: str
    option: str
    kind: str
    units: list[str]
    open: list[str]
    sold_out: list[str]

    def asking(self, **changes: object) -> dict[str, object]:
        return {"productId": self.product, "optionId": self.option} | changes

    def booking(self, units: int = 2, at: int = 0, **changes: object) -> dict[str, object]:
        body = self.asking(
            uuid=str(uuid4()),
            availabilityId=self.open[at],
            unitItems=[{"unitId": self.units[0]} for _ in range(units)],
        )
        return {name: value for name, value in (body | changes).items() if value is not ...}


@dataclass
class Shop:
    """The reseller, and what it has found to sell."""

    reseller: Reseller
    by_time: Sold
    other: Sold
    by_day: Sold


@pytest.fixture
async def played(database, database_url, harbour_id):
    key = await castle.make_key(database, harbour_id, partner=RESELLER)
    env = {"DATABASE_URL": database_url, "CHANNEL_MANAGER_LOG_LEVEL": "WARNING"}
    async with (
        serving(env) as service,
        httpx.AsyncClient(base_url=service.base, timeout=30) as client,
    ):
        reseller = Reseller(client, key)
        sold = [await found(reseller, each) for each in await reseller.call("GET", "/products")]
        by_time = [one for one in sold if one.kind == "START_TIME" and len(one.open) > 1]
        first = next(one for one in by_time if one.sold_out)
        other = next(one for one in by_time if one is not first)
        by_day = next(one for one in sold if one.kind == "OPENING_HOURS" and one.open)
        yield Shop(reseller, first, other, by_day)


async def found(reseller: Reseller, product: dict) -> Sold:
    option = next(one for one in product["options"] if one["default"])
    body = {"productId": product["id"], "optionId": option["id"]} | NEXT
    times = await reseller.call("POST", "/availability", body)
    return Sold(
        product["id"],
        option["id"],
        product["availabilityType"],
        [unit["id"] for unit in option["units"]],
        [one["id"] for one in times if one["available"] and (one["vacancies"] or 3) > 2],
        [one["id"] for one in times if one["status"] == "SOLD_OUT"],
    )


async def test_every_flow(played):
    # One service for all: each flow makes what it needs, and leaves the others alone.
    for flow in (
        supplier,
        products,
        calendar,
        availability,
        reservation,
        extension,
        confirmation,
        update,
        cancellation,
        one_booking,
        bookings,
    ):
        await flow(played.reseller, played)


async def supplier(reseller: Reseller, _: Shop) -> None:
    told = await reseller.call("GET", "/supplier")
    assert told["id"]
    assert (
        await reseller.ask("GET", "/supplier", headers={"authorization": ""})
    ).status_code == 403


async def products(reseller: Reseller, shop: Shop) -> None:
    for sold in (shop.by_time, shop.by_day):
        one = await reseller.call("GET", f"/products/{sold.product}")
        assert (one["id"], one["availabilityType"]) == (sold.product, sold.kind)
    told = await reseller.refused("GET", "/products/never")
    assert (told["error"], told["productId"]) == ("INVALID_PRODUCT_ID", "never")


async def calendar(reseller: Reseller, shop: Shop) -> None:
    for sold in (shop.by_time, shop.by_day):
        days = await reseller.call("POST", "/availability/calendar", sold.asking(**NEXT))
        assert len(days) == 30
        assert any(one["available"] for one in days)
    await invalid_products(reseller, "/availability/calendar", shop.by_time.asking(**NEXT))


async def availability(reseller: Reseller, shop: Shop) -> None:
    for sold in (shop.by_time, shop.by_day):
        by_interval = await reseller.call("POST", "/availability", sold.asking(**NEXT))
        ids = [one["id"] for one in by_interval][:2]
        by_ids = await reseller.call("POST", "/availability", sold.asking(availabilityIds=ids))
        assert by_ids == by_interval[:2]
    both = shop.by_time.asking(availabilityIds=ids, **NEXT)
    for wrong in (both, shop.by_time.asking()):
        assert (await reseller.refused("POST", "/availability", wrong))["error"] == "BAD_REQUEST"
    wrong = shop.by_time.asking(availabilityIds=["never"])
    told = await reseller.refused("POST", "/availability", wrong)
    assert told["error"] == "INVALID_AVAILABILITY_ID"
    await invalid_products(reseller, "/availability", shop.by_time.asking(**NEXT))


async def invalid_products(reseller: Reseller, path: str, body: dict) -> None:
    for name, error in (("productId", "INVALID_PRODUCT_ID"), ("optionId", "INVALID_OPTION_ID")):
        told = await reseller.refused("POST", path, body | {name: "never"})
        assert (told["error"], told[name]) == (error, "never")


async def reservation(reseller: Reseller, shop: Shop) -> None:
    for sold in (shop.by_time, shop.by_day):
        body = sold.booking()
        held = await reseller.call("POST", "/bookings", body)
        assert (held["uuid"], held["status"]) == (body["uuid"], "ON_HOLD")
        assert (held["utcConfirmedAt"], held["cancellation"]) == (None, None)
        assert await reseller.call("POST", "/bookings", body) == held
    (gone, *_) = shop.by_time.sold_out
    for wrong, error in (
        ({"availabilityId": gone}, "UNPROCESSABLE_ENTITY"),
        ({"unitItems": ...}, "UNPROCESSABLE_ENTITY"),
        ({"unitItems": []}, "UNPROCESSABLE_ENTITY"),
        ({"productId": "never"}, "INVALID_PRODUCT_ID"),
        ({"optionId": "never"}, "INVALID_OPTION_ID"),
        ({"availabilityId": "never"}, "INVALID_AVAILABILITY_ID"),
        ({"unitItems": [{"unitId": "never"}]}, "INVALID_UNIT_ID"),
    ):
        told = await reseller.refused("POST", "/bookings", shop.by_time.booking(**wrong))
        assert told["error"] == error
    await invalid_products(reseller, "/bookings", shop.by_time.booking())


async def extension(reseller: Reseller, shop: Shop) -> None:
    held = await reseller.call("POST", "/bookings", shop.by_time.booking(expirationMinutes=20))
    path = f"/bookings/{held['uuid']}/extend"
    longer = await reseller.call("POST", path, {"expirationMinutes": 45})
    assert longer["utcExpiresAt"] > held["utcExpiresAt"]
    await unknown(reseller, "POST", "/extend", {"expirationMinutes": 45})


async def unknown(reseller: Reseller, method: str, step: str, body: dict | None = None) -> None:
    told = await reseller.refused(method, f"/bookings/{NEVER}{step}", body)
    assert (told["error"], told["uuid"]) == ("INVALID_BOOKING_UUID", NEVER)


async def confirmation(reseller: Reseller, shop: Shop) -> None:
    for sold in (shop.by_time, shop.by_day):
        held = await reseller.call("POST", "/bookings", sold.booking())
        booked = await reseller.confirm(held, resellerReference="R-1")
        assert (booked["status"], booked["utcExpiresAt"]) == ("CONFIRMED", None)
        assert booked["utcConfirmedAt"]
        assert booked["resellerReference"] == "R-1"
        assert all(unit["ticket"]["deliveryOptions"] for unit in booked["unitItems"])
    held = await reseller.call("POST", "/bookings", shop.by_time.booking())
    three = [{"unitId": shop.by_time.units[0]} for _ in range(3)]
    assert len((await reseller.confirm(held, unitItems=three))["unitItems"]) == 3
    await unknown(reseller, "POST", "/confirm", {"contact": CONTACT})


async def update(reseller: Reseller, shop: Shop) -> None:
    by_time, other = shop.by_time, shop.other
    changes = (
        {"unitItems": [{"unitId": by_time.units[0]} for _ in range(3)]},
        {"contact": CONTACT | {"fullName": "John Roe"}},
        {"availabilityId": by_time.open[1]},
        other.asking(availabilityId=other.open[0], unitItems=[{"unitId": other.units[0]}]),
    )
    for confirmed in (False, True):
        for change in changes:
            booking = await reseller.call("POST", "/bookings", by_time.booking())
            if confirmed:
                booking = await reseller.confirm(booking)
            changed = await reseller.call("PATCH", f"/bookings/{booking['uuid']}", change)
            assert changed["status"] == booking["status"]
            for name in ("productId", "optionId", "availabilityId"):
                assert changed[name] == change.get(name, booking[name])
            wanted = change.get("unitItems", booking["unitItems"])
            assert [unit["unitId"] for unit in changed["unitItems"]] == [
                unit["unitId"] for unit in wanted
            ]
            if "contact" in change:
                assert changed["contact"]["fullName"] == "John Roe"
    await unknown(reseller, "PATCH", "", {"notes": "x"})


async def cancellation(reseller: Reseller, shop: Shop) -> None:
    for confirmed in (False, True):
        booking = await reseller.call("POST", "/bookings", shop.by_time.booking())
        if confirmed:
            booking = await reseller.confirm(booking)
        path = f"/bookings/{booking['uuid']}/cancel"
        gone = await reseller.call("POST", path, {"reason": "The guest is ill."})
        assert (gone["status"], gone["utcExpiresAt"]) == ("CANCELLED", None)
        assert gone["cancellation"]["reason"] == "The guest is ill."
        assert gone["cancellation"]["utcCancelledAt"]
    await unknown(reseller, "POST", "/cancel", {})


async def one_booking(reseller: Reseller, shop: Shop) -> None:
    held = await reseller.call("POST", "/bookings", shop.by_time.booking())
    assert await reseller.get(held) == held
    booked = await reseller.confirm(held)
    assert await reseller.get(held) == booked
    gone = await reseller.call("POST", f"/bookings/{held['uuid']}/cancel", {})
    assert await reseller.get(held) == gone
    await unknown(reseller, "GET", "")


async def bookings(reseller: Reseller, shop: Shop) -> None:
    reference = f"R-{uuid4()}"
    body = shop.by_time.booking(resellerReference=reference)
    booked = await reseller.confirm(await reseller.call("POST", "/bookings", body))
    visit = booked["availability"]["localDateTimeStart"][:10]
    only = [booked["uuid"]]
    for query, params in (
        (only, {"resellerReference": reference}),
        (only, {"supplierReference": booked["supplierReference"]}),
        (None, {"localDate": visit}),
        (None, {"localDateStart": visit, "localDateEnd": visit}),
    ):
        listed = await reseller.call("GET", "/bookings", params=params)
        uuids = [one["uuid"] for one in listed]
        assert booked["uuid"] in uuids
        assert query in (None, uuids)
    assert (await reseller.refused("GET", "/bookings"))["error"] == "BAD_REQUEST"
