"""The floor: the rows that whole lives write, in as many transactions, by pgbench alone.

No service on this database can live more lives than that: pgbench speaks no HTTP, checks nothing,
and has its statements ready. A life is copied from one that the service has lived, so the rows are
as long as real ones; the tables are of the same shape, with all their indexes.
"""

import asyncio
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import asyncpg

from channel_manager.embedded import bin_path
from scratch import Service

TABLES = {
    # What an order's life has in each table, told by the order's id.
    "orders": "order_id = $1",
    "order_lines": "order_id = $1",
    "pgqueuer_log": "job_id = (SELECT max(job_id) FROM pgqueuer_log) AND status = 'queued'",
    "audit_events": "subject = 'order ' || $1 AND action = 'order.create'",
    "wallets": "order_id = $1",
    "assets": "order_id = $1",
    "reservations": "order_id = $1",
    "capacity_ledger": "order_id = $1",
    "time_slots": "slot_id = (SELECT slot_id FROM reservations WHERE order_id = $1)",
    "webhook_events": "order_id = $1 AND sequence = 1",
    "webhook_deliveries": "event_id = (SELECT event_id FROM webhook_events"
    " WHERE order_id = $1 AND sequence = 1)",
    "webhook_attempts": "delivery_id = (SELECT delivery_id FROM webhook_deliveries JOIN"
    " webhook_events USING (event_id) WHERE order_id = $1 AND sequence = 1)",
    "gate_entries": "ticket_id = (SELECT row_id FROM assets WHERE order_id = $1 LIMIT 1)",
}
# A sequence of its own for ids that are numbers; a new UUID for each id that is drawn.
NEW = "gen_random_uuid()"
QUICK = "WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))"


def measure(service: Service, *, clients: int = 16, seconds: int = 15) -> dict[str, Any]:
    """Lives a second that pgbench writes, and how many transactions each of them is."""
    script = asyncio.run(_prepare(service.database_url))
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        Path(file.name).chmod(0o644)
        done = subprocess.run(
            [bin_path() / "pgbench", "--no-vacuum", "--protocol=prepared", f"--client={clients}",
             f"--time={seconds}", f"--file={file.name}", service.database_url],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return {"lives a second": round(float(found.group(1)), 1), "transactions each": TRANSACTIONS}


def show(beneath: dict[str, Any], lives: float | None) -> None:
    """Print the floor, and what part of it was reached."""
    a_second = beneath["lives a second"]
    print(f"\nfloor: pgbench writes {a_second:,} lives a second,", end=" ")
    print(f"{beneath['transactions each']} transactions each", end="")
    print(f"; the service reached {lives / a_second:.2f} of it" if lives else "")


async def _prepare(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        order_id = await connection.fetchval(
            "SELECT order_id FROM gate_entries JOIN assets ON row_id = ticket_id LIMIT 1"
        )
        assert order_id is not None, "no whole life has been lived on this database yet"
        await connection.execute("DROP SCHEMA IF EXISTS floor CASCADE")
        await connection.execute("CREATE SCHEMA floor")
        await connection.execute("CREATE TABLE floor.pgqueuer (LIKE public.pgqueuer INCLUDING ALL)")
        rows = {
            table: await _copy(connection, table, where, order_id)
            for table, where in TABLES.items()
        }
        await connection.execute("INSERT INTO floor.time_slots SELECT * FROM floor.like_time_slots")
        await connection.execute("UPDATE floor.time_slots SET reserved = 0, capacity = 1000000000")
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return _script(rows)


async def _copy(connection: asyncpg.Connection, table: str, where: str, order: object) -> list[str]:
    await connection.execute(f"CREATE TABLE floor.{table} (LIKE public.{table} INCLUDING ALL)")
    await connection.execute(f"CREATE TABLE floor.like_{table} (LIKE public.{table})")
    where = where.replace("$1", f"'{order}'")
    await connection.execute(
        f"INSERT INTO floor.like_{table} SELECT * FROM public.{table} WHERE {where}"
    )
    columns = await connection.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
        " AND NOT attisdropped AND attidentity <> 'a' ORDER BY attnum",
        f"floor.{table}",
    )
    return [row[0] for row in columns]


def _script(rows: dict[str, list[str]]) -> str:
    def insert(table: str, **changed: str) -> str:
        columns = rows[table]
        values = [changed.get(column, f'"{column}"') for column in columns]
        named = ", ".join(f'"{column}"' for column in columns)
        return (
            f"INSERT INTO floor.{table} ({named}) SELECT {', '.join(values)}"
            f" FROM floor.like_{table}"
        )

    order = "CAST(:o AS uuid)"
    number = "nextval('pgqueuer_id_seq')"
    delivery = "delivery_id = CAST(:d AS uuid)"

    def event(sequence: int) -> list[str]:
        return [
            insert("webhook_events", event_id=NEW, order_id=order, sequence=str(sequence)) + ";",
            insert("webhook_deliveries", delivery_id=NEW, state="'waiting'")
            + " RETURNING delivery_id AS d \\gset",
        ]

    def delivered() -> list[str]:
        return [
            f"{QUICK} UPDATE floor.webhook_deliveries SET claimed_until = now() FROM quick"
            f" WHERE {delivery};",
            f"{QUICK}, told AS (UPDATE floor.webhook_deliveries SET state = 'delivered',"
            f" attempts = 1, delivered_at = now() WHERE {delivery}) "
            + insert("webhook_attempts", delivery_id="CAST(:d AS uuid)", attempt_id=NEW)
            + " CROSS JOIN quick;",
        ]

    def scanned(ticket: str) -> list[str]:
        return [
            "BEGIN;",
            "UPDATE floor.assets SET admitted = 1, last_admitted_at = now()"
            f" WHERE row_id = CAST(:{ticket} AS uuid);",
            insert("gate_entries", entry_id=NEW, ticket_id=f"CAST(:{ticket} AS uuid)") + ";",
            "COMMIT;",
        ]

    lines = [
        "BEGIN;",
        insert(
            "orders", order_id=NEW, reference_key=f"{NEW}::text",
            buy_from_order_reference=f"{NEW}::text", manifest_id=NEW, status="'Submitted'",
        ) + " RETURNING order_id AS o \\gset",
        insert("order_lines", order_id=order) + ";",
        "INSERT INTO floor.pgqueuer (priority, status, entrypoint, dedupe_key, payload)"
        f" VALUES (0, 'queued', 'issue_order', {order}::text, 'a payload of ids')"
        " RETURNING id AS j \\gset",
        insert("pgqueuer_log", id=number, job_id="CAST(:j AS bigint)") + ";",
        insert("audit_events", event_id=NEW) + ";",
        "COMMIT;",
        f"{QUICK} UPDATE floor.orders SET status = 'Processing' FROM quick"
        f" WHERE order_id = {order};",
        "BEGIN;",
        "SELECT FROM floor.time_slots FOR UPDATE;",
        insert(
            "wallets", wallet_id=NEW, order_id=order, manifest_id=NEW,
            reference_number=f"{NEW}::text",
        ) + ";",
        "WITH made AS ("
        + insert("assets", row_id=NEW, order_id=order, reference_number=f"{NEW}::text")
        + " RETURNING row_id::text) SELECT min(row_id) AS a, max(row_id) AS b FROM made \\gset",
        insert("reservations", order_id=order) + ";",
        "UPDATE floor.time_slots SET reserved = reserved + 2;",
        insert("capacity_ledger", movement_id=NEW, order_id=order) + ";",
        f"UPDATE floor.orders SET status = 'Draft', job_number = 1 WHERE order_id = {order};",
        *event(1),
        "COMMIT;",
        "WITH gone AS (DELETE FROM floor.pgqueuer WHERE id = CAST(:j AS bigint)) "
        + insert("pgqueuer_log", id=number, job_id="CAST(:j AS bigint)") + ";",
        *delivered(),
        "BEGIN;",
        f"UPDATE floor.orders SET status = 'Issued' WHERE order_id = {order};",
        f"UPDATE floor.assets SET valid_at = now() WHERE order_id = {order};",
        *event(2),
        insert("audit_events", event_id=NEW) + ";",
        "COMMIT;",
        *delivered(),
        *scanned("a"),
        *scanned("b"),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


# Accept, mark, settle, done; claim and record of two events; confirm; two scans.
TRANSACTIONS = 11
