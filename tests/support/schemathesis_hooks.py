"""Hooks for schemathesis: what no schema can say, so that its orders get as far as issuance.

Only values that are valid in form are replaced, so what was generated as wrong stays wrong.
"""

import os
from typing import Any

import schemathesis

from channel_manager.schemas import parse_uuid
from support import castle

NEVER = "00000000-0000-7000-8000-000000000000"


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A body whose ids, dates and references mean something at the castle."""
    if not isinstance(body, dict):
        return body
    changed = dict(body)
    if _is_uuid(body.get("partnerId")):
        changed["partnerId"] = castle.PARTNER
    if _is_text(body.get("notificationUrl")):
        changed["notificationUrl"] = "http://127.0.0.1:9/hook"
    _speak_english(changed)
    if isinstance(body.get("items"), list):
        changed["items"] = [_line(entry) for entry in body["items"]]
    return changed


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Never the key that the run itself uses: rotated or revoked, it would reach nothing more."""
    given = case.path_parameters or {}
    if str(given.get("key_id", "")).lower() == os.environ["OWN_KEY_ID"]:
        case.path_parameters["key_id"] = NEVER


def _line(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    changed = dict(entry)
    if _is_text(entry.get("itemNumber")):
        changed["itemNumber"] = "31001"
    if _is_date(entry.get("visitDate")):
        changed["visitDate"] = castle.soon()
        if _is_text(entry.get("visitTime")):
            changed["visitTime"] = "10:30:00"
    _speak_english(changed)
    return changed


def _speak_english(changed: dict[str, Any]) -> None:
    if isinstance(changed.get("sellToLanguage"), str) and len(changed["sellToLanguage"]) <= 10:
        changed["sellToLanguage"] = "ENU"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= 50


def _is_uuid(value: Any) -> bool:
    try:
        parse_uuid(value)
    except ValueError:
        return False
    return True


def _is_date(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-"
