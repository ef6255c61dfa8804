"""Money as people read it: sign, narrow no-break space, the reader's grouping."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format

from portal.kernel.money import Money

_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "CHF": "CHF"}
_NARROW_SPACE = "\u202f"


def money(value: Money | Decimal | None, places: int = 2) -> str:
    """`€ 1,234.50`; an em dash for nothing."""
    if value is None:
        return "—"
    amount = value if isinstance(value, Money) else Money(value)
    digits = number_format(amount.rounded(places).amount, decimal_pos=places, force_grouping=True)
    return f"{_SIGNS.get(amount.currency, amount.currency)}{_NARROW_SPACE}{digits}"


def exact_money(amount: Decimal, currency: str = "EUR") -> str:
    """All digits of a unit price, two at least: `€ 0.000009`, `€ 1.00`."""
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return money(Money(amount, currency), places)
