"""What the backends say of themselves, stored with their regions; changes are kept."""

from __future__ import annotations

import logging

from portal.kernel import clock
from portal.kernel.errors import BackendError
from services.backends import backend_for
from services.regions import health as health_of_regions
from services.regions.models import Region
from services.spec import Health

logger = logging.getLogger(__name__)


def check_regions() -> None:
    """Asks each region's backend once; a region that cannot be asked is unhealthy, never an error
    here.
    """
    for region in Region.objects.exclude(status=Region.Status.OFF):
        health = _ask(region)
        if region.healthy != health.ok:
            logger.warning(
                "region.health",
                extra={"region": region.code, "ok": health.ok, "why": health.detail},
            )
        now = clock.now()
        health_of_regions.note_check(region, ok=health.ok, detail=health.detail, at=now)
        Region.objects.filter(pk=region.pk).update(
            healthy=health.ok,
            detail=health.detail,
            unavailable={slug: list(why) for slug, why in health.unavailable.items()},
            checked_at=now,
        )


def _ask(region: Region) -> Health:
    try:
        return backend_for(region).check()
    except BackendError as error:
        return Health(False, error.code)
