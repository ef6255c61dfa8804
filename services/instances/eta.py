"""Progress and time left of an operation, learnt from how long such operations took before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import timedelta
from statistics import median

from django.core.cache import cache
from django.db.models import F, QuerySet, Value
from redis.exceptions import RedisError

from portal.kernel import clock
from services.instances.models import Operation
from services.instances.states import OPEN, OperationState

Sort = tuple[str, str, int]  # kind, offering, key of the region
_SAMPLE = 20
_REMEMBER_SECONDS = 60


def sort_of(operation: Operation) -> Sort:
    """What makes two operations take about as long."""
    return operation.kind, operation.instance.offering, operation.instance.region_id


def usual_seconds(sorts: Iterable[Sort]) -> dict[Sort, float | None]:
    """The median duration of the last twenty of each sort that succeeded; None when there was none.

    Cached for a minute. At most one query, however many sorts.
    """
    names = {_name(sort): sort for sort in sorts}
    try:
        known = cache.get_many(names) if names else {}
    except RedisError:  # the cache is the broker: a page must not fail with it
        known = {}
    missing = [sort for name, sort in names.items() if name not in known]
    if missing:
        learnt = {_name(sort): value for sort, value in _learn(missing).items()}
        with suppress(RedisError):
            cache.set_many(learnt, _REMEMBER_SECONDS)
        known |= learnt
    return {sort: known[name] or None for name, sort in names.items()}


def _name(sort: Sort) -> str:
    return "eta:{}:{}:{}".format(*sort)


def _learn(sorts: list[Sort]) -> dict[Sort, float]:
    parts = [_spans(number, sort) for number, sort in enumerate(sorts)]
    rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    taken: dict[int, list[float]] = {}
    for number, span in rows:
        taken.setdefault(number, []).append(span.total_seconds())
    return {
        sort: median(taken[number]) if number in taken else 0 for number, sort in enumerate(sorts)
    }


def _spans(number: int, sort: Sort) -> QuerySet[Operation, tuple[int, timedelta]]:
    kind, offering, region_id = sort
    return (
        Operation.objects.filter(
            kind=kind,
            instance__offering=offering,
            instance__region_id=region_id,
            state=OperationState.SUCCEEDED,
            finished_at__isnull=False,
        )
        .order_by("-finished_at")
        .annotate(number=Value(number), span=F("finished_at") - F("created_at"))
        .values_list("number", "span")[:_SAMPLE]
    )


def progress(
    operation: Operation, usual_by_sort: Mapping[Sort, float | None] | None = None
) -> tuple[int, int | None]:
    """(per cent done, seconds left). Per cent comes from steps and time, whichever is further, and
    stays below 100 until the operation has succeeded; seconds are None when nothing was learnt yet
    or the usual time is over. A list asks `usual_seconds` once and hands it in."""
    if operation.state == OperationState.SUCCEEDED:
        return 100, 0
    if operation.state not in OPEN:
        return _by_steps(operation), None
    sort = sort_of(operation)
    usual = (usual_seconds([sort]) if usual_by_sort is None else usual_by_sort)[sort]
    done = _by_steps(operation)
    if usual is None:
        return done, None
    passed = (clock.now() - operation.created_at).total_seconds()
    left = max(round(usual - passed), 0)
    return max(done, min(95, round(100 * passed / usual))), left or None


def _by_steps(operation: Operation) -> int:
    steps = operation.steps
    if not steps:
        return 0
    share = sum(1.0 if s["finished"] else (s["percent"] or 0) / 100 for s in steps)
    return min(99, round(100 * share / len(steps)))
