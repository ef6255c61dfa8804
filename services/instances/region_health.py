"""What the backends say of themselves, stored with their regions; changes are kept."""

from __future__ import annotations

import logging
from typing import Any

from portal.kernel import clock
from portal.kernel.errors import BackendError
from services.backends import backend_for
from services.regions import health as health_of_regions
from services.regions.models import Region
from services.spec import Health

_MOST_SAID = 300
logger = logging.getLogger(__name__)


def check_regions() -> None:
    """Asks each region's backend once; a region that cannot be asked is unhealthy, never an error
    here. A fault of ours in one holds up no other.
    """
    for region in Region.objects.exclude(status=Region.Status.OFF):
        try:
            check_region(region)
        except Exception:
            logger.exception("region.check_failed", extra={"region": region.code})


def check_region(region: Region) -> Region:
    """Asks its backend now; the region as it is after it. What the last check found of offerings
    and facts stays while the backend does not answer.
    """
    health = _ask(region)
    if region.healthy != health.ok:
        logger.warning(
            "region.health",
            extra={"region": region.code, "ok": health.ok, "why": health.detail},
        )
    now = clock.now()
    health_of_regions.note_check(region, ok=health.ok, detail=health.detail, at=now)
    known = {} if health.ok else region.facts
    found: dict[str, Any] = {"facts": {**known, **health.facts}}
    if health.ok or health.unavailable:
        unavailable = {slug: list(why) for slug, why in health.unavailable.items()}
        found["unavailable"] = unavailable
    Region.objects.filter(pk=region.pk).update(
        healthy=health.ok, detail=health.detail, checked_at=now, **found
    )
    region.refresh_from_db()
    return region


def _ask(region: Region) -> Health:
    try:
        return backend_for(region).check()
    except BackendError as error:
        return Health(False, error.code, facts={"said": error.detail[:_MOST_SAID]})
