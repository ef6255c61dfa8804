"""The hourly round: meter what ran, rate what changed, correct what is closed. One at a time,
however many are started.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta

from billing import corrections, metering, rating
from billing.locks import alone
from billing.metering import Metered
from billing.rating import Rated
from portal.kernel import clock

logger = logging.getLogger(__name__)
# Late usage changes earlier days of the month; further back than this only by command.
_BACK_DAYS = 3
_LOCK = 0x6D65746572


def meter_and_rate() -> tuple[Metered, Rated] | None:
    """Today and the days before it. None when another round is at work."""
    with alone(_LOCK) as mine:
        if not mine:
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
        corrections.correct_due()
        return metered, rated


def meter_month(month: date) -> Metered:
    """All days of a calendar month again, from their sources."""
    return metering.meter(month.replace(day=1))
