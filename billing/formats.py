"""Money as people read it, by the rules of the reader's language.

Source: the Unicode CLDR, by way of Babel. What differs from it: in English a narrow space follows
the sign (`€ 1,234.50`), and in all languages less than nothing has a true minus (`−€ 1.00`), as
Polder's design wants it. Programs read a hyphen: they get no text from here.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from babel import Locale
from babel.numbers import format_currency

from portal.kernel.formats import reader_locale
from portal.kernel.money import Money

MINUS = "\u2212"
_ENGLISH = "\u00a4\u202f#,##0.00"


def money(value: Money | Decimal | None, places: int = 2) -> str:
    """`€ 1,234.50`, in German `1.234,50 €`; an em dash for nothing. Hourly prices take 4 places."""
    if value is None:
        return "—"
    amount = value if isinstance(value, Money) else Money(value)
    locale = reader_locale()
    rounded = amount.rounded(places).amount
    text = format_currency(
        rounded if rounded else abs(rounded),  # nothing has no sign
        amount.currency,
        format=_pattern(str(locale), places),
        locale=locale,
        currency_digits=False,
    )
    return text.replace("-", MINUS)


def exact_money(amount: Decimal, currency: str = "EUR") -> str:
    """All digits of a unit price, two at least: `€ 0.000009`, `€ 1.00`."""
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return money(Money(amount, currency), places)


@lru_cache(maxsize=64)
def _pattern(name: str, places: int) -> str:
    locale = Locale.parse(name)
    standard = locale.currency_formats["standard"].pattern
    pattern = _ENGLISH if locale.language == "en" else standard
    return pattern.replace("0.00", f"0.{'0' * places}" if places else "0")
