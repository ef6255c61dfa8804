"""What a month will have cost when it ends: pure, from the costs of its days.

The mean of two answers over the last 42 whole days, cleared of the weekdays' pattern: damped Holt,
while the month is younger than a week mixed with the run-rate, and a straight line through the days
since costs last stepped up or down for good. Holt follows what wanders, the line forgets the noise;
each is the worse one where the other is good. The band is where the true sum fell in four of five
months when the method was tried on months that were over (`_SPREAD`).

Source: the shared billing rules §1.7; E. S. Gardner, "Exponential smoothing: the state of the art"
(1985), for the damped trend. All amounts are exact decimals of one currency, net.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import accumulate, pairwise
from statistics import median

LOOK_BACK_DAYS = 42
_ALPHA, _BETA, _PHI = Decimal("0.3"), Decimal("0.05"), Decimal("0.9")
_ZERO, _ONE = Decimal(0), Decimal(1)
_WEEK = 7
_DAY = timedelta(days=1)
# A lasting step: of so many days at least, by such a share of what was before, and so many times
# what noise alone would make of it. Noise is the median step between days over `_OF_STEPS`
# (0.6745 × √2, of a normal distribution). From `_HALF_BELIEVED` days half the slope is believed.
# Tried on other seeds than those that judge, and on wandering, growing and spiked series.
_LEAST_DAYS, _LEAST_STEP, _LEAST_DOUBTS = 3, Decimal("0.15"), 6
_OF_STEPS, _HALF_BELIEVED = Decimal("0.954"), 14
# Half the width of the band, as a share of what is still to come: a part that shrinks with the days
# that the month is old, and a part that grows with how much days differ from one another.
# Fitted to the seeded months of `tests/billing/synthetic.py`; others measure it.
_SPREAD = (
    (0, Decimal("0.038")),
    (5, Decimal("0.035")),
    (10, Decimal("0.028")),
    (20, Decimal("0.02")),
)
_SPREAD_OF_STEPS = Decimal("0.3")


@dataclass(frozen=True, slots=True)
class Forecast:
    """`actual` is what the month cost so far; `expected`, `low` and `high` are for its end.

    `days` are the days to come (today among them) with what each is expected to cost in all.
    `method`: holt (with the line), blend (with the run-rate, too), run-rate, or actual for a month
    that is over.
    """

    actual: Decimal
    expected: Decimal
    low: Decimal
    high: Decimal
    method: str
    days: list[tuple[date, Decimal]] = field(default_factory=list)


def forecast(
    by_day: Mapping[date, Decimal],
    *,
    month: date,
    today: date,
    fixed: Decimal = _ZERO,
    coming: Decimal = _ZERO,
) -> Forecast:
    """`by_day` is what each day's usage cost, today's so far among them; days without costs may be
    left out. `month` is its first day. `fixed` is what else the month was charged (purchases,
    credits): it counts, and is not carried on. `coming` is what is known to be charged in what is
    left of it.
    """
    end = _next_month(month)
    actual = fixed + sum((c for day, c in by_day.items() if month <= day < end), _ZERO)
    if today >= end:
        return Forecast(actual, actual, actual, actual, "actual")
    series = _whole_days(by_day, today)
    ahead = [today + n * _DAY for n in range((end - today).days) if today + n * _DAY >= month]
    so_far = by_day.get(today, _ZERO)
    if not series:
        return _flat(actual, so_far, ahead, coming)
    elapsed = max((today - month).days, 0)
    days, method = _expected_days(series, ahead, elapsed, today)
    days = [(day, max(cost, so_far) if day == today else cost) for day, cost in days]
    to_come = max(
        sum((cost for _day, cost in days), _ZERO) - _of_today(so_far, ahead, today), _ZERO
    )
    spread = to_come * _spread(series, elapsed)
    expected = actual + to_come + coming
    low = max(expected - spread, actual + coming)
    return Forecast(actual, expected, low, expected + spread, method, days)


def _of_today(so_far: Decimal, ahead: Sequence[date], today: date) -> Decimal:
    return so_far if today in ahead else _ZERO


def _flat(actual: Decimal, so_far: Decimal, ahead: Sequence[date], coming: Decimal) -> Forecast:
    """The first day of all: every day is taken to be like what there is of it."""
    days = [(day, so_far) for day in ahead]
    to_come = so_far * max(len(ahead) - 1, 0)
    low = actual + coming
    return Forecast(actual, low + to_come, low, low + to_come * 2, "run-rate", days)


def _whole_days(by_day: Mapping[date, Decimal], today: date) -> list[Decimal]:
    """The whole days before today, oldest first, from the first that has costs; that one is left
    out where others follow: it rarely was a whole day of use.
    """
    first = today - LOOK_BACK_DAYS * _DAY
    known = [day for day, cost in by_day.items() if cost and first <= day < today]
    if not known:
        return []
    begin = min(known)
    series = [by_day.get(begin + n * _DAY, _ZERO) for n in range((today - begin).days)]
    began_within = begin > first and len(series) > 1
    return series[1:] if began_within else series


def _expected_days(
    series: Sequence[Decimal], ahead: Sequence[date], elapsed: int, today: date
) -> tuple[list[tuple[date, Decimal]], str]:
    factors = _weekday_factors(series, today)
    cleared = _cleared(series, factors, today)
    level, trend = _holt(cleared)
    line, slope = _line(_since_step(_without_spikes(cleared)))
    rate = sum(series[-_WEEK:], _ZERO) / len(series[-_WEEK:])
    weight = min(Decimal(elapsed) / _WEEK, _ONE)
    days, damp = [], _ZERO
    for day in ahead:
        damp = (damp + _ONE) * _PHI
        holt = max(level + damp * trend, _ZERO)
        mixed = weight * holt + (_ONE - weight) * rate
        straight = max(line + damp * slope, _ZERO)
        days.append((day, (mixed + straight) / 2 * factors[day.weekday()]))
    return days, "holt" if weight == _ONE else "blend"


def _holt(series: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Level and trend after the last day."""
    level, trend = median(series[:_WEEK]), _ZERO
    for cost in series:
        before = level
        level = _ALPHA * cost + (_ONE - _ALPHA) * (level + _PHI * trend)
        trend = _BETA * (level - before) + (_ONE - _BETA) * _PHI * trend
    return level, trend


def _without_spikes(series: Sequence[Decimal]) -> list[Decimal]:
    """Each day as the middle one of it and its neighbours; the last stays as it is."""
    middle = [median(three) for three in zip(series, series[1:], series[2:], strict=False)]
    return [*series[:1], *middle, *series[1:][-1:]]


def _since_step(series: Sequence[Decimal]) -> Sequence[Decimal]:
    """The days since the largest lasting step, all where none stands out of the noise.

    A step parts the days so that the two means differ most for their numbers (the likeliest point
    of change of a mean, one step, equal noise).
    """
    count = len(series)
    sums = list(accumulate(series, initial=_ZERO))
    found, most = 0, _ZERO
    for at in range(_LEAST_DAYS, count - _LEAST_DAYS + 1):
        apart = _mean(sums, at, count) - _mean(sums, 0, at)
        if (weight := apart * apart * at * (count - at)) > most:
            found, most = at, weight
    if not found:
        return series
    before, after = _mean(sums, 0, found), _mean(sums, found, count)
    noise = median([abs(b - a) for a, b in pairwise(series)]) / _OF_STEPS
    doubt = noise * (_ONE / found + _ONE / (count - found)).sqrt()
    stands_out = abs(after - before) > max(_LEAST_STEP * before, _LEAST_DOUBTS * doubt)
    return series[found:] if stands_out else series


def _mean(sums: Sequence[Decimal], first: int, end: int) -> Decimal:
    return (sums[end] - sums[first]) / (end - first)


def _line(series: Sequence[Decimal]) -> tuple[Decimal, Decimal]:
    """Level after the last day and slope of the least squares; of few days the slope is little
    believed.
    """
    count = len(series)
    mean, middle = sum(series, _ZERO) / count, Decimal(count - 1) / 2
    spread = Decimal(count * (count * count - 1)) / 12
    lean = sum(((n - middle) * (cost - mean) for n, cost in enumerate(series)), _ZERO)
    slope = lean / spread if spread else _ZERO
    slope *= Decimal(count**3) / (count**3 + _HALF_BELIEVED**3)
    return mean + slope * middle, slope


def _weekday_factors(series: Sequence[Decimal], today: date) -> list[Decimal]:
    """By weekday, Monday first: how a day compares with the week around it. All one before there
    are three weeks.
    """
    if len(series) < 3 * _WEEK:
        return [_ONE] * _WEEK
    ratios: list[list[Decimal]] = [[] for _ in range(_WEEK)]
    half = _WEEK // 2
    for n in range(half, len(series) - half):
        around = sum(series[n - half : n + half + 1], _ZERO) / _WEEK
        if around:
            weekday = (today - (len(series) - n) * _DAY).weekday()
            ratios[weekday].append(series[n] / around)
    found = [median(one) if one else _ONE for one in ratios]
    mean = sum(found, _ZERO) / _WEEK
    return [one / mean for one in found] if mean else [_ONE] * _WEEK


def _cleared(series: Sequence[Decimal], factors: Sequence[Decimal], today: date) -> list[Decimal]:
    cleared = []
    for n, cost in enumerate(series):
        factor = factors[(today - (len(series) - n) * _DAY).weekday()]
        cleared.append(cost / factor if factor else cost)
    return cleared


def _spread(series: Sequence[Decimal], elapsed: int) -> Decimal:
    """Half the width of the band, as a share of what is to come."""
    level = median(series)
    steps = [abs(after - before) for before, after in pairwise(series)]
    unrest = median(steps) / level if steps and level > 0 else _ONE
    return max(row for row in _SPREAD if row[0] <= elapsed)[1] + _SPREAD_OF_STEPS * unrest


def _next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)
