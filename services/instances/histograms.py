"""Histograms of what an instance takes, in buckets that grow by 5 %: small to keep, and a quantile
of them is never more than 5 % above the true one, never below it. Pure, in whole numbers.

A bucket holds what is above the end of the one before it and not above its own. Buckets of several
days are added up with weights, so that old days count less.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

FIRST = 10  # all that is not above it is one bucket
_GROWTH = Decimal("1.05")
_BUCKETS = 400  # up to three thousand million times the first
Counts = Mapping[int, int]


def _ends() -> list[int]:
    """Whole numbers; the first ones would be the same, so that each is one more at least."""
    found, end = [FIRST], Decimal(FIRST)
    while len(found) < _BUCKETS:
        end *= _GROWTH
        found.append(max(int(end.to_integral_value(ROUND_CEILING)), found[-1] + 1))
    return found


_ENDS = _ends()


def bucket_of(value: int) -> int:
    return min(bisect_left(_ENDS, value), _BUCKETS - 1)


def end_of(bucket: int) -> int:
    """The largest value that the bucket holds."""
    return _ENDS[bucket]


def quantile(counts: Counts, share: Fraction | Decimal) -> int:
    """The end of the first bucket with which at least `share` of all is counted; 0 without any."""
    wanted, seen = Fraction(share) * sum(counts.values()), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= wanted and seen:
            return end_of(bucket)
    return 0


def added(parts: Iterable[tuple[int, Counts]]) -> dict[int, int]:
    """All (weight, counts) together."""
    found: dict[int, int] = {}
    for weight, counts in parts:
        for bucket, count in counts.items():
            found[bucket] = found.get(bucket, 0) + weight * count
    return found


def fading(days: Iterable[tuple[int, Counts]]) -> dict[int, int]:
    """(how many days ago, counts) together; each day counts half of the one after it."""
    listed = list(days)
    oldest = max((ago for ago, _ in listed), default=0)
    return added((2 ** (oldest - ago), counts) for ago, counts in listed)
