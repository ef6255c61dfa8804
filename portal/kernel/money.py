"""Money: exact decimals with a currency. No float anywhere; rounding happens once, half away from
zero.

Source: shared design, billing rules (round per invoice line; console amounts are exact until then).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

HOURS_PER_MONTH = Decimal(730)
SECONDS_PER_HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency (ISO 4217)."""

    amount: Decimal
    currency: str = "EUR"

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def times(self, factor: Decimal) -> Money:
        return Money(self.amount * factor, self.currency)

    def rounded(self, places: int = 2) -> Money:
        """Half away from zero to `places` decimals."""
        step = Decimal(1).scaleb(-places)
        return Money(self.amount.quantize(step, rounding=ROUND_HALF_UP), self.currency)
