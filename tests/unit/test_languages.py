import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from channel_manager import languages
from channel_manager.languages import babel_locale, is_known, pick, to_bcp47

CASTLE = {"DAN": "Entré", "ENU": "Admission", "DEU": "Eintritt", "SVE": "Entré till slottet"}


@pytest.mark.parametrize(
    ("code", "tag"),
    [
        ("ENU", "en-US"),
        ("ENG", "en-GB"),
        ("DAN", "da-DK"),
        ("dan", "da-DK"),
        ("DEU", "de-DE"),
        ("DES", "de-CH"),
        ("DEA", "de-AT"),
        ("NOR", "nb-NO"),
        ("NLB", "nl-BE"),
        ("FRC", "fr-CA"),
        ("ESP", "es-ES"),
        ("ESN", "es-ES"),
        ("PTB", "pt-BR"),
        ("CSY", "cs-CZ"),
        ("ELL", "el-GR"),
        ("CHS", "zh-CN"),
        ("CHT", "zh-TW"),
        ("EST", "es-US"),
        ("da", "da"),
        ("en-us", "en-US"),
        ("EN-GB", "en-GB"),
        ("ZH-HANT-TW", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("no-NO", "no-NO"),
        ("de-DK", "de-DK"),
        ("pol", "pl"),
        ("iw", "he"),
        ("sh", "sr-Latn"),
    ],
)
def test_codes_become_tags_in_their_usual_spelling(code: str, tag: str) -> None:
    assert is_known(code)
    assert to_bcp47(code) == tag


@pytest.mark.parametrize(
    "code",
    [
        "",
        " ",
        "x",
        "XX",
        "XYZ",
        "DAN ",
        "da_DK",
        "da-",
        "-DK",
        "da--DK",
        "da-XX",
        "da-ZZ",
        "da-Zzzz",
        "da-Abcd",
        "en-UK",
        "und",
        "und-US",
        "mul",
        "zxx",
        "root",
        "da.UTF-8",
        "en-u-ca-x",
        "da-DK-DK",
        "da-DK\n",
        "\uff44\uff41",
        "danish",
        "ZH-HANT-TWN",
        "d" * 5000,
        "\0",
    ],
)
def test_anything_else_is_unknown(code: str) -> None:
    assert not is_known(code)
    for ask in (to_bcp47, babel_locale):
        with pytest.raises(ValueError, match="not a known language code; use one like ENU"):
            ask(code)


@pytest.mark.parametrize("code", sorted(languages.WINDOWS))
def test_every_windows_code_has_its_language_in_babel(code: str) -> None:
    assert to_bcp47(code) == languages.WINDOWS[code]
    assert babel_locale(code).language == languages.WINDOWS[code].split("-")[0]


@pytest.mark.parametrize(
    ("code", "locale"),
    [
        ("DAN", "da_DK"),
        ("DEA", "de_AT"),
        ("de-DK", "de"),
        ("no-NO", "no"),
        ("CHT", "zh_Hant_TW"),
        ("zh-Hans-SG", "zh_Hans_SG"),
        ("sh", "sr_Latn"),
        ("ENB", "en"),
    ],
)
def test_the_locale_is_the_nearest_that_babel_has(code: str, locale: str) -> None:
    assert babel_locale(code) == Locale.parse(locale)


@given(st.text(max_size=12))
def test_what_is_known_has_a_tag_and_a_locale_and_what_is_not_raises_nothing(code: str) -> None:
    if is_known(code):
        assert is_known(to_bcp47(code))
        assert babel_locale(code)
    assert pick({code: "text"}, code, default="none") in ("text", "none")


@given(
    st.sampled_from(["DAN", "da-DK", "da", "DA", "dan"]), st.sampled_from(["DAN", "da", "da-DK"])
)
def test_the_ways_to_write_a_language_find_each_other(asked: str, written: str) -> None:
    assert pick({"ENU": "Admission", written: "Entré"}, asked, default="none") == "Entré"


def test_the_line_s_language_comes_before_the_company_s_before_the_description() -> None:
    assert pick(CASTLE, "DEU", "DAN", default="Castle Admission") == "Eintritt"
    assert pick(CASTLE, "FRA", "DAN", default="Castle Admission") == "Entré"
    assert pick(CASTLE, "FRA", "ITA", default="Castle Admission") == "Castle Admission"
    assert pick(CASTLE, default="Castle Admission") == "Castle Admission"
    assert pick({}, "DAN", default="Castle Admission") == "Castle Admission"


def test_no_language_is_skipped() -> None:
    assert pick(CASTLE, "", "DAN", default="none") == "Entré"


def test_another_region_will_do_before_another_language() -> None:
    assert pick(CASTLE, "de-AT", "DAN", default="none") == "Eintritt"


def test_the_same_region_comes_before_the_same_language() -> None:
    assert pick({"en": "a", "ENG": "b", "ENU": "c"}, "en-GB", default="none") == "b"
    assert pick({"ENG": "b", "ENU": "c", "en": "a"}, "en", default="none") == "a"


def test_an_unlisted_region_gets_the_language_s_usual_one_in_any_order() -> None:
    assert pick({"ENA": "a", "ENU": "u", "ENC": "c"}, "en-DK", default="none") == "u"
    assert pick({"ENC": "c", "ENU": "u", "ENA": "a"}, "en-DK", default="none") == "u"


def test_hong_kong_reads_the_traditional_script() -> None:
    assert pick({"CHS": "简体", "CHT": "繁體"}, "zh-HK", default="none") == "繁體"
    assert pick({"CHT": "繁體", "CHS": "简体"}, "zh", default="none") == "简体"
    assert pick({"CHT": "繁體"}, "CHS", default="none") == "繁體"


@pytest.mark.parametrize("asked", ["NOR", "no", "no-NO", "nb", "nb-NO"])
@pytest.mark.parametrize("written", ["NOR", "no", "nb-NO"])
def test_norwegian_is_found_by_either_name(asked: str, written: str) -> None:
    assert pick({written: "Billett"}, asked, default="none") == "Billett"


def test_an_empty_translation_is_none() -> None:
    assert pick({"DAN": "", "ENU": "Admission"}, "DAN", "ENU", default="none") == "Admission"
