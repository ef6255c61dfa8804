"""What instances used, from counters of a region's metrics API.

The samples themselves are read, not a rate of them: a counter went as far as its samples say, from
the last one at or before the beginning to the last one at or before the end. So spans that follow
each other add up, whatever was lost between, and a number of requests is whole. A counter that fell
began anew. One that was never seen before began at nothing: containers that serve live for minutes,
and what they did before they were first scraped is a part of it.

Of a series no more is kept than how far it went and where it stands, whatever there is to catch up.

Source: Prometheus, "Querying basics" (range vectors), "Metric types" (counters).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal

from services.backends.kubernetes.metrics import Labels, Metrics, Series, TooLong
from services.regions.metrics import MetricsApi
from services.spec import Counted, Counter, UsageAsked, UsageTold

# A sample bears the time at which its scrape began, and is there when that has ended.
LATE = timedelta(minutes=1)
_SLICE, _SHORTEST = timedelta(hours=1), timedelta(minutes=1)
_BEFORE = timedelta(minutes=10)  # the last sample before a span is not older, mostly
_HISTORY = "7d"
_MOST = timedelta(hours=6)  # of one look: whoever has more to catch up looks again
# Whether a time is remembered at all: it writes so of everything that it scrapes.
_REMEMBERED = "count(last_over_time(up[1h]))"
_AT_ONCE = 200
# What scraping adds to the labels of a series.
_SCRAPED = frozenset(
    {"__name__", "job", "instance", "endpoint", "prometheus", "prometheus_replica", "replica"}
)
_EXACT = Context(prec=60)
_NOTHING = Decimal(0)
Identity = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """An instance and the span that is asked about."""

    name: str
    namespace: str
    since: datetime
    until: datetime


@dataclass(slots=True)
class _Line:
    """A series of an instance, read from its oldest sample on."""

    labels: Labels
    at: Decimal = Decimal("-Infinity")
    before: Decimal | None = None  # the last value at or before the beginning
    first: Decimal | None = None  # and the first after it
    value: Decimal = _NOTHING
    gone: Decimal = _NOTHING  # since `first`

    def add(self, samples: Iterable[tuple[Decimal, Decimal]], since: Decimal) -> None:
        for at, value in samples:
            if at <= self.at:  # of two slices that meet there
                continue
            if at <= since:
                self.before = value
            elif self.first is None:
                self.first = value
            else:
                self.gone += _step(self.value, value)
            self.at, self.value = at, value

    def went(self, begun: Decimal) -> Decimal:
        """From `begun`, where it was not seen before."""
        if self.first is None:
            return _NOTHING
        return self.gone + _step(begun if self.before is None else self.before, self.first)


def _step(old: Decimal, new: Decimal) -> Decimal:
    return new - old if new >= old else new


def read(api: MetricsApi | None, wanted: UsageAsked, until: datetime) -> UsageTold:
    """Nothing where the region names no metrics API; of spans of more than six hours their last
    six. Raises: Temporary, Permanent; then nothing is told of anybody.
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
    owners = {one.name: one for one in asked}
    of_instance: dict[str, dict[Identity, _Line]] = {name: {} for name in owners}
    start = min(one.since for one in asked) - _BEFORE
    for series in _slices(metrics, _selector(counter, owners), start, asked[0].until):
        owner = _owner(counter, series.labels, owners)
        if owner is not None:
            mark = tuple(sorted(series.labels.items()))
            line = of_instance[owner.name].setdefault(mark, _Line(series.labels))
            line.add(series.samples, _seconds(owner.since))
    lines = {name: list(found.values()) for name, found in of_instance.items()}
    begun = _began(metrics, counter, owners, lines)
    return {name: _sum(counter, found, begun) for name, found in lines.items()}


def _slices(metrics: Metrics, selector: str, start: datetime, end: datetime) -> Iterator[Series]:
    """All samples in [`start`, `end`], oldest first and an hour at a time; less where an hour is
    more than is read.
    """
    length = _SLICE
    while start < end:
        upper = min(start + length, end)
        seconds = -(-(upper - start) // timedelta(seconds=1))
        try:
            found = metrics.query(f"{selector}[{seconds}s]", upper)
        except TooLong:
            if length <= _SHORTEST:
                raise
            length /= 2
            continue
        yield from found
        start = upper


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
    of_instance: Mapping[str, Sequence[_Line]],
) -> dict[Identity, Decimal]:
    """What series that have no sample just before their span had counted long before it: where
    scraping stopped for a while, a counter that goes on is not a new one. Of a time that the API
    does not remember nobody knows which are new, so those of which it knows nothing older either
    count from their first sample on.
    """
    at: dict[datetime, list[str]] = {}
    for name, lines in of_instance.items():
        if any(line.before is None for line in lines):
            at.setdefault(owners[name].since, []).append(name)
    found = {}
    for since, names in at.items():
        if not metrics.query(_REMEMBERED, since):
            unknown = (line for name in names for line in of_instance[name])
            found.update({_identity(line.labels): line.first or _NOTHING for line in unknown})
        expression = f"last_over_time({_selector(counter, names)}[{_HISTORY}])"
        for series in metrics.query(expression, since):
            if series.samples:
                found[_identity(series.labels)] = series.samples[0][1]
    return found


def _sum(counter: Counter, lines: Iterable[_Line], begun: Mapping[Identity, Decimal]) -> Decimal:
    """What was scraped twice counts as the one that saw more of it."""
    most: dict[tuple[str, ...], Decimal] = {}
    for line in lines:
        each = counter.each or sorted(set(line.labels) - _SCRAPED)
        mark = tuple(f"{label}={line.labels.get(label, '')}" for label in each)
        gone = line.went(begun.get(_identity(line.labels), _NOTHING))
        most[mark] = max(most.get(mark, _NOTHING), gone)
    return sum(most.values(), _NOTHING)


def _identity(labels: Labels) -> Identity:
    """Functions over ranges take the name away."""
    return tuple(sorted((name, value) for name, value in labels.items() if name != "__name__"))


def _seconds(moment: datetime) -> Decimal:
    return Decimal(repr(moment.timestamp()))
