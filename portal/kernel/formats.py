"""Numbers and times as people read them, by the rules of the reader's language. Money:
`billing.formats`.

Source: the Unicode CLDR, by way of Babel. A zone is named by its abbreviation of the time zone
database (`CET`), which reads the same in every language.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton, format_timedelta
from babel.numbers import format_decimal
from django.conf import settings
from django.utils.timezone import localtime
from django.utils.translation import get_language, to_locale

NARROW_SPACE = "\u202f"


def reader_locale() -> Locale:
    """Of the language that is active."""
    return _locale(get_language() or settings.LANGUAGE_CODE)


@lru_cache(maxsize=16)
def _locale(language: str) -> Locale:
    return Locale.parse(to_locale(language))


# -- numbers ---------------------------------------------------------------------------------------


def number(value: Decimal | float, places: int | None = None) -> str:
    """`1,234.5`: with `places` decimals, else with all digits and no zeros behind them."""
    exact = value if isinstance(value, Decimal) else Decimal(str(value))
    pattern = None if places is None else f"#,##0{'.' if places else ''}{'0' * places}"
    return format_decimal(
        exact, format=pattern, locale=reader_locale(), decimal_quantization=places is not None
    )


# -- days and moments ------------------------------------------------------------------------------


def day(value: date) -> str:
    """`25 November 2026`."""
    return format_date(_local_day(value), "long", locale=reader_locale())


def short_day(value: date) -> str:
    """`25 Nov 2026`, for tables and lists."""
    return format_skeleton("yMMMd", _local_day(value), locale=reader_locale())


def day_and_month(value: date) -> str:
    """`25 Nov`, for the axis of a chart."""
    return format_skeleton("MMMd", _local_day(value), locale=reader_locale())


def day_of_year(value: date) -> str:
    """`25 November`, where the year is plain."""
    return format_skeleton("MMMMd", _local_day(value), locale=reader_locale())


def month(value: date) -> str:
    """`November 2026`."""
    return format_date(_local_day(value), "LLLL y", locale=reader_locale())


def month_of_year(value: date) -> str:
    """`November`, where the year is plain."""
    return format_date(_local_day(value), "LLLL", locale=reader_locale())


def weekday(number: int) -> str:
    """`Monday` for 0."""
    return str(reader_locale().days["stand-alone"]["wide"][number])


def clock_time(value: datetime | time, *, seconds: bool = False) -> str:
    """`14:02`, without a zone: for where the moment or the zone stands beside it."""
    local = localtime(value) if isinstance(value, datetime) else value
    return f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"


def moment(value: datetime, *, seconds: bool = False) -> str:
    """`25 Nov 2026, 14:02 CET`: exact, in the time zone at hand, which is named."""
    local = localtime(value)
    return f"{short_day(local)}, {clock_time(local, seconds=seconds)} {local:%Z}"


def ago(passed: timedelta) -> str:
    """`3 minutes ago`, in the largest whole unit up to days."""
    seconds = passed.total_seconds()
    unit = next(size for size in (86400, 3600, 60, 1) if seconds >= size or size == 1)
    whole = timedelta(seconds=seconds // unit * unit)
    return format_timedelta(-whole, threshold=1, add_direction=True, locale=reader_locale())


def _local_day(value: date) -> date:
    """The day that a moment falls on in the time zone at hand."""
    return localtime(value).date() if isinstance(value, datetime) else value


# -- places ----------------------------------------------------------------------------------------


def country_name(code: str) -> str:
    """Of an ISO 3166 code; the code itself where there is no name."""
    return str(reader_locale().territories.get(code, code))
