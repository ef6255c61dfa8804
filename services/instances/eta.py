"""Progress and time left of an operation, learnt from how long such operations took before."""

from __future__ import annotations

from contextlib import suppress
from statistics import median

from django.core.cache import cache
from django.db.models import F
from redis.exceptions import RedisError

from portal.kernel import clock
from services.instances.models import Operation
from services.instances.states import OPEN, OperationState

_SAMPLE = 20
_REMEMBER_SECONDS = 60


def usual_seconds(kind: str, offering: str, region_id: int) -> float | None:
    """The median duration of the last twenty that succeeded; None when there was none. Cached for a
    minute.
    """
    key = f"eta:{kind}:{offering}:{region_id}"
    try:
        found = cache.get(key)
    except RedisError:  # the cache is the broker: a page must not fail with it
        found = None
    if found is None:
        spans = Operation.objects.filter(
            kind=kind,
            instance__offering=offering,
            instance__region_id=region_id,
            state=OperationState.SUCCEEDED,
            finished_at__isnull=False,
        ).order_by("-finished_at")
        taken = [
            span.total_seconds()
            for span in spans.annotate(span=F("finished_at") - F("created_at")).values_list(
                "span", flat=True
            )[:_SAMPLE]
        ]
        found = median(taken) if taken else 0
        _keep(key, found)
    return found or None


def _keep(key: str, value: float) -> None:
    with suppress(RedisError):
        cache.set(key, value, _REMEMBER_SECONDS)


def progress(operation: Operation) -> tuple[int, int | None]:
    """(per cent done, seconds left). Per cent comes from steps and time, whichever is further, and
    stays below 100 until the operation has succeeded; seconds are None when nothing was learnt yet
    or the usual time is over."""
    if operation.state == OperationState.SUCCEEDED:
        return 100, 0
    if operation.state not in OPEN:
        return _by_steps(operation), None
    instance = operation.instance
    usual = usual_seconds(operation.kind, instance.offering, instance.region_id)
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
