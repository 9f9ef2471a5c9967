"""Errors as OCTO tells them, and the capabilities that a header asks for."""

import json
from pathlib import Path

import pytest

from channel_manager.catalogues import languages, translations
from channel_manager.octo.capabilities import activated
from channel_manager.octo.edge import WORDS, octo_error
from channel_manager.octo.errors import MEANINGS


@pytest.mark.parametrize(
    ("status", "code", "told_status", "error"),
    [
        (401, "unauthorized", 403, "UNAUTHORIZED"),
        (403, "forbidden", 403, "FORBIDDEN"),
        (404, "resource_not_found", 400, "BAD_REQUEST"),
        (405, "method_not_allowed", 400, "BAD_REQUEST"),
        (408, "request_timeout", 400, "BAD_REQUEST"),
        (409, "idempotency_conflict", 400, "BAD_REQUEST"),
        (413, "body_too_large", 400, "BAD_REQUEST"),
        (415, "unsupported_media_type", 400, "BAD_REQUEST"),
        (422, "", 400, "BAD_REQUEST"),
        (400, "capacity_exceeded", 400, "UNPROCESSABLE_ENTITY"),
        (400, "invalid_status", 400, "UNPROCESSABLE_ENTITY"),
        (400, "INVALID_UNIT_ID", 400, "INVALID_UNIT_ID"),
        (429, "rate_limited", 429, "TOO_MANY_REQUESTS"),
        (500, "internal_error", 500, "INTERNAL_SERVER_ERROR"),
        (503, "unavailable", 500, "INTERNAL_SERVER_ERROR"),
    ],
)
def test_each_error_of_ours_has_one_of_octo(status, code, told_status, error):
    body = json.dumps({"code": code, "message": "Why.", "errors": [{"path": "x"}]}).encode()
    found, told = octo_error(status, body, "en")
    assert (found, json.loads(told)["error"]) == (told_status, error)
    assert set(json.loads(told)) == {"error", "errorMessage"}


@pytest.mark.parametrize("body", [b"", b"plain", b"[]", b"{}"])
def test_a_reply_that_says_nothing_is_told_by_its_status(body):
    status, told = octo_error(404, body, "en")
    assert (status, json.loads(told)["error"]) == (400, "BAD_REQUEST")
    assert json.loads(told)["errorMessage"] == MEANINGS["BAD_REQUEST"]


def test_every_meaning_is_said_in_every_language_that_has_words_for_octo():
    assert len(languages(WORDS)) == 9
    for language in languages(WORDS) - {"en"}:
        said = [translations(language, WORDS).gettext(meaning) for meaning in MEANINGS.values()]
        assert not set(said) & set(MEANINGS.values()), language


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (b"", set()),
        (b"pricing", {"octo/pricing"}),
        (b" OCTO/Pricing , octo/content,octo/never", {"octo/pricing", "octo/content"}),
        (b"\xff, pricing", {"octo/pricing"}),
        (b"x" * 100_000, set()),
    ],
)
def test_capabilities_by_either_name(header, found):
    assert activated(header) == found


def test_the_words_are_packaged():
    import channel_manager  # noqa: PLC0415 - where it is installed

    folder = Path(channel_manager.__file__).parent / "locales"
    assert len(list(folder.glob("*/LC_MESSAGES/octo.po"))) == 8
