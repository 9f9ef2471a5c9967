"""How things are said to a guest: words, dates and times in the order's language."""

import datetime as dt
from functools import lru_cache
from gettext import NullTranslations
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format, get_timezone_name

from channel_manager.catalogues import SOURCE_LANGUAGE, spoken, translations
from channel_manager.languages import babel_locale, is_known


class Wording:
    """One language's words and formats. Instants are told in the venue's time zone."""

    def __init__(self, locale: Locale, tag: str, catalogue: NullTranslations) -> None:
        self.locale = locale
        self.tag = tag
        self._catalogue = catalogue

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, as HTML has it."""
        return self.locale.text_direction

    def text(self, message: str, **values: str) -> str:
        """The message in this language, its `%(name)s` filled in."""
        return self._catalogue.gettext(message) % values

    def count(self, one: str, many: str, count: int) -> str:
        """The message in the form that this language has for `%(count)s` of something."""
        return self._catalogue.ngettext(one, many, count) % {"count": count}

    def date(self, day: dt.date) -> str:
        """A day with its weekday, in full."""
        return format_date(day, "full", self.locale)

    def time(self, moment: dt.time) -> str:
        """A time of day, to the minute."""
        return format_time(moment, "short", locale=self.locale)

    def zone(self, day: dt.date, moment: dt.time | None, zone: str) -> str:
        """What the venue's clock is called on that day: standard or summer time."""
        local = dt.datetime.combine(day, moment or dt.time(12), ZoneInfo(zone))
        return get_timezone_name(local, "long", locale=self.locale)

    def instant(self, moment: dt.datetime, zone: str) -> str:
        """An instant by the venue's clock."""
        local = moment.astimezone(ZoneInfo(zone))
        pattern = get_datetime_format("medium", locale=self.locale)
        return str(pattern).format(self.time(local.time()), format_date(local, "long", self.locale))


# Clients choose the codes, so what is kept is bounded.
@lru_cache(maxsize=256)
def wording(language: str) -> Wording:
    """For the language of an order (`DAN`, `de-AT`, …); one without a catalogue reads English."""
    wanted = babel_locale(language) if is_known(language) else Locale(SOURCE_LANGUAGE)
    shown = spoken(wanted.language)
    if shown == wanted.language:
        return Wording(wanted, str(wanted).replace("_", "-"), translations(shown))
    return Wording(Locale(shown), shown, translations(shown))
