"""The guest's page and its other forms, over HTTP."""

from zoneinfo import ZoneInfo

import pypdfium2
import pytest
from icalendar import Calendar
from sqlalchemy import text

from support import castle, harbour
from support.castle import ORDERS_PATH, line, order

NAMES = ["Jane Doe", "王小明"]


async def issue(client, **changes) -> dict:
    body = order(items=[line(wallet={"names": NAMES})], **changes)
    return (await client.post(f"{ORDERS_PATH}?sync=1", json=body)).json()


def form(issued, kind: str) -> str:
    return issued["manifestUrl"].replace("/manifest?", f"/manifest/{kind}?")


def numbers(issued) -> list[str]:
    return [w["assets"][0]["referenceNumber"] for w in issued["items"][0]["wallets"]]


async def test_the_page_is_private_and_takes_nothing_from_elsewhere(client):
    page = await client.get((await issue(client))["manifestUrl"])
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in page.headers["x-robots-tag"]
    assert "http://" not in page.text.replace("http://www.w3.org/2000/svg", "")


async def test_the_pdf_has_every_number_and_name(client):
    issued = await issue(client)
    for layout in ("ticket", "compact"):
        reply = await client.get(form(issued, "pdf") + f"&layout={layout}")
        assert reply.headers["content-type"] == "application/pdf"
        document = pypdfium2.PdfDocument(reply.content)
        text = "".join(page.get_textpage().get_text_bounded() for page in document)
        assert all(number in text for number in numbers(issued))
        assert all(name in text for name in NAMES)
        assert (len(document) == 2) is (layout == "ticket")
        document.close()


async def test_the_calendar_has_the_visit(client):
    reply = await client.get(form(await issue(client), "calendar"))
    assert reply.headers["content-type"].startswith("text/calendar")
    assert reply.text.startswith("BEGIN:VCALENDAR")


async def test_the_json_has_the_tickets(client):
    issued = await issue(client)
    shown = (await client.get(form(issued, "json"))).json()
    assert [w["assets"][0]["referenceNumber"] for w in shown["wallets"]] == numbers(issued)


@pytest.mark.parametrize("kind", ["", "/pdf", "/calendar", "/json"])
@pytest.mark.parametrize("mid", ["", "nope", "00000000-0000-0000-0000-000000000000", "%00"])
async def test_an_unknown_id_is_404_in_every_form(client, kind, mid):
    reply = await client.get(f"/wallets/manifest{kind}?mid={mid}")
    assert (reply.status_code, reply.json()["code"]) == (404, "resource_not_found")


async def test_a_draft_has_no_page(client, database):
    draft = await issue(client, paymentReference=...)
    assert "manifestUrl" not in draft
    async with database.transaction() as conn:
        mids = await conn.scalars(text("SELECT manifest_id FROM wallets"))
    for mid in mids.all():
        assert (await client.get(f"/wallets/manifest?mid={mid}")).status_code == 404


@pytest.mark.parametrize(
    ("accepts", "language", "said"),
    [
        ("da", "da", "Siden findes ikke"),
        ("xx, ar;q=0.9, en;q=0.1", "ar", "لا توجد صفحة كهذه"),
        ("", "en", "There is no such page"),
    ],
)
async def test_a_guest_with_a_browser_is_told_in_words(client, accepts, language, said):
    headers = {"accept": "text/html,*/*;q=0.8", "accept-language": accepts}
    reply = await client.get("/wallets/manifest?mid=nope", headers=headers)
    assert reply.status_code == 404
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert said in reply.text
    assert f'<html lang="{language}' in reply.text


async def test_parts_of_a_package_that_have_a_time_of_their_own_show_it(client, database):
    client.headers.update(await harbour.key_to_harbour(database))
    schedule = [
        {"itemNumber": "2000", "visitDate": castle.soon(day), "visitTime": "14:00:00"}
        for day in (8, 9)
    ]
    body = harbour.order(harbour.line("5000", wallet={"componentSchedule": schedule}))
    issued = (await client.post(f"{harbour.ORDERS_PATH}?sync=1", json=body)).json()
    (wallet,) = (await client.get(form(issued, "json"))).json()["wallets"]
    own = (wallet["visitDate"], wallet["visitTime"])
    boats = issued["items"][0]["wallets"][0]["assets"]
    seen = [(asset["visitDate"], asset["visitTime"]) for asset in wallet["assets"]]
    named = [asset["itemNumber"] for asset in boats]
    first, second = [index for index, number in enumerate(named) if number == "2000"][:2]
    assert seen[first] == (castle.soon(8), "14:00:00")
    assert seen[second] == (castle.soon(9), "14:00:00")
    assert {visit for index, visit in enumerate(seen) if index not in (first, second)} == {own}
    calendar = Calendar.from_ical((await client.get(form(issued, "calendar"))).content)
    zone = ZoneInfo("Europe/Berlin")
    starts = sorted(
        event.decoded("dtstart").astimezone(zone).isoformat()[:19] for event in calendar.events
    )
    assert starts == sorted("T".join(visit) for visit in set(seen))
    page = (await client.get(issued["manifestUrl"])).text
    assert page.count(f'<time datetime="{castle.soon(8)}">') == 1


async def test_an_item_without_time_slots_shows_the_time_that_was_ordered(client, database):
    text_ = castle.CASTLE_FILE.read_text(encoding="utf-8").replace(
        "slots: scheduled", "slots: none"
    )
    await castle.load_venue(database, text_)
    issued = await issue(client, sellToLanguage="ENG")
    assert '<time datetime="10:30">10:30</time>' in (await client.get(issued["manifestUrl"])).text
    document = pypdfium2.PdfDocument((await client.get(form(issued, "pdf"))).content)
    assert "10:30" in document[0].get_textpage().get_text_bounded()
    document.close()
    calendar = Calendar.from_ical((await client.get(form(issued, "calendar"))).content)
    (event,) = calendar.events
    local = event.decoded("dtstart").astimezone(ZoneInfo("Europe/Copenhagen"))
    assert f"{local:%H:%M}" == "10:30"
