import re
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import channel_manager
from channel_manager.catalogues import LOCALES, SOURCE_LANGUAGE, languages
from channel_manager.manifests.wording import wording

TRANSLATED = sorted(languages() - {SOURCE_LANGUAGE})
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def said_in_the_source() -> set[str | tuple[str, str]]:
    return {
        message
        for slice_ in ("manifests", "gate")
        for _, _, message, _, _ in extract_from_dir(
            Path(channel_manager.__file__).parent / slice_,
            [("**.py", "python")],
            keywords={"text": None, "count": (1, 2)},
        )
    }


def catalogue(language: str) -> Catalog:
    with (LOCALES / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def test_the_languages_promised_are_there():
    assert {"da", "de", "sv", "nb", "nl", "fr", "es", "it", "ar", "he"} <= set(TRANSLATED)


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_catalogue_has_exactly_the_messages_of_the_source(language: str):
    assert {message.id for message in catalogue(language) if message.id} == said_in_the_source()


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_message_is_translated_with_the_same_placeholders(language: str):
    for message in catalogue(language):
        if isinstance(message.id, tuple):
            allowed = [set(PLACEHOLDER.findall(message.id[0])), set()]
            assert all(set(PLACEHOLDER.findall(form)) in allowed for form in message.string)
            assert all(message.string)
        elif message.id:
            assert message.string
            assert sorted(PLACEHOLDER.findall(message.string)) == sorted(
                PLACEHOLDER.findall(message.id)
            )
        assert not message.fuzzy


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_number_of_people_that_a_form_leaves_unsaid_is_said_in_words(language: str):
    plurals = catalogue(language)
    words = wording(language)
    for count in (0, 1, 2, 3, 10, 11, 21, 99, 100, 101, 1000):
        said = words.count("%(count)s person", "%(count)s people", count)
        # Arabic and Hebrew have words for one and two of a thing.
        assert str(count) in said or (plurals.locale.text_direction == "rtl" and count in {1, 2})


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (1, "شخص واحد"),
        (2, "شخصان"),
        (3, "3 أشخاص"),
        (11, "11 شخصًا"),
        (99, "99 شخصًا"),
        (100, "100 شخص"),
        (103, "103 أشخاص"),
    ],
)
def test_arabic_counts_in_its_six_forms(count: int, said: str):
    assert wording("ARA").count("%(count)s person", "%(count)s people", count) == said


@pytest.mark.parametrize(
    ("code", "day", "moment", "zone"),
    [
        ("ENU", "Saturday, June 5, 2027", "2:30\u202fPM", "Central European Summer Time"),
        ("ENG", "Saturday, 5 June 2027", "14:30", "Central European Summer Time"),
        ("DAN", "lørdag den 5. juni 2027", "14.30", "Centraleuropæisk sommertid"),
        ("de-AT", "Samstag, 5. Juni 2027", "14:30", "Mitteleuropäische Sommerzeit"),
        ("SVE", "lördag 5 juni 2027", "14:30", "centraleuropeisk sommartid"),
        ("no", "lørdag 5. juni 2027", "14:30", "sentraleuropeisk sommertid"),
        ("ARE", "السبت، 5 يونيو 2027", "2:30 م", "توقيت وسط أوروبا الصيفي"),
    ],
)
def test_dates_and_times_are_written_as_that_language_writes_them(
    code: str, day: str, moment: str, zone: str
):
    words = wording(code)
    visit = date(2027, 6, 5)
    assert words.date(visit) == day
    assert words.time(time(14, 30)).replace("\xa0", " ") == moment
    assert words.zone(visit, time(14, 30), "Europe/Copenhagen") == zone


def test_an_instant_is_told_by_the_venues_clock_on_both_sides_of_a_change():
    words = wording("ENG")
    before, after = (datetime(2027, 10, 31, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert words.instant(before, "Europe/Copenhagen") == "31 October 2027, 02:30"
    assert words.instant(after, "Europe/Copenhagen") == "31 October 2027, 02:30"
    assert words.instant(after, "Australia/Lord_Howe") == "31 October 2027, 12:30"
