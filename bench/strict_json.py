"""The strict gate against json.loads and orjson.loads, and the writer against both, in one run.

    python bench/strict_json.py [--seconds 0.5]

The bodies: an order of about 1 KB, the same with its text escaped to ASCII and an emoji in it (it
takes the second look), and an order of 500 lines. Below, bodies of 1 MiB meant to cost time.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from statistics import median
from typing import Any
from uuid import UUID

import orjson

from channel_manager.errors import InvalidInput
from channel_manager.strict_json import dumps, loads

MIB = 1 << 20
ROUNDS = 7


def order(lines: int, name: str = "Jane Doe") -> dict[str, Any]:
    line = {
        "itemNumber": "CASTLE-DAY",
        "visitDate": "2026-07-15",
        "visitTime": "10:00:00",
        "quantity": 2,
        "sellToEmail": "jane@example.com",
        "wallet": {
            "names": [name, "Søren Ærø"],
            "externalReferenceNumbers": ["EXT-000001", "EXT-000002"],
            "componentSchedule": [
                {"itemNumber": "BOAT", "visitDate": "2026-07-15", "visitTime": "14:00:00"}
            ],
        },
    }
    return {
        "partnerId": "7a1f5ad6-64cb-4ad0-8a49-8f4a6b3d2c1e",
        "sellToOrderReference": "REF-2026-000123",
        "sellToName": name,
        "sellToLanguage": "DAN",
        "paymentReference": "PAY-1",
        "items": [line] * lines,
    }


def reply(lines: int) -> dict[str, Any]:
    wallet = {
        "walletId": UUID("0198a8d4-2f0a-7c3e-9d55-0a1b2c3d4e5f"),
        "issuedAt": datetime(2026, 5, 15, 9, 30, tzinfo=UTC),
        "unitPriceExclVat": Decimal("80.00"),
        "unitPriceInclVat": Decimal("99.99"),
        "name": "Jane Doe",
    }
    return {"status": "Issued", "items": [{"lineNo": 100000, "wallets": [wallet] * 2}] * lines}


def plain(value: object) -> str | float:
    return float(value) if isinstance(value, Decimal) else str(value)


def microseconds(functions: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """The median of rounds that take turns, so that a busy machine is so for all of them."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(ROUNDS):
        for name, function in functions.items():
            runs, started = 0, time.perf_counter()
            while (spent := time.perf_counter() - started) < seconds / ROUNDS or not runs:
                function()
                runs += 1
            times[name].append(spent / runs * 1e6)
    return {name: median(found) for name, found in times.items()}


def show(what: str, found: dict[str, float]) -> None:
    ours = found.pop("ours")
    others = ", ".join(f"{ours / took:.2f} x {name} ({took:,.1f})" for name, took in found.items())
    print(f"{what:<34} {ours:>9,.1f} us: {others}", flush=True)


def refuse(body: bytes) -> None:
    try:
        loads(body)
    except InvalidInput:
        return
    raise AssertionError("taken")


def hostile() -> dict[str, bytes]:
    return {
        "open brackets": b"[" * MIB,
        "open objects": b'{"a":' * (MIB // 5),
        "deep after many strings": b"[" + b'"",' * (MIB // 3) + b"[" * 2000,
        "escaped quotes, never closed": b'["' + b'\\"' * (MIB // 2),
        "a number of 1 MiB": b"1" * MIB,
        "a fraction of 1 MiB": b"0." + b"1" * MIB,
        "one key, over and over": b'{"a":1' + b',"a":1' * (MIB // 6) + b"}",
        "NaN after many numbers": b"[" + b"1," * (MIB // 2) + b"NaN]",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each measurement")
    seconds = parser.parse_args().seconds
    bodies = {
        "order": json.dumps(order(2), ensure_ascii=False).encode(),
        "order, escaped, with an emoji": json.dumps(order(2, "Jane 🎟️")).encode(),
        "order of 500 lines": json.dumps(order(500), ensure_ascii=False).encode(),
    }
    for what, body in bodies.items():
        functions: dict[str, Callable[[], object]] = {
            "ours": lambda b=body: loads(b),  # type: ignore[misc]
            "json.loads": lambda b=body: json.loads(b),  # type: ignore[misc]
            "orjson.loads": lambda b=body: orjson.loads(b),  # type: ignore[misc]
        }
        show(f"read {what} ({len(body):,} B)", microseconds(functions, seconds))
    for lines in (2, 500):
        value = reply(lines)
        functions = {
            "ours": lambda v=value: dumps(v),  # type: ignore[misc]
            "json.dumps": lambda v=value: json.dumps(v, default=plain),  # type: ignore[misc]
            "orjson.dumps, floats": lambda v=value: orjson.dumps(v, default=plain),  # type: ignore[misc]
        }
        show(f"write reply of {lines} lines", microseconds(functions, seconds))
    scan = b"[" + b"1," * (MIB // 2 - 1) + b"1]"
    for what, body in hostile().items():
        functions = {
            "ours": lambda b=body: refuse(b),  # type: ignore[misc]
            "json.loads of 1 MiB": lambda: json.loads(scan),
        }
        show(f"refuse {what}", microseconds(functions, seconds))


if __name__ == "__main__":
    main()
