"""How things are said to the venue's people: words, dates, times, money, in their language.

Times are the venue's own, in the company's time zone.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_skeleton,
    format_time,
    format_timedelta,
)
from babel.numbers import format_compact_decimal, format_currency, format_decimal, format_percent

from channel_manager.catalogues import CONSOLE, languages, translations

if TYPE_CHECKING:
    from gettext import NullTranslations


class ConsoleWording:
    """One language's words and formats, at one venue's time."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.locale = Locale(language) if language != "en" else Locale("en", "GB")
        self.zone = zone
        self.catalogue: NullTranslations = translations(language, CONSOLE)

    @property
    def text(self) -> Callable[[str], str]:
        """A message in this language."""
        return self.catalogue.gettext

    def day(self, day: dt.date) -> str:
        """A day with its weekday: Wed, 25 Nov 2026."""
        return format_date(day, "EEE d MMM y", self.locale)

    def short_day(self, day: dt.date) -> str:
        """A day where there is little room: Wed 25."""
        return format_date(day, "EEE d", self.locale)

    def date(self, day: dt.date) -> str:
        """A day where there is no room at all: 25/11."""
        return format_skeleton("Md", day, locale=self.locale)

    def time(self, moment: dt.time) -> str:
        """A time of day: 10:30."""
        return format_time(moment, "HH:mm", locale=self.locale)

    def instant(self, moment: dt.datetime | None) -> str:
        """An instant to the second, by the venue's clock; "" for none."""
        if moment is None:
            return ""
        local = moment.astimezone(self.zone)
        return format_datetime(local, "d MMM y HH:mm:ss", locale=self.locale)

    def clock(self, moment: dt.datetime | None) -> str:
        """An instant of a day that is known: 10:30:05, by the venue's clock; "" for none."""
        if moment is None:
            return ""
        return format_time(moment.astimezone(self.zone).timetz(), "HH:mm:ss", locale=self.locale)

    def lasting(self, seconds: float) -> str:
        """A length of time, roughly."""
        return format_timedelta(dt.timedelta(seconds=seconds), threshold=1.5, locale=self.locale)

    def number(self, value: Decimal | float) -> str:
        """A number with the language's separators."""
        return format_decimal(value, locale=self.locale)

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount in its currency."""
        return format_currency(amount, currency, locale=self.locale)

    def compact(self, value: Decimal) -> str:
        """A number where there is little room: 12K."""
        return format_compact_decimal(value, locale=self.locale, fraction_digits=0)

    def share(self, part: float) -> str:
        """A share of one, in percent."""
        return format_percent(part, locale=self.locale)


@lru_cache(maxsize=512)
def console_wording(language: str, zone: ZoneInfo) -> ConsoleWording:
    """The wording for a language that the console has; English for others."""
    return ConsoleWording(language if language in languages(CONSOLE) else "en", zone)
