"""The circuit breaker of a region: while its backend does not answer, its operations wait and
others do not.
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from portal.kernel import clock
from services.regions.models import Region

UNREACHABLE = frozenset({"supervisor-down", "region-unreachable"})
_TOLERATED = 3
_LONGEST_PAUSE_SECONDS = 60


def waiting_seconds(region: Region) -> float:
    """How long operations of `region` still have to wait; 0 when the circuit is closed."""
    if region.retry_at is None:
        return 0
    return max((region.retry_at - clock.now()).total_seconds(), 0)


def failed(region: Region) -> None:
    """The backend did not answer: after a few times, wait longer each time."""
    Region.objects.filter(pk=region.pk).update(failures=F("failures") + 1)
    region.refresh_from_db(fields=["failures"])
    failures = region.failures
    pause = (
        0 if failures <= _TOLERATED else min(2 ** (failures - _TOLERATED), _LONGEST_PAUSE_SECONDS)
    )
    retry_at = clock.now() + timedelta(seconds=pause) if pause else None
    Region.objects.filter(pk=region.pk).update(retry_at=retry_at)


def answered(region: Region) -> None:
    """The backend answered: close the circuit."""
    if region.failures:
        Region.objects.filter(pk=region.pk).update(failures=0, retry_at=None)
