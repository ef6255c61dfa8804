"""What was interrupted goes on by itself when its region has spare capacity again, the oldest
service first; one that does not fit keeps nobody waiting who does. After a resume that failed it is
tried again a minute later, and then later each time.

It is an order like any other: a budget that refuses, the end of the free tier or a suspension keep
it paused, and the next look tries again.
"""

from __future__ import annotations

import logging

from django.db import transaction

from billing.orders import ordering
from billing.pricebook.queries import quote_for
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import PortalError
from services import registry
from services.instances import interruptions, spare
from services.instances.models import Instance
from services.regions.models import Region

logger = logging.getLogger(__name__)


def resume_waiting() -> int:
    """Returns how many were asked to go on. Any number of workers may do so at once."""
    found = 0
    for region in Region.objects.filter(spot_vcpu__gt=0).order_by("pk"):
        for instance in interruptions.waiting_in(region):
            if spare.has_room(region, spare.vcpu_of(instance)):
                found += _resume(instance)
    return found


def _resume(instance: Instance) -> bool:
    try:
        with transaction.atomic():
            if not interruptions.try_to_resume(instance):
                return False
            ordering.resume_order(actor=SYSTEM, instance=instance)
    except PortalError as error:  # taken by another one, or refused: the next look tries again
        known = {"instance": instance.public_id, "code": error.code}
        logger.warning("spot.stays_paused", extra=known)
        return False
    logger.info("spot.resumed", extra={"instance": instance.public_id})
    return True


def refresh_prices() -> int:
    """What pages show of a service on spare capacity is what it costs in this hour. Returns how
    many had another price.
    """
    rows = Instance.objects.filter(spot=True, deleted_at=None, price_hourly__isnull=False)
    changed = 0
    for row in rows.select_related("project__organisation", "region"):
        entry = registry.entries().get(row.offering)
        if entry is None:
            continue
        try:
            plan = entry.offering.plan(row.plan)
            now = quote_for(entry.offering, plan, row.region.code, spot=True).hourly.amount
        except (KeyError, PortalError):
            continue
        if now != row.price_hourly:
            with transaction.atomic():
                same = Instance.objects.filter(pk=row.pk, plan=row.plan)
                changed += same.update(price_hourly=now, updated_at=clock.now())
    return changed
