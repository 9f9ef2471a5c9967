"""Finding orders by whatever was quoted, in one company alone."""

from datetime import timedelta
from uuid import UUID

import pytest

from channel_manager import local_time
from channel_manager.cli.companies import operator_access
from channel_manager.clock import system_clock
from channel_manager.companies.service import find_company
from channel_manager.orders import search
from channel_manager.orders.guests import erase_guest
from channel_manager.orders.search import Wanted, search_orders
from channel_manager.orders.states import Status
from support import castle
from support.castle import ORDERS_PATH, order
from support.webhooks import settle


@pytest.fixture
async def company(database, company_id):
    async with database.read() as conn:
        return await find_company(conn, company_id)


async def found(database, company, term="", **wanted) -> list[str]:
    async with database.snapshot() as conn:
        page = await search_orders(conn, company, Wanted(term, **wanted))
    assert page.after is None
    return [str(one.order_id) for one in page.orders]


async def test_by_everything_that_may_be_quoted(client, database, company):
    made = await settle(
        client,
        sellToOrderReference="Shop-4711/A",
        sellToName="Zoë O'Brien-Müller",
        sellToEmail="Zoe.OBrien@example.com",
        paymentReference="PAY 99",
        items=[castle.line(wallet={"externalReferenceNumbers": ["EXT-1", "EXT-2"]})],
    )
    await settle(client)
    wallet = made["items"][0]["wallets"][0]
    number = wallet["walletReferenceNumber"]
    for term in (
        made["orderId"],
        made["orderId"].upper(),
        "Shop-4711/A",
        "shop-4711/a",
        made["buyFromOrderReference"],
        made["buyFromOrderReference"].lower(),
        made["jobId"],
        made["manifestUrl"],
        made["manifestUrl"].rpartition("=")[2],
        wallet["manifestUrl"],
        wallet["walletId"],
        wallet["manifestUrl"].rpartition("=")[2],
        number,
        f" {number[:6]} {number[6:12]}-{number[12:]} ",
        wallet["assets"][0]["referenceNumber"],
        wallet["assets"][0]["referenceNumber"].lower(),
        "EXT-2",
        "PAY 99",
        "zoe",
        "ZOË",
        "o'brien",
        "muller",
        "Müll",
        "muller zoe",
        "zoe.obrien@example.com",
        "Zoe.OBrien@exa",
    ):
        assert await found(database, company, term) == [made["orderId"]], term


@pytest.mark.parametrize(
    "term",
    [
        *("%", "_", "nobody", "zo%", "'", "''", "\\", ":*", "a & b", "!zoe", "x" * 5_000, "0", "é"),
        *(
            "TM-IMPORT-999999999999999999999",
            "TM-IMPORT-2147483648",
            "TM-IMPORT-0",
            "🏰",
            "<->",
            "(",
            "zoe\x00",
            "00-",
        ),
    ],
)
async def test_what_nobody_has_quoted_finds_nothing(client, database, company, term):
    await settle(client)
    assert await found(database, company, term) == []


async def test_names_of_each_guest_and_without_their_marks(client, database, company):
    made = await settle(
        client,
        sellToName="",
        items=[castle.line(wallet={"names": ["Łukasz Ødegård", "王小明"]})],
    )
    other = castle.line(sellToName="Grace", sellToEmail="grace@example.com")
    another = await settle(client, items=[castle.line(), other])
    for term in ("grace", "GRACE@example"):
        assert await found(database, company, term) == [another["orderId"]], term
    for term in ("lukasz", "odegard", "ØDEGÅRD", "王小明"):
        assert await found(database, company, term) == [made["orderId"]], term


async def test_a_common_name_is_found_as_a_rare_one_is(client, database, company, monkeypatch):
    await settle(client)
    made = await settle(
        client,
        sellToName="Zoë O'Brien-Müller",
        sellToEmail="Zoe.OBrien@example.com",
        items=[
            castle.line(wallet={"names": ["Łukasz Ødegård", "Plain McName"]}),
            castle.line(sellToName="GRACE Hopper", sellToEmail=""),
        ],
    )
    monkeypatch.setattr(search, "MOST_CANDIDATES", 0)
    for term in (
        *("zoe", "ZOË", "o'brien", "Müll", "muller zoe", "zoe.obrien@example.com"),
        *("grace", "hopper grace", "odegard", "ØDEG", "mcname", "PLAIN m"),
    ):
        assert await found(database, company, term) == [made["orderId"]], term
    for term in ("brace", "opper", "zoe grace", "muller@example.com", "zoe.obrien@example.org"):
        assert await found(database, company, term) == [], term


async def test_only_what_is_wanted(client, database, company):
    today = local_time.today(company.zone, system_clock())
    soon = await settle(client, sellToName="Ada")
    later = await settle(client, sellToName="Ada", items=[castle.line(visitDate=castle.soon(20))])
    draft = await settle(client, sellToName="Ada", paymentReference="")
    coming = (await client.post(ORDERS_PATH, json=order(sellToName="Ada"))).json()
    ids = [one["orderId"] for one in (coming, draft, later, soon)]
    assert await found(database, company) == ids
    assert await found(database, company, "ada") == ids
    for wanted, expected in (
        ({"statuses": frozenset({Status.DRAFT})}, ids[1:2]),
        ({"statuses": frozenset({Status.SUBMITTED, Status.SCHEDULED})}, ids[:1]),
        ({"statuses": frozenset({Status.ISSUED, Status.DRAFT})}, ids[1:]),
        ({"visit_from": today + timedelta(days=10)}, ids[2:3]),
        ({"visit_to": today + timedelta(days=10)}, [ids[0], ids[1], ids[3]]),
        ({"visit_from": today, "visit_to": today + timedelta(days=30)}, ids),
        ({"came_from": today, "came_to": today}, ids),
        ({"came_from": today + timedelta(days=1)}, []),
        ({"came_to": today - timedelta(days=1)}, []),
        ({"item": "31001"}, ids),
        ({"item": "NONE"}, []),
        ({"partner_id": UUID(castle.PARTNER)}, ids),
        ({"partner_id": company.company_id}, []),
    ):
        for term in ("", "ada"):
            assert await found(database, company, term, **wanted) == expected, (term, wanted)


async def test_another_company_finds_nothing_of_it(client, database, company):
    text_ = castle.CASTLE_FILE.read_text(encoding="utf-8").replace(castle.COMPANY, "Tower Ltd.")
    tower_id = await castle.load_venue(database, text_)
    async with database.read() as conn:
        tower = await find_company(conn, tower_id)
    made = await settle(client, sellToName="Ada")
    wallet = made["items"][0]["wallets"][0]
    for term in (
        *("", "ada", made["orderId"], made["sellToOrderReference"], made["jobId"]),
        *(wallet["walletReferenceNumber"], wallet["assets"][0]["referenceNumber"], "PAY-987654"),
    ):
        assert await found(database, tower, term) == [], term


async def test_a_guest_that_is_erased_is_found_no_more(client, database, company, company_id):
    await settle(client, sellToName="Ada Byron", sellToEmail="ada@example.com")
    async with database.transaction() as conn:
        access = operator_access(company)
        await erase_guest(conn, access, "ada@example.com")
    assert await found(database, company, "ada") == []
    assert await found(database, company, "ada@example.com") == []


async def test_pages_go_on_where_the_one_before_ended(client, database, company, monkeypatch):
    made = [(await settle(client, sellToName="Ada"))["orderId"] for _ in range(7)][::-1]
    for looked_through, most in ((5_000, 4_000), (3, 2)):
        monkeypatch.setattr(search, "LOOKED_THROUGH", looked_through)
        monkeypatch.setattr(search, "ASKED_FOR_NAMES", looked_through)
        monkeypatch.setattr(search, "MOST_CANDIDATES", most)
        search._statements.clear()  # noqa: SLF001 - they have the number in them
        for wanted in (Wanted(), Wanted("ada"), Wanted(statuses=frozenset({Status.ISSUED}))):
            seen, after, pages = [], None, 0
            while True:
                async with database.snapshot() as conn:
                    page = await search_orders(conn, company, wanted, after=after, size=2)
                seen += [str(one.order_id) for one in page.orders]
                after, pages = page.after, pages + 1
                if after is None:
                    break
            assert seen == made
            assert pages >= 4
        everything = [
            str(one.order_id) async for one in search.all_orders(database, company, Wanted())
        ]
        assert everything == made
    search._statements.clear()  # noqa: SLF001


async def test_a_list_shows_what_an_order_is(client, database, company):
    made = await settle(client, sellToName="Ada", items=[castle.line(quantity=3)])
    async with database.snapshot() as conn:
        [one] = (await search_orders(conn, company, Wanted("ada"))).orders
    assert (one.guests, one.status, one.currency) == (3, "Issued", "DKK")
    assert one.total == sum(w["unitPriceInclVat"] for w in made["items"][0]["wallets"])
    assert str(one.visit_date) == castle.soon(7)
