"""Whether a service could run on spare capacity, which costs less and may be taken away. Pure.

Only what says so by its tags (`interruptible`, or `workload:batch`), writes checkpoints
(`checkpoints`), and never ran six hours on end. What is lost when capacity is taken away is half of
what lies between two checkpoints, each time: λ·T/2.

Source: shared design, billing 1.9 (spot).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

RULE, VERSION = "spot", 1
LONGEST_RUN = timedelta(hours=6)
_YES = frozenset({"", "1", "yes", "true", "on"})
_HOUR = Decimal(3600)


@dataclass(frozen=True, slots=True)
class Candidate:
    """`share` of the price is saved; `rework_percent` of the work is expected to be done twice."""

    share: Decimal
    runs: int
    longest: timedelta
    rework_percent: Decimal


def candidate(
    tags: Mapping[str, str],
    runs: Sequence[timedelta],
    factors: Sequence[Decimal],
    *,
    taken_away_per_hour: Decimal,
    checkpoint: timedelta,
) -> Candidate | None:
    """`runs` are those that ended, `factors` what spare capacity cost of the list price of late."""
    if not (is_interruptible(tags) and runs and factors):
        return None
    longest = max(runs)
    share = 1 - sum(factors, Decimal(0)) / len(factors)
    if longest >= LONGEST_RUN or share <= 0:
        return None
    between = min(checkpoint, longest) // timedelta(seconds=1) / _HOUR
    rework = taken_away_per_hour * between / 2
    return Candidate(share, len(runs), longest, round(rework * 100, 2))


def is_interruptible(tags: Mapping[str, str]) -> bool:
    """By its own word, and with checkpoints: without them everything would be lost."""
    said = tags.get("workload", "").lower() == "batch" or _is_set(tags, "interruptible")
    return said and _is_set(tags, "checkpoints")


def _is_set(tags: Mapping[str, str], key: str) -> bool:
    return key in tags and tags[key].strip().lower() in _YES
