"""The console's catalogues say all that its pages and notes say."""

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import channel_manager.console
from channel_manager.catalogues import CONSOLE, LOCALES, SOURCE_LANGUAGE, languages

TRANSLATED = sorted(languages(CONSOLE) - {SOURCE_LANGUAGE})
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def said() -> set[str | tuple[str, str]]:
    return {
        message
        for _, _, message, _, _ in extract_from_dir(
            Path(channel_manager.console.__file__).parent,
            [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")],
            options_map={"**/templates/**.html": {"trimmed": "true", "newstyle_gettext": "true"}},
        )
    }


def catalogue(language: str) -> Catalog:
    with (LOCALES / language / "LC_MESSAGES" / "console.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def test_danish_is_there():
    assert "da" in TRANSLATED


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_catalogue_has_exactly_the_messages_of_the_source(language: str):
    there = {message.id for message in catalogue(language) if message.id}
    assert sorted(map(str, said() - there)) == []
    assert sorted(map(str, there - said())) == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_is_translated_with_the_same_placeholders(language: str):
    for message in catalogue(language):
        if not message.id:
            continue
        assert not message.fuzzy
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        allowed = [set(PLACEHOLDER.findall(source)) for source in sources]
        for form in forms:
            assert form
            assert set(PLACEHOLDER.findall(form)) in allowed, message.id
