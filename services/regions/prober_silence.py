"""Probers in a region's own cluster that nothing is heard of any more: their services are not
measured, which counts against nobody and so would strike nobody.

A prober asks each minute whom to measure. Staff are told once of a region that no prober asked for,
and once when one asks again. Where no key holds any more, staff ended it, and nothing is told.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from portal.kernel import clock
from portal.outbox.actions import notify
from services.regions.models import ProberKey, Region

logger = logging.getLogger(__name__)
AFTER = timedelta(minutes=15)


def look() -> int:
    """Tells staff of what fell silent, and of what is heard again, since the last look; how many.
    Two looks at once tell once.
    """
    return sum(_look_at(region) for region in _watched())


def silent_regions() -> QuerySet[Region]:
    """Those that are silent now, longest first."""
    rows = Region.objects.filter(prober_silent_since__isnull=False)
    return rows.order_by("prober_silent_since", "pk")


def _watched() -> QuerySet[Region]:
    """With `heard`: when a prober with a key that holds was heard last, or that key was made."""
    used = ProberKey.objects.filter(region=OuterRef("pk"), last_used_at__isnull=False)
    last = Max(
        Coalesce("prober_keys__last_used_at", "prober_keys__created_at"),
        filter=Q(prober_keys__revoked_at__isnull=True),
    )
    rows = Region.objects.exclude(status=Region.Status.OFF).filter(Exists(used))
    return rows.annotate(heard=last).order_by("pk")


@transaction.atomic
def _look_at(region: Region) -> bool:
    heard = region.heard  # type: ignore[attr-defined]  # annotated
    silent = heard is not None and heard < clock.now() - AFTER
    rows = Region.objects.filter(pk=region.pk, prober_silent_since__isnull=silent)
    if not rows.update(prober_silent_since=heard if silent else None):
        return False
    logger.warning("prober.silent" if silent else "prober.heard", extra={"region": region.code})
    if heard is not None:
        notify(
            "prober.silent" if silent else "prober.heard",
            organisation_id=None,
            target=region.code,
            params={"region": region.name, "minutes": AFTER // timedelta(minutes=1)},
        )
    return True
