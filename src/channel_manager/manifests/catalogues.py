"""The words of the page in the languages that have a catalogue under `locales/`.

The `.po` files are read as they are: nothing has to be compiled after one is edited.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES = Path(__file__).parent / "locales"
SOURCE_LANGUAGE = "en"

_SAME = {"no": "nb", "nn": "nb", "iw": "he"}


@cache
def languages() -> frozenset[str]:
    """The languages (ISO 639) that the page speaks."""
    return frozenset({SOURCE_LANGUAGE, *(folder.name for folder in LOCALES.iterdir())})


def spoken(language: str) -> str:
    """The language that a reader of `language` is shown: that one, or else English."""
    language = _SAME.get(language, language)
    return language if language in languages() else SOURCE_LANGUAGE


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language that `spoken` gave; English is the source and has none."""
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as source:
        catalogue = read_po(source, locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
