"""What a quantity of a month costs by the tiers of a price. Pure and exact.

Tiers count from the first unit of a month, the free ones included. `graduated`: each unit at the
price of its own tier. `volume`: all units at the price of the tier that the whole month falls in.
`package`: started packages. `flat`: one price.

Source: shared design, billing 1.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

_NOTHING = Decimal(0)


def charge(
    tiers: Sequence[Mapping[str, Any]], mode: str, free: Decimal, quantity: Decimal
) -> Decimal:
    """The amount for `quantity` units, of which the first `free` cost nothing. `tiers` as a price
    stores them. Raises: ValueError for an unknown mode.
    """
    if quantity <= free:
        return _NOTHING
    if mode == "graduated":
        return sum((_part(tier, free, quantity) for tier in tiers), _NOTHING)
    tier = tiers[0] if mode in ("flat", "package") else _tier_of(tiers, quantity)
    units = quantity - free
    if mode == "package":
        units = units.to_integral_value(ROUND_CEILING)
    elif mode not in ("flat", "volume"):
        raise ValueError(f"unknown mode {mode}")
    return units * Decimal(tier["unit_price"]) + Decimal(tier.get("flat") or 0)


def _part(tier: Mapping[str, Any], free: Decimal, quantity: Decimal) -> Decimal:
    """What falls into one tier of a graduated price."""
    start, end = bounds(tier)
    low = max(start, free)
    high = quantity if end is None else min(end, quantity)
    if high <= low:
        return _NOTHING
    return (high - low) * Decimal(tier["unit_price"]) + Decimal(tier.get("flat") or 0)


def _tier_of(tiers: Sequence[Mapping[str, Any]], quantity: Decimal) -> Mapping[str, Any]:
    return next(t for t in tiers if (end := bounds(t)[1]) is None or quantity <= end)


def bounds(tier: Mapping[str, Any]) -> tuple[Decimal, Decimal | None]:
    """From (exclusive) and to (inclusive; None = no end)."""
    end = tier.get("to")
    return Decimal(tier.get("from") or 0), None if end is None else Decimal(end)
