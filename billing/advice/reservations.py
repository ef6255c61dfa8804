"""How much to reserve: the amount that would have cost least, on the careful side. Pure.

Paying r an hour for each of R pieces and p for each one in use beyond them costs Σ(rR + p·max(0,
u − R)) over the hours. That is convex in R, and least where the share of hours that use no more
than R first reaches 1 − r/p: the quantile of the use at 1 − r/p. So a piece is worth reserving when
it is used in more than r/p of all hours.

The longest term gets what is worth it even against the next shorter one (the quantile at
1 − r₃/r₁), the shorter ones the rest. Of each quantile the least is taken over the last 30, 60 and
90 days and over the 20th percentile of 200 quarters that are put together from the weeks that were
(seeded, so that the same use gives the same advice).

Source: shared design, billing 1.9 (reservations).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

RULE, VERSION = "reserve", 1
WINDOWS_DAYS = (30, 60, 90)
LEAST_DAYS = WINDOWS_DAYS[0]
_SAMPLES, _CAREFUL = 200, Decimal("0.2")
_LESS = Decimal("0.8")  # use that falls by a fifth
_MONTH_HOURS = 730
_NOTHING = Decimal(0)

Counts = Mapping[Decimal, int]


@dataclass(frozen=True, slots=True)
class Layer:
    """`amount` pieces for a `term`, each at `rate` an hour."""

    term: str
    amount: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Planned:
    """What to reserve, and what it would have meant, in euro a month of 730 hours: the saving over
    all times, the least and the most over the windows, and the saving and the regret (what another
    choice would have saved more) had a fifth less been used. Shares in per cent: how much of the
    use is covered, how much of what is reserved is used. `times` were looked at.
    """

    layers: tuple[Layer, ...]
    times: int
    saving: Decimal
    saving_least: Decimal
    saving_most: Decimal
    saving_if_less: Decimal
    regret_if_less: Decimal
    covered_percent: Decimal
    used_percent: Decimal

    @property
    def amount(self) -> Decimal:
        return sum((layer.amount for layer in self.layers), _NOTHING)


def quantile(counts: Counts, share: Decimal) -> Decimal:
    """The least value that at least `share` of all do not exceed."""
    wanted, seen = share * sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return _NOTHING


def best(counts: Counts, price: Decimal, rate: Decimal) -> Decimal:
    """The amount that costs least; none where reserving is not cheaper."""
    return quantile(counts, 1 - rate / price) if rate < price else _NOTHING


def cost(counts: Counts, price: Decimal, layers: Iterable[Layer]) -> Decimal:
    """Of all times together, each as an hour."""
    held = list(layers)
    amount = sum((layer.amount for layer in held), _NOTHING)
    fixed = sum((layer.amount * layer.rate for layer in held), _NOTHING)
    beyond = sum((max(use - amount, _NOTHING) * n for use, n in counts.items()), _NOTHING)
    return fixed * sum(counts.values()) + price * beyond


def careful(use: Sequence[Decimal], share: Decimal, seed: int, per_day: int = 24) -> Decimal:
    """The least of the quantiles over the windows and over made-up quarters. `use` is oldest first
    and ends now.
    """
    found, size = [quantile(counts, share) for counts in _windows(use, per_day)], 7 * per_day
    weeks = (Counter(use[max(end - size, 0) : end]) for end in range(len(use), 0, -size))
    whole = [week for week in weeks if week.total() == size]
    if whole:
        chance = random.Random(seed)  # noqa: S311  # no secret: the same each night
        samples = Counter(
            quantile(sum(chance.choices(whole, k=len(whole)), Counter()), share)
            for _ in range(_SAMPLES)
        )
        found.append(quantile(samples, _CAREFUL))
    return min(found)


def plan(
    use: Sequence[Decimal],
    price: Decimal,
    rates: Mapping[str, Decimal],
    *,
    per_day: int = 24,
    seed: int = 0,
) -> Planned | None:
    """Pieces in `use` at `per_day` times of each day, oldest first; the `price` of one for an hour
    on demand, the `rates` by term, the longest first. Amounts are whole pieces. None with less than
    30 days, or nothing to save.
    """
    if len(use) < LEAST_DAYS * per_day:
        return None
    use = use[-WINDOWS_DAYS[-1] * per_day :]
    layers, held = [], _NOTHING
    terms = list(rates.items())
    dearer = [rate for _, rate in terms[1:]] + [price]
    for (term, rate), instead in zip(terms, dearer, strict=True):
        if rate >= instead:
            continue
        wanted = careful(use, 1 - rate / instead, seed, per_day) // 1
        if wanted > held:
            layers.append(Layer(term, wanted - held, rate))
            held = wanted
    if not layers:
        return None
    windows = _windows(use, per_day)
    return _weighed(Counter(use), windows, price, tuple(layers), min(rates.values()))


def _weighed(
    counts: Counter[Decimal],
    windows: Iterable[Counts],
    price: Decimal,
    layers: tuple[Layer, ...],
    cheapest: Decimal,
) -> Planned | None:
    savings = [_saving(window, price, layers) for window in windows]
    less = Counter({value * _LESS: n for value, n in counts.items()})
    other = Layer("", best(less, price, cheapest), cheapest)
    saved_if_less = _saving(less, price, layers)
    amount = sum((layer.amount for layer in layers), _NOTHING)
    whole = sum((value * n for value, n in counts.items()), _NOTHING)
    covered = sum((min(value, amount) * n for value, n in counts.items()), _NOTHING)
    saving = _saving(counts, price, layers)
    if saving <= 0:
        return None
    return Planned(
        layers,
        counts.total(),
        saving,
        min(savings),
        max(savings),
        saved_if_less,
        _saving(less, price, [other]) - saved_if_less,
        round(covered * 100 / whole, 1),
        round(covered * 100 / (amount * counts.total()), 1),
    )


def _saving(counts: Counts, price: Decimal, layers: Iterable[Layer]) -> Decimal:
    """Against paying all on demand, for a month."""
    times = sum(counts.values())
    return (cost(counts, price, ()) - cost(counts, price, layers)) / times * _MONTH_HOURS


def _windows(use: Sequence[Decimal], per_day: int) -> list[Counter[Decimal]]:
    """The last 30, 60 and 90 days, as far as there are."""
    sizes = [days * per_day for days in WINDOWS_DAYS if days * per_day <= len(use)]
    return [Counter(use[-size:]) for size in sizes] or [Counter(use)]
