"""The words that people read, in the languages that have a catalogue under `locales/`.

The `.po` files are read as they are: nothing has to be compiled after one is edited.
"""

from collections.abc import Callable
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = Path(__file__).parent / "locales"
SOURCE_LANGUAGE = "en"
# What the words are for: the guest's page and the gate, or the venue's console.
GUESTS = "messages"
CONSOLE = "console"

_LONGEST_HEADER = 1_000
_SAME = {"no": "nb", "nn": "nb", "iw": "he"}


@cache
def languages(domain: str = GUESTS) -> frozenset[str]:
    """The languages (ISO 639) that there are words in."""
    folders = (folder.name for folder in LOCALES.iterdir())
    return frozenset({SOURCE_LANGUAGE, *(name for name in folders if _file(name, domain).exists())})


def _file(language: str, domain: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / f"{domain}.po"


def spoken(language: str) -> str:
    """The language that a reader of `language` is shown: that one, or else English."""
    language = _SAME.get(language, language)
    return language if language in languages() else SOURCE_LANGUAGE


@cache
def translations(language: str, domain: str = GUESTS) -> NullTranslations:
    """The catalogue of a language that there are words in; English is the source and has none."""
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    with _file(language, domain).open("rb") as source:
        catalogue = read_po(source, locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def text_in(language: str) -> Callable[[str], str]:
    """What gives a message in a language that `spoken` gave; its placeholders stay."""
    return translations(language).gettext


@cache
def runs_right_to_left(language: str) -> bool:
    """Whether this language is written from right to left."""
    return Locale(language).text_direction == "rtl"


def asked_for(accept_language: str, domain: str = GUESTS) -> str:
    """The language that an `Accept-Language` header likes best of those there are; else English."""
    wanted = []
    for place, part in enumerate(accept_language[:_LONGEST_HEADER].split(",")):
        tag, _, quality = part.partition(";")
        language = tag.strip().partition("-")[0].lower()
        language = _SAME.get(language, language)
        if language in languages(domain):
            wanted.append((-_quality(quality), place, language))
    return min(wanted, default=(0, 0, SOURCE_LANGUAGE))[2]


def _quality(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=")) if text else 1.0
    except ValueError:
        return 0.0
