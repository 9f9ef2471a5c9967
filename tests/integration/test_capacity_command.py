"""`channel-manager capacity`, as a process of its own."""

from sqlalchemy import text

from support import castle
from support.service import command
from support.slots import DAY, place, reserved, small_castle, wanting


async def run(database_url: str, *arguments: str) -> tuple[int, str]:
    env = {"DATABASE_URL": database_url, "COLUMNS": "200"}
    code, out, err = await command("capacity", *arguments, env=env)
    return code, out + err


async def test_the_audit_finds_and_repairs_a_difference(client, database, database_url):
    await castle.load_venue(database, small_castle(10))
    await place(client, wanting(3))
    code, told = await run(database_url, "audit")
    assert (code, "186 time slots, no differences" in told) == (0, True)
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE time_slots SET reserved = 8 WHERE reserved = 3"))
    code, told = await run(database_url, "audit")
    assert (code, "1 differences" in told, "CASTLE" in told) == (1, True, True)
    assert await reserved(database) == 8
    code, told = await run(database_url, "audit", "--repair")
    assert (code, await reserved(database)) == (0, 3)
    assert (await run(database_url, "audit"))[0] == 0


async def test_a_slot_is_shown_set_and_reset(client, database, database_url):
    await castle.load_venue(database, small_castle(10))
    await place(client, wanting(3))
    _, told = await run(database_url, "show", "CASTLE", "--date", DAY)
    assert f"{DAY}T10:00:00" in told
    async with database.transaction() as conn:
        slot = str(await conn.scalar(text("SELECT slot_id FROM time_slots WHERE reserved = 3")))
    code, told = await run(database_url, "set", slot, "--capacity", "2")
    assert (code, "3 places of it are reserved" in told) == (1, True)
    assert (await run(database_url, "set", slot, "--capacity", "3", "--closed"))[0] == 0
    _, told = await run(database_url, "show", "CASTLE", "--date", DAY)
    assert "closed, set by hand" in told
    assert (await run(database_url, "reset", slot))[0] == 0
    assert (await place(client, wanting(7)))["status"] == "Issued"
