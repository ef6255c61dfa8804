"""Every hour, for those who use the free tier: told at 80 %, paused at 100 %.

What is used up stops all that runs and draws on it, through ordinary operations of Polder itself;
what is stored stays. Ordering refuses to resume it (`billing.free_tier.allowances`). Usage is
counted by the hour, so up to an hour more than the allowance may run; nobody is billed for it.
"""

from __future__ import annotations

import logging
from datetime import date

from django.conf import settings
from django.db import transaction

from billing.free_tier.allowances import Left, allowances_of, is_free
from billing.models import FreeTierNotice, UsageRecord
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import PortalError
from portal.outbox.actions import notify
from portal.tenancy.models import Organisation
from services.instances import actions
from services.instances.models import Instance
from services.instances.states import Phase

logger = logging.getLogger(__name__)
WARN_PERCENT, STOP_PERCENT = 80, 100
REASON = "free-tier"


def watch() -> None:
    """The round; nothing where there is no free tier."""
    if not settings.POLDER_FREE_TIER:
        return
    month = clock.now().date().replace(day=1)
    used = UsageRecord.objects.filter(day__gte=month).values("organisation").distinct()
    for organisation in Organisation.objects.filter(pk__in=used):
        if is_free(organisation):
            _look_at(organisation, month)


def _look_at(organisation: Organisation, month: date) -> None:
    for left in allowances_of(organisation, month):
        if left.percent >= WARN_PERCENT:
            stopped = _stop(organisation, month, left) if left.is_used_up else []
            _tell(organisation, month, left, stopped)


def _stop(organisation: Organisation, month: date, left: Left) -> list[str]:
    """Pauses what runs and draws on it; the names of what could be. What cannot be paused just now
    is tried again in the next round.
    """
    drawing = UsageRecord.objects.filter(
        organisation=organisation,
        day__gte=month,
        price_class=left.price_class,
        meter=left.meter,
        spot_factor=None,
    )
    if left.free_for:  # else what ran before there was a free tier would stop, too
        drawing = drawing.filter(allowance=left.free_for)
    rows = Instance.objects.filter(pk__in=drawing.values("instance"), phase=Phase.RUNNING)
    stopped = []
    for instance in rows.select_related("project"):
        try:
            actions.pause(actor=SYSTEM, instance=instance, reason=REASON)
        except PortalError as error:
            logger.warning(
                "free_tier.not_paused",
                extra={"instance": instance.public_id, "code": error.code},
            )
        else:
            stopped.append(instance.public_id)
    return stopped


@transaction.atomic
def _tell(organisation: Organisation, month: date, left: Left, stopped: list[str]) -> None:
    """Once for each threshold of an allowance and month."""
    percent = STOP_PERCENT if left.is_used_up else WARN_PERCENT
    _row, made = FreeTierNotice.objects.get_or_create(
        organisation=organisation,
        month=month,
        price_class=left.price_class,
        meter=left.meter,
        percent=percent,
    )
    if not made:
        return
    notify(
        "free_tier.used_up" if left.is_used_up else "free_tier.nearly_used_up",
        organisation_id=organisation.pk,
        params={"price_class": left.price_class, "meter": left.meter, "stopped": stopped},
    )
