"""The hourly round: meter what ran, rate what changed. One at a time, however many are started."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date, timedelta

from django.db import connection

from billing import metering, rating
from billing.metering import Metered
from billing.rating import Rated
from portal.kernel import clock

logger = logging.getLogger(__name__)
# Late usage changes earlier days of the month; further back than this only by command.
_BACK_DAYS = 3
_LOCK = 0x6D65746572


def meter_and_rate() -> tuple[Metered, Rated] | None:
    """Today and the days before it. None when another round is at work."""
    with _alone() as alone:
        if not alone:
            logger.info("usage.round_skipped")
            return None
        today = clock.now().date()
        back = today - timedelta(days=_BACK_DAYS)
        metered = Metered(0, 0)
        for first in sorted({back, max(back, today.replace(day=1))}):
            metered += metering.meter(first)
        rated = Rated(0, 0)
        while (more := rating.rate_due()).months:
            rated += more
        return metered, rated


def meter_month(month: date) -> Metered:
    """All days of a calendar month again, from their sources."""
    return metering.meter(month.replace(day=1))


@contextmanager
def _alone() -> Generator[bool]:
    """Holds the round's lock until the end, across its transactions."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(%s)", [_LOCK])
        alone = cursor.fetchone()[0]
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s)", [_LOCK])
