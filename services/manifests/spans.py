"""How long things ran, from what a cluster says of them. Pure, whole seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from services.spec import Manifest

Span = tuple[datetime, datetime | None]  # None: it still runs


def moment(text: str) -> datetime:
    """A time as Kubernetes writes it."""
    return datetime.fromisoformat(text)


def of_containers(pods: Iterable[Manifest], name: str) -> Iterator[Span]:
    """Each run of the container `name` that the pods still tell of."""
    for pod in pods:
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            if status["name"] == name:
                yield from _runs(status)


def _runs(status: Mapping[str, Any]) -> Iterator[Span]:
    for state in (status.get("state") or {}, status.get("lastState") or {}):
        running, ended = state.get("running") or {}, state.get("terminated") or {}
        if running.get("startedAt"):
            yield moment(running["startedAt"]), None
        if ended.get("startedAt") and ended.get("finishedAt"):
            yield moment(ended["startedAt"]), moment(ended["finishedAt"])


def seconds(spans: Iterable[Span], since: datetime, until: datetime) -> int:
    """Of all of them together in [`since`, `until`)."""
    return sum(_length(start, end) for start, end in _within(spans, since, until))


def seconds_beyond(spans: Iterable[Span], most: int, since: datetime, until: datetime) -> int:
    """Of those that ran while `most` others ran already."""
    turns: list[tuple[datetime, int]] = []
    for start, end in _within(spans, since, until):
        turns += [(start, 1), (end, -1)]
    total, running, last = 0, 0, since
    for at, change in sorted(turns):
        total += max(running - most, 0) * _length(last, at)
        running, last = running + change, at
    return total


def _within(
    spans: Iterable[Span], since: datetime, until: datetime
) -> Sequence[tuple[datetime, datetime]]:
    cut = ((max(start, since), min(end or until, until)) for start, end in spans)
    return [(start, end) for start, end in cut if start < end]


def _length(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())
