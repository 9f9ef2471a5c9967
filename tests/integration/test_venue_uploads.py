"""Venue files from the console: checked, shown, applied by a worker; or refused with a reason."""

import asyncio
import json
import time

import pytest
from sqlalchemy import text

from channel_manager.companies.service import find_company
from channel_manager.console.roles import Role
from channel_manager.db import Database
from channel_manager.venue_export import read_venue, write_yaml
from channel_manager.venue_uploads import importing, service
from channel_manager.venue_uploads.importing import find_forgotten_uploads, import_upload
from support import castle
from support.console import add_person, signed_in

EVIL = "<img src=x onerror=alert(1)>"
CASTLE = castle.CASTLE_FILE.read_text("utf-8")
ITEM = """
  - number: "90001"
    description: "{}"
    ticketType: ADMISSION
    price: {{amount: 12.50}}
"""
CHANGED = CASTLE.replace("items:\n", "items:\n" + ITEM.format(EVIL).lstrip("\n"), 1)


@pytest.fixture
async def anna(client, database, company_id):
    await add_person(database, company_id, "anna", Role.ADMIN)
    async with signed_in(client.app, "anna") as visitor:
        yield visitor


async def upload(visitor, content, name="castle.yaml"):
    content = content.encode() if isinstance(content, str) else content
    return await visitor.send("/catalogue", files={"venue": (name, content, "application/yaml")})


async def uploaded(visitor, content=CHANGED):
    """The address of the upload's page, below /console."""
    reply = await upload(visitor, content)
    assert reply.status_code == 303, reply.text
    return reply.headers["location"].removeprefix("/console")


async def finished(visitor, path):
    for _ in range(300):
        page = await visitor.page(path)
        if "data-live" not in page:
            return page
        await asyncio.sleep(0.1)
    raise AssertionError(page)


async def exported(database, company_id):
    async with database.snapshot() as conn:
        return write_yaml(await read_venue(conn, company_id))


async def rows(database):
    async with database.read() as conn:
        return (await conn.execute(text("SELECT * FROM venue_uploads ORDER BY upload_id"))).all()


async def test_a_file_is_checked_shown_and_applied(anna, database, company_id, worker):
    before = await exported(database, company_id)
    path = await uploaded(anna)
    page = await anna.page(path)
    assert "1 added, 0 changed, 0 removed" in page
    assert "90001" in page
    assert await exported(database, company_id) == before
    await anna.do(f"{path}/apply")
    page = await finished(anna, path)
    assert "The venue is now as the file says. Changes: 1." in page
    assert "user anna" in page
    assert "90001" in await exported(database, company_id)
    async with database.read() as conn:
        [change] = (
            await conn.execute(text("SELECT * FROM audit_events WHERE action = 'venue.import'"))
        ).all()
    assert change.actor == "user anna"
    assert change.after["differences"] == 1
    # It is done: nothing more can be done with it, and another job for it does nothing.
    assert (await anna.send(f"{path}/apply")).status_code == 400
    [row] = await rows(database)
    await import_upload(database, company_id, row.upload_id)
    assert (await rows(database))[0] == row


async def test_what_a_file_says_is_text_wherever_it_is_shown(anna, database, company_id, worker):
    changed = CHANGED.replace("name: Example Travel", f'name: "{EVIL}"')
    reply = await upload(anna, changed, name=f"{EVIL}.yaml")
    path = reply.headers["location"].removeprefix("/console")
    page = await anna.page(path)
    assert EVIL not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 2
    await anna.do(f"{path}/apply")
    assert EVIL not in await finished(anna, path)
    for address in ("/catalogue", "/catalogue/files", "/catalogue?q=img"):
        page = await anna.page(address)
        assert EVIL not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff\xfe" + CASTLE.encode("utf-16-le"), "is not UTF-8; save the file as UTF-8"),
        (CASTLE.encode() + b"\n# \xe6\xf8\xe5\n", "is not UTF-8"),
        (b"a: [", "not YAML"),
        (b"company: \x00", "not YAML"),
        (b"", "the file: "),
        (b"just words", "the file: "),
        (CASTLE.replace("amount: 100", "amount: -1", 1), "amount"),
        (CASTLE.replace("validFrom: 2026-01-01", "validFrom: 2026-13-01"), "validFrom"),
        (CASTLE.replace('colour: "#8a1538"', "logo: /etc/passwd"), "only a data: address"),
        (b"a: &a [*a]", "is inside what it stands for"),
        (b"a: " + b"[" * 100_000, "nesting depth"),
        (b"a: " + b"[" * 100, "goes more than 50 levels deep"),
        (
            "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(
                f"{c}: &{c} [{','.join(['*' + p] * 10)}]\n"
                for p, c in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "holds more than 500,000 values",
        ),
        (b"[" + b"x," * 2_000_000 + b"x]", "holds more than 500,000 values"),
        (CASTLE.replace(castle.COMPANY, "Another Ltd."), "is Another Ltd. in production"),
        (CASTLE.replace(castle.TENANT, "99234567-89ab-cdef-0123-456789abcdef"), "company"),
    ],
)
async def test_a_file_that_can_not_be_imported_says_where_and_why(anna, database, content, told):
    started = time.monotonic()
    reply = await upload(anna, content)
    assert reply.status_code == 400
    assert told in reply.text
    assert "Nothing was changed" in reply.text
    assert await rows(database) == []
    async with database.read() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM companies")) == 1
    assert time.monotonic() - started < 30


async def test_faults_name_their_lines(anna):
    reply = await upload(anna, CASTLE.replace("currency: DKK", "currency: XXQ"))
    line = CASTLE.split("currency: DKK")[0].count("\n") + 1
    assert f"<strong>line {line}</strong>: company.currency" in reply.text


async def test_a_file_that_is_too_large_is_refused(anna):
    reply = await upload(anna, CASTLE + "#" * (16 * 1024 * 1024))
    assert reply.status_code == 400
    assert "is over 16,777,216 bytes" in reply.text
    assert (await upload(anna, b"#" * 18_000_000)).status_code == 413


async def test_many_faults_are_told_in_part(anna):
    many = "".join(f"  - {{number: '{n}', description: x}}\n" for n in range(1_000))
    reply = await upload(anna, CASTLE.replace("items:\n", f"items:\n{many}", 1))
    assert reply.status_code == 400
    assert reply.text.count("give its price") + reply.text.count("name either") < 300
    assert "more" in reply.text


async def test_no_file_and_no_fields_are_refused(anna):
    assert (await anna.send("/catalogue")).status_code == 400
    assert (await anna.send("/catalogue", venue="text")).status_code == 400


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_only_an_admin_uploads_and_applies(client, database, company_id, anna, role):
    path = await uploaded(anna)
    await add_person(database, company_id, "vera", role)
    async with signed_in(client.app, "vera") as vera:
        assert (await upload(vera, CHANGED)).status_code == 403
        for address in ("/catalogue/files", path):
            await vera.page(address, 403)
        for action in ("apply", "check", "discard"):
            assert (await vera.send(f"{path}/{action}")).status_code == 403
        assert "/console/catalogue/files" not in await vera.page("/catalogue")
    assert [row.state for row in await rows(database)] == ["checked"]


async def test_a_form_of_another_site_changes_nothing(anna, database):
    path = await uploaded(anna)
    files = {"venue": ("x.yaml", CHANGED.encode())}
    post = anna.http.post
    assert (await post("/console/catalogue", files=files)).status_code == 403
    bad = await post("/console/catalogue", files=files, data={"csrf": "0" * 64})
    assert bad.status_code == 403
    for action in ("apply", "check", "discard"):
        assert (await post(f"/console{path}/{action}")).status_code == 403
    assert [row.state for row in await rows(database)] == ["checked"]


async def test_another_companys_uploads_are_not_there(client, anna, database):
    path = await uploaded(anna)
    second = await castle.load_venue(database, CASTLE.replace(castle.COMPANY, "Tower Ltd."))
    await add_person(database, second, "carl", Role.ADMIN)
    async with signed_in(client.app, "carl") as carl:
        await carl.page(path, 404)
        for action in ("apply", "check", "discard"):
            assert (await carl.send(f"{path}/{action}")).status_code == 404
        assert "castle.yaml" not in await carl.page("/catalogue/files")
        # A file of the first company isn't for the second.
        assert (await upload(carl, CHANGED)).status_code == 400


async def test_a_venue_that_has_changed_since_must_be_checked_again(anna, database, worker):
    first, second = await uploaded(anna), await uploaded(anna, CHANGED.replace("12.50", "13.50"))
    await anna.do(f"{first}/apply")
    await finished(anna, first)
    refused = await anna.send(f"{second}/apply")
    assert refused.status_code == 400
    assert "has changed since this file was checked" in refused.text
    await anna.do(f"{second}/check")
    page = await anna.page(second)
    assert "0 added, 1 changed, 0 removed" in page
    assert "price.amount" in page
    await anna.do(f"{second}/apply")
    assert "Changes: 1." in await finished(anna, second)


async def test_a_change_after_the_click_fails_it_and_nothing_else_is_written(
    anna, database, company_id
):
    path = await uploaded(anna, CHANGED.replace("holdMinutes: 60", "holdMinutes: 45"))
    await anna.do(f"{path}/apply")
    async with database.transaction() as conn:
        # As a page for partners may: it makes no new version of the catalogue.
        await conn.execute(text("UPDATE partners SET hold_minutes = 30"))
    [row] = await rows(database)
    before = await exported(database, company_id)
    await import_upload(database, company_id, row.upload_id)
    page = await anna.page(path)
    assert "has changed since this file was checked" in page
    assert await exported(database, company_id) == before
    await anna.do(f"{path}/check")
    assert "holdMinutes" in await anna.page(path)


async def test_an_upload_is_applied_once_however_often_it_is_run(anna, database, company_id):
    path = await uploaded(anna)
    await anna.do(f"{path}/apply")
    [row] = await rows(database)
    await asyncio.gather(*(import_upload(database, company_id, row.upload_id) for _ in range(4)))
    assert [row.state for row in await rows(database)] == ["applied"]
    async with database.read() as conn:
        count = await conn.scalar(
            text("SELECT count(*) FROM audit_events WHERE action = 'venue.import'")
        )
    assert count == 1


async def test_progress_is_seen_while_nothing_of_the_venue_is(
    anna, database, company_id, monkeypatch
):
    monkeypatch.setattr(importing, "TELLS_SECONDS", 0.01)
    many = "".join(ITEM.format(f"Item {n}").replace("90001", f"M{n}") for n in range(2_000))
    path = await uploaded(anna, CASTLE.replace("items:\n", "items:\n" + many.lstrip("\n"), 1))
    assert "and 1,800 more" in await anna.page(path)
    await anna.do(f"{path}/apply")
    [row] = await rows(database)
    running = asyncio.create_task(import_upload(database, company_id, row.upload_id))
    seen = set()
    while not running.done():
        catalogue = await anna.page("/catalogue?q=M1")
        page = await anna.page(path)
        for told in ("Reading the file", "Writing the venue", "rows are written."):
            if told in page:
                seen.add(told)
                assert ">M1<" not in catalogue
        await asyncio.sleep(0.005)
    await running
    assert "rows are written." in seen
    assert ">M1<" in await anna.page("/catalogue?q=M1")


async def test_a_fault_of_ours_fails_it_with_a_number_and_no_detail(
    anna, database, company_id, monkeypatch
):
    async def broken(*_):
        raise RuntimeError("secret detail")

    path = await uploaded(anna)
    await anna.do(f"{path}/apply")
    monkeypatch.setattr(importing, "import_venue", broken)
    [row] = await rows(database)
    await import_upload(database, company_id, row.upload_id)
    page = await anna.page(path)
    assert "the log has it as" in page
    assert "secret detail" not in page


async def test_a_schedule_that_sold_too_many_fails_with_the_slot(
    anna, client, database, company_id
):
    reply = await client.post(f"{castle.ORDERS_PATH}?sync=1", json=castle.order())
    assert reply.json()["status"] == "Issued"
    before = await exported(database, company_id)
    path = await uploaded(anna, CASTLE.replace("capacity: 100000", "capacity: 1"))
    await anna.do(f"{path}/apply")
    [row] = await rows(database)
    await import_upload(database, company_id, row.upload_id)
    page = await anna.page(path)
    assert 'class="state state-failed"' in page
    assert castle.soon() in page
    assert await exported(database, company_id) == before


async def test_an_upload_whose_job_was_lost_is_found(anna, database, worker):
    path = await uploaded(anna)
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE venue_uploads SET state = 'queued'"))
    await find_forgotten_uploads(database)
    assert "Changes: 1." in await finished(anna, path)


async def test_a_discarded_file_is_not_applied(anna, database):
    path = await uploaded(anna)
    await anna.do(f"{path}/discard")
    refused = await anna.send(f"{path}/apply")
    assert "This upload is discarded by now." in refused.text
    await anna.do(f"{path}/check")
    assert "checked" in await anna.page(path)


async def test_old_files_are_let_go_and_their_rows_stay(anna, database, monkeypatch):
    monkeypatch.setattr(service, "KEPT_FILES", 2)
    paths = [await uploaded(anna) for _ in range(4)]
    assert [row.content is not None for row in await rows(database)] == [False, False, True, True]
    assert "no longer kept" in await anna.page(paths[0])
    assert (await anna.send(f"{paths[0]}/apply")).status_code == 400
    assert (await anna.send(f"{paths[0]}/check")).status_code == 400


async def test_the_venue_file_that_is_downloaded_changes_nothing(anna, database, company_id):
    reply = await anna.http.get("/console/catalogue/venue.yaml")
    assert reply.status_code == 200
    assert "attachment" in reply.headers["content-disposition"]
    page = await anna.page(await uploaded(anna, reply.text))
    assert "The file says what the venue is already." in page


async def test_a_byte_order_mark_and_crlf_are_taken(anna):
    content = b"\xef\xbb\xbf" + CHANGED.replace("\n", "\r\n").encode()
    page = await anna.page(await uploaded(anna, content))
    assert "1 added" in page


async def test_a_lost_database_is_waited_for(database_url, database, company_id, monkeypatch):
    company = None
    async with database.read() as conn:
        company = await find_company(conn, company_id)
    checked = await service.check_text(database, company, CHANGED)
    assert checked.differences
    other = Database(database_url, pool_size=3)
    calls = []
    real = importing.import_venue

    async def once_away(*arguments):
        calls.append(1)
        if len(calls) == 1:
            raise OSError("the line is down")
        return await real(*arguments)

    monkeypatch.setattr(importing, "import_venue", once_away)
    async with database.transaction() as conn:
        upload_id = await conn.scalar(
            text(
                "INSERT INTO venue_uploads (company_id, upload_id, uploaded_by, file_name, content,"
                " catalog_version, differences, added, changed, removed, state, step, rows_done,"
                " rows_total, message) VALUES (:company, gen_random_uuid(), 'user x', 'x', :text,"
                " 1, CAST(:told AS jsonb), 1, 0, 0, 'queued', '', 0, 0, '') RETURNING upload_id"
            ),
            {
                "company": company_id,
                "text": CHANGED,
                "told": json.dumps(service.told(checked.differences)),
            },
        )
    await import_upload(other, company_id, upload_id)
    await other.close()
    assert len(calls) == 2
    assert [row.state for row in await rows(database)] == ["applied"]
