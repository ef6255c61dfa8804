"""What a budget says: its thresholds, their order and their faults. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from django.utils.translation import gettext as _

Kind = Literal["actual", "forecast"]
Action = Literal["notify", "approve", "block", "pause"]
KINDS: tuple[Kind, ...] = ("actual", "forecast")
# What each does beside telling, mildest first.
ACTIONS: tuple[Action, ...] = ("notify", "approve", "block", "pause")
MOST_THRESHOLDS = 10
MOST_PERCENT = 1000
MOST_AMOUNT = Decimal(100_000_000)
MOST_NAME = 60
_HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True, order=True)
class Threshold:
    """Reached when the cost (`actual`) or the expected cost of the whole month (`forecast`) is at
    least `percent` of the budget.
    """

    kind: Kind
    percent: int
    action: Action

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "percent": self.percent, "action": self.action}


DEFAULTS = (
    Threshold("actual", 50, "notify"),
    Threshold("actual", 80, "notify"),
    Threshold("actual", 100, "notify"),
    Threshold("forecast", 100, "notify"),
)


def read(rows: Iterable[Mapping[str, Any]]) -> list[Threshold]:
    """Stored thresholds, the lowest first."""
    return sorted(Threshold(row["kind"], row["percent"], row["action"]) for row in rows)


def percent_of(cost: Decimal, amount: Decimal) -> Decimal:
    """Exact; 100 is all of it."""
    return cost * _HUNDRED / amount


def is_reached(threshold: Threshold, amount: Decimal, actual: Decimal, expected: Decimal) -> bool:
    cost = actual if threshold.kind == "actual" else expected
    return cost * _HUNDRED >= amount * threshold.percent


def amount_faults(amount: Decimal) -> dict[str, str]:
    try:
        cents = amount == amount.quantize(Decimal("0.01"))
    except InvalidOperation:
        cents = False
    if cents and 0 < amount <= MOST_AMOUNT:
        return {}
    text = _("Give an amount from 0.01 to %(most)s, with no parts of a cent.")
    return {"amount": text % {"most": MOST_AMOUNT}}


def name_faults(name: str) -> dict[str, str]:
    if 0 < len(name) <= MOST_NAME and name.isprintable():
        return {}
    return {"name": _("Give it a name of at most %(most)s characters.") % {"most": MOST_NAME}}


def threshold_faults(thresholds: Iterable[Threshold]) -> dict[str, str]:
    found = list(thresholds)
    if not 1 <= len(found) <= MOST_THRESHOLDS:
        text = _("A budget has from 1 to %(most)s thresholds.")
        return {"thresholds": text % {"most": MOST_THRESHOLDS}}
    if any(one.kind not in KINDS or one.action not in ACTIONS for one in found):
        return {"thresholds": _("Choose what each threshold looks at and what it does.")}
    if any(not 1 <= one.percent <= MOST_PERCENT for one in found):
        text = _("A threshold lies from 1 to %(most)s percent.")
        return {"thresholds": text % {"most": MOST_PERCENT}}
    if len({(one.kind, one.percent) for one in found}) < len(found):
        text = _("Two thresholds say the same percentage of the same: leave one out.")
        return {"thresholds": text}
    return {}
