"""What instances used, from counters of a region's metrics API.

The samples themselves are read, not a rate of them: a counter went as far as its samples say, from
the last one at or before the beginning to the last one at or before the end. So spans that follow
each other add up, whatever was lost between, and a number of requests is whole. A counter that fell
began anew. One that was never seen before began at nothing: containers that serve live for minutes,
and what they did before they were first scraped is a part of it.

Source: Prometheus, "Querying basics" (range vectors), "Metric types" (counters).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal
from itertools import pairwise

from services.backends.kubernetes.metrics import Labels, Metrics, Series
from services.regions.metrics import MetricsApi
from services.spec import Counted, Counter, UsageAsked, UsageTold

# A sample bears the time at which its scrape began, and is there when that has ended.
LATE = timedelta(minutes=1)
_SLICE = timedelta(hours=1)
_BEFORE = timedelta(minutes=10)  # the last sample before a span is not older, mostly
_HISTORY = "7d"
_MOST = timedelta(days=15)  # what Prometheus keeps, unless told otherwise
# Whether a time is remembered at all: it writes so of everything that it scrapes.
_REMEMBERED = "count(last_over_time(up[1h]))"
_AT_ONCE = 200
# What scraping adds to the labels of a series.
_SCRAPED = frozenset(
    {"__name__", "job", "instance", "endpoint", "prometheus", "prometheus_replica", "replica"}
)
_EXACT = Context(prec=60)
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Asked:
    """An instance and the span that is asked about."""

    name: str
    namespace: str
    since: datetime
    until: datetime


def read(api: MetricsApi | None, wanted: UsageAsked, until: datetime) -> UsageTold:
    """Nothing where the region names no metrics API. Raises: Temporary, Permanent; then nothing is
    told of anybody.
    """
    if api is None:
        return {}
    metrics, end = Metrics(api), until - LATE
    asked: dict[Counter, list[_Asked]] = {}
    found: dict[str, tuple[Counted, ...]] = {}
    for entry, spec, since in wanted:
        counters = entry.usage.COUNTERS if entry.usage is not None else ()
        if entry.kubernetes is not None and entry.kubernetes.selectors(spec) and api.egress:
            counters = (*counters, api.egress)
        for counter in counters:
            one = _Asked(spec.name, spec.namespace, max(since - LATE, end - _MOST), end)
            asked.setdefault(counter, []).append(one)
    for counter, of_one in asked.items():
        for at in range(0, len(of_one), _AT_ONCE):
            for name, gone in _gone(metrics, counter, of_one[at : at + _AT_ONCE]).items():
                quantity = _EXACT.divide(gone, Decimal(counter.per))
                found[name] = (*found.get(name, ()), Counted(counter.meter, quantity))
    return found


def _gone(metrics: Metrics, counter: Counter, asked: Sequence[_Asked]) -> dict[str, Decimal]:
    """How far the counter went for each of them."""
    first = min(one.since for one in asked)
    lines = list(_lines(metrics, counter, asked, first - _BEFORE, asked[0].until))
    owners = {one.name: one for one in asked}
    of_instance: dict[str, list[Series]] = {name: [] for name in owners}
    for line in lines:
        owner = _owner(counter, line.labels, owners)
        if owner is not None:
            of_instance[owner.name].append(line)
    begun = _began(metrics, counter, owners, of_instance)
    return {
        name: _sum(counter, owners[name], series, begun) for name, series in of_instance.items()
    }


def _lines(
    metrics: Metrics,
    counter: Counter,
    asked: Iterable[_Asked],
    start: datetime,
    end: datetime,
) -> Iterator[Series]:
    """All samples in [`start`, `end`], some at a time: a span may be days after a fault."""
    selector = _selector(counter, [one.name for one in asked])
    kept: dict[tuple[tuple[str, str], ...], dict[Decimal, Decimal]] = {}
    upper = end
    while upper > start:
        seconds = int(min(_SLICE, upper - start) / timedelta(seconds=1)) or 1
        for series in metrics.query(f"{selector}[{seconds}s]", upper):
            kept.setdefault(tuple(sorted(series.labels.items())), {}).update(series.samples)
        upper -= timedelta(seconds=seconds)
    for labels, samples in kept.items():
        yield Series(dict(labels), sorted(samples.items()))


def _selector(counter: Counter, names: Iterable[str]) -> str:
    named = "|".join(sorted(names))
    wanted = f"({named})-.*" if counter.of_pods else named
    name, _, more = counter.selector.partition("{")
    matchers = [more.rstrip().removesuffix("}").strip().rstrip(","), f'{counter.owner}=~"{wanted}"']
    return f"{name}{{{','.join(filter(None, matchers))}}}"


def _owner(counter: Counter, labels: Labels, known: Mapping[str, _Asked]) -> _Asked | None:
    """Whose series it is. A name alone is not enough: it must stand in its project's namespace."""
    said = labels.get(counter.owner, "")
    for name in _names(said) if counter.of_pods else (said,):
        one = known.get(name)
        if one is not None and labels.get(counter.namespace) == one.namespace:
            return one
    return None


def _names(pod: str) -> Iterator[str]:
    """What an instance may be called whose pod this is."""
    parts = pod.split("-")
    for length in range(1, len(parts)):
        yield "-".join(parts[:length])


def _began(
    metrics: Metrics,
    counter: Counter,
    owners: Mapping[str, _Asked],
    of_instance: Mapping[str, Sequence[Series]],
) -> dict[tuple[tuple[str, str], ...], Decimal]:
    """What series that have no sample just before their span had counted long before it: where
    scraping stopped for a while, a counter that goes on is not a new one. Of a time that the API
    does not remember nobody knows which are new, so all count from their first sample on.
    """
    at: dict[datetime, list[str]] = {}
    for name, lines in of_instance.items():
        since = owners[name].since
        if any(line.samples[0][0] > _seconds(since) for line in lines if line.samples):
            at.setdefault(since, []).append(name)
    found = {}
    for since, names in at.items():
        if not metrics.query(_REMEMBERED, since):
            unknown = (line for name in names for line in of_instance[name] if line.samples)
            found.update({_identity(line.labels): line.samples[0][1] for line in unknown})
            continue
        expression = f"last_over_time({_selector(counter, names)}[{_HISTORY}])"
        for series in metrics.query(expression, since):
            if series.samples:
                found[_identity(series.labels)] = series.samples[0][1]
    return found


def _sum(
    counter: Counter,
    asked: _Asked,
    lines: Iterable[Series],
    begun: Mapping[tuple[tuple[str, str], ...], Decimal],
) -> Decimal:
    """What was scraped twice counts as the one that saw more of it."""
    most: dict[tuple[str, ...], Decimal] = {}
    for line in lines:
        each = counter.each or sorted(set(line.labels) - _SCRAPED)
        mark = tuple(f"{label}={line.labels.get(label, '')}" for label in each)
        gone = _increase(line, asked, begun.get(_identity(line.labels), _NOTHING))
        most[mark] = max(most.get(mark, _NOTHING), gone)
    return sum(most.values(), _NOTHING)


def _increase(line: Series, asked: _Asked, begun: Decimal) -> Decimal:
    """From the last sample at or before the beginning to the last at or before the end."""
    since, until = _seconds(asked.since), _seconds(asked.until)
    before = [value for at, value in line.samples if at <= since]
    within = [value for at, value in line.samples if since < at <= until]
    steps = pairwise([before[-1] if before else begun, *within])
    return sum((new - old if new >= old else new for old, new in steps), _NOTHING)


def _identity(labels: Labels) -> tuple[tuple[str, str], ...]:
    """Functions over ranges take the name away."""
    return tuple(sorted((name, value) for name, value in labels.items() if name != "__name__"))


def _seconds(moment: datetime) -> Decimal:
    return Decimal(repr(moment.timestamp()))
