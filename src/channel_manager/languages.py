"""Language codes as partners and venues write them: `DAN`, `da`, `da-DK` (contract: Order body).

The three-letter codes are those by which Windows, and so NAV and Business Central, name a language
with its region. Where one is also another language's ISO code (`EST`), Windows' meaning counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.core import get_global

MAX_LENGTH = 10
SCRIPT_LENGTH = 4

WINDOWS_NAMES = """
    AFK=af-ZA AMH=am-ET ARA=ar-SA ARB=ar-LB ARE=ar-EG ARG=ar-DZ ARH=ar-BH ARI=ar-IQ ARJ=ar-JO
    ARK=ar-KW ARL=ar-LY ARM=ar-MA ARO=ar-OM ARQ=ar-QA ARS=ar-SY ART=ar-TN ARU=ar-AE ARY=ar-YE
    ASM=as-IN AZC=az-Cyrl-AZ AZE=az-Latn-AZ BEL=be-BY BGR=bg-BG BNB=bn-BD BNG=bn-IN BRE=br-FR
    BSB=bs-Latn-BA BSC=bs-Cyrl-BA CAT=ca-ES CHS=zh-CN CHT=zh-TW CSY=cs-CZ CYM=cy-GB DAN=da-DK
    DEA=de-AT DEC=de-LI DEL=de-LU DES=de-CH DEU=de-DE ELL=el-GR ENA=en-AU ENB=en-029 ENC=en-CA
    ENE=en-SG ENG=en-GB ENI=en-IE ENJ=en-JM ENL=en-BZ ENM=en-MY ENN=en-IN ENP=en-PH ENS=en-ZA
    ENT=en-TT ENU=en-US ENW=en-ZW ENZ=en-NZ ESA=es-PA ESB=es-BO ESC=es-CR ESD=es-DO ESE=es-SV
    ESF=es-EC ESG=es-GT ESH=es-HN ESI=es-NI ESL=es-CL ESM=es-MX ESN=es-ES ESO=es-CO ESP=es-ES
    ESR=es-PE ESS=es-AR EST=es-US ESU=es-PR ESV=es-VE ESY=es-UY ESZ=es-PY ETI=et-EE EUQ=eu-ES
    FAR=fa-IR FIN=fi-FI FOS=fo-FO FPO=fil-PH FRA=fr-FR FRB=fr-BE FRC=fr-CA FRL=fr-LU FRM=fr-MC
    FRS=fr-CH FYN=fy-NL GLC=gl-ES GSW=gsw-FR GUJ=gu-IN HEB=he-IL HIN=hi-IN HRB=hr-BA HRV=hr-HR
    HUN=hu-HU HYE=hy-AM IND=id-ID IRE=ga-IE ISL=is-IS ITA=it-IT ITS=it-CH JPN=ja-JP KAL=kl-GL
    KAT=ka-GE KDI=kn-IN KHM=km-KH KKZ=kk-KZ KNK=kok-IN KOR=ko-KR KYR=ky-KG LAO=lo-LA LBX=lb-LU
    LTH=lt-LT LVI=lv-LV MAR=mr-IN MKI=mk-MK MLT=mt-MT MON=mn-MN MRI=mi-NZ MSB=ms-BN MSL=ms-MY
    MYM=ml-IN NEP=ne-NP NLB=nl-BE NLD=nl-NL NON=nn-NO NOR=nb-NO ORI=or-IN PAN=pa-IN PLK=pl-PL
    PTB=pt-BR PTG=pt-PT RMC=rm-CH ROD=ro-MD ROM=ro-RO RUM=ru-MD RUS=ru-RU SIN=si-LK SKY=sk-SK
    SLV=sl-SI SME=se-NO SMF=se-FI SMG=se-SE SQI=sq-AL SRB=sr-Cyrl-RS SRL=sr-Latn-RS SRM=sr-Latn-RS
    SRN=sr-Cyrl-BA SRS=sr-Latn-BA
    SRO=sr-Cyrl-RS SRP=sr-Latn-ME SRQ=sr-Cyrl-ME SVE=sv-SE SVF=sv-FI SWK=sw-KE TAI=ta-IN TAM=ta-IN
    TEL=te-IN THA=th-TH TRK=tr-TR TTT=tt-RU UKR=uk-UA URD=ur-PK UZB=uz-Latn-UZ UZC=uz-Cyrl-UZ
    VIT=vi-VN ZHH=zh-HK ZHI=zh-SG ZHM=zh-MO ZUL=zu-ZA
"""
WINDOWS = dict(pair.split("=") for pair in WINDOWS_NAMES.split())
_TAG = re.compile(
    r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.ASCII | re.IGNORECASE
)
# CLDR's names for "unknown", "unwritten" and its pseudo-locales, which nobody speaks.
_NOWHERE = {"ZZ", "XA", "XB"}
_UNWRITTEN = {"Zzzz", "Zxxx", "Zinh", "Zyyy"}


@dataclass(frozen=True, slots=True)
class _Tag:
    """A BCP 47 tag in its usual spelling, with what else it implies."""

    text: str
    # Norwegian is one language here, as `no` is how most write it.
    language: str
    script: str
    region: str | None
    usual_region: str
    locale: Locale


def is_known(code: str) -> bool:
    """Whether `code` is a Windows code or a BCP 47 tag of a language that Babel knows."""
    return _tag(code) is not None


def to_bcp47(code: str) -> str:
    """The BCP 47 tag for pages and documents: `DAN` → `da-DK`. Errors: `ValueError`."""
    return _known(code).text


def babel_locale(code: str) -> Locale:
    """Babel's locale for dates, times and money. Errors: `ValueError` where it is unknown."""
    return _known(code).locale


def pick(translations: Mapping[str, str], *codes: str, default: str) -> str:
    """The text in the first of `codes` that there is one for, else `default`.

    For each code: the same language and region, however the codes are written; then the same
    language in any region, first one in the same script, then one of the language's usual region.
    Unknown codes and empty texts count as absent.
    """
    given = [(tag, text) for code, text in translations.items() if text and (tag := _tag(code))]
    for code in codes:
        wanted = _tag(code)
        near = [(tag, text) for tag, text in given if wanted and tag.language == wanted.language]
        if wanted and near:
            return min(near, key=lambda pair: _distance(wanted, pair[0]))[1]
    return default


def _distance(wanted: _Tag, tag: _Tag) -> tuple[bool, bool, bool, str]:
    return (
        tag.text != wanted.text,
        tag.script != wanted.script,
        tag.region not in (None, tag.usual_region),
        tag.text,
    )


def _known(code: str) -> _Tag:
    tag = _tag(code)
    if tag is None:
        raise ValueError(f"{code!a} is not a known language code; use one like ENU, DAN or da-DK")
    return tag


# Clients choose the codes, so what is kept is bounded.
@lru_cache(maxsize=4096)
def _tag(code: str) -> _Tag | None:
    match = _TAG.fullmatch(WINDOWS.get(code.upper(), code)) if len(code) <= MAX_LENGTH else None
    if match is None:
        return None
    language, script, region = match[1].lower(), match[2], match[3]
    script = script and script.title()
    region = region and region.upper()
    if not _names_a_place_and_script(script, region):
        return None
    return _described(language, script, region)


def _names_a_place_and_script(script: str | None, region: str | None) -> bool:
    english = Locale("en")
    return (region is None or (region in english.territories and region not in _NOWHERE)) and (
        script is None or (script in english.scripts and script not in _UNWRITTEN)
    )


def _described(language: str, script: str | None, region: str | None) -> _Tag | None:
    # An old or three-letter code stands for a tag: iw for he, dan for da, sh for sr_Latn.
    base, *implied = get_global("language_aliases").get(language, language).split("_")
    script = script or next((part for part in implied if len(part) == SCRIPT_LENGTH), None)
    region = region or next((part for part in implied if len(part) < SCRIPT_LENGTH), None)
    locale = _nearest_locale(base, script, region)
    if locale is None:
        return None
    usual_script, usual_region = _usual(base, script, region)
    return _Tag(
        text="-".join(part for part in (base, script, region) if part),
        language="no" if base == "nb" else base,
        script=script or usual_script,
        region=region,
        usual_region=usual_region,
        locale=locale,
    )


def _nearest_locale(language: str, script: str | None, region: str | None) -> Locale | None:
    """Babel knows German in Austria, but not in Denmark: there it is German all the same."""
    for subtags in ((language, script, region), (language, script), (language,)):
        try:
            locale = Locale.parse("_".join(part for part in subtags if part))
        except UnknownLocaleError:
            continue
        # Babel takes a language that it can't place, such as und, for English.
        return locale if locale.language == language else None
    return None


def _usual(language: str, script: str | None, region: str | None) -> tuple[str, str]:
    likely = get_global("likely_subtags")
    for subtags in (
        (language, script, region),
        (language, region),
        (language, script),
        (language,),
    ):
        found = likely.get("_".join(part for part in subtags if part))
        if found:
            _, usual_script, _ = found.split("_")
            return usual_script, likely.get(language, found).split("_")[2]
    return "", ""
