"""The hourly round: meter what ran, rate what changed, correct what is closed, look at budgets. One
at a time, however many are started.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta

from django.db.models.functions import TruncMonth

from billing.budgets import evaluation
from billing.costs import corrections
from billing.locks import alone
from billing.metering import records as metering
from billing.metering.records import Metered
from billing.models import UsageEvent
from billing.rating import months as rating
from billing.rating.months import Rated
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
        metered += _meter_late(back)
        rated = Rated(0, 0)
        while (more := rating.rate_due()).months:
            rated += more
        corrections.correct_due()
        evaluation.evaluate()
        return metered, rated


def _meter_late(back: date) -> Metered:
    """Whole months, of whoever has usage of before `back` that came in within `_BACK_DAYS`."""
    midnight = datetime(back.year, back.month, back.day, tzinfo=UTC)
    months = (
        UsageEvent.objects.filter(
            received_at__gte=clock.now() - timedelta(days=_BACK_DAYS), start__lt=midnight
        )
        .values_list("instance__project__organisation", TruncMonth("start", tzinfo=UTC))
        .distinct()
    )
    metered = Metered(0, 0)
    for organisation, month in sorted(months):
        metered += metering.meter(month.date(), organisation=organisation)
    return metered


def meter_month(month: date) -> Metered:
    """All days of a calendar month again, from their sources."""
    return metering.meter(month.replace(day=1))
