"""What services used, by hour or day: reads for the API and for staff.

A day is what is rated (`UsageRecord`). An hour is worked out from the same sources, for one service
at a time: the plan's time and what meters reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet, Sum
from django.db.models.functions import Trunc
from django.utils.translation import gettext as _

from billing.metering import records as metering
from billing.models import UsageEvent, UsageRecord
from billing.pricebook.meters import METERS
from billing.spot import history
from billing.spot.factors import METERS as SPOT_METERS
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry

if TYPE_CHECKING:
    from services.instances.models import Instance

LONGEST_HOURS = 31 * 24
_HOUR = timedelta(hours=1)
_PIECES = {"GiB": "GiB", "euro": "euro"}
_TIMES = ("hour", "minute", "second", "month", "thousand-months")


@dataclass(frozen=True, slots=True)
class Used:
    """`quantity` base units of `meter` by a service from `start` on, for an hour or a day.
    `spot_factor` is the share of the list price at which it is charged, where it ran on spare
    capacity (`billing.spot`).
    """

    start: datetime
    end: datetime
    instance: str
    project: str
    meter: str
    unit: str
    quantity: Decimal
    spot_factor: Decimal | None = None


def base_unit(meter: str) -> str:
    """What one counts: `second` (of one piece or one GiB), `GiB`, or `one`."""
    known = METERS.get(meter)
    if known is None:
        return "one"
    return "second" if known.unit in _TIMES else _PIECES.get(known.unit, "one")


def days_for(
    actor: Actor,
    organisation: Organisation,
    *,
    first: datetime,
    end: datetime,
    instance: str = "",
    meter: str = "",
) -> QuerySet[UsageRecord]:
    """Records of the days in [`first`, `end`), not ordered yet. Raises: NotPermitted, Invalid."""
    if end <= first:
        raise Invalid({"to": _("The end must lie after the beginning.")})
    rows = _visible(actor, organisation).filter(
        day__gte=first.astimezone(UTC).date(), day__lt=end.astimezone(UTC).date()
    )
    if instance:
        rows = rows.filter(instance__public_id=instance)
    if meter:
        rows = rows.filter(meter=meter)
    return rows.select_related("instance", "project")


def day_of(row: UsageRecord) -> Used:
    start = datetime(row.day.year, row.day.month, row.day.day, tzinfo=UTC)
    return Used(
        start,
        start + timedelta(days=1),
        row.instance.public_id,
        row.project.slug,
        row.meter,
        base_unit(row.meter),
        row.quantity,
        row.spot_factor,
    )


def hours_of(
    actor: Actor, instance: Instance, *, first: datetime, end: datetime, meter: str = ""
) -> list[Used]:
    """One service by the hour, [`first`, `end`) widened to whole hours; newest last.

    Raises: NotPermitted; Invalid beyond `LONGEST_HOURS`.
    """
    access.require(actor, instance.project, Permission.COST_VIEW)
    start = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    if end <= start:
        raise Invalid({"to": _("The end must lie after the beginning.")})
    if end - start > LONGEST_HOURS * _HOUR:
        text = _("Ask for at most %(days)s days by the hour.") % {"days": LONGEST_HOURS // 24}
        raise Invalid({"from": text})
    sums: dict[tuple[datetime, str, Decimal | None], Decimal] = {}
    for hour, code, quantity, factor in (
        *_by_plan(instance, start, min(end, clock.now())),
        *((*row, None) for row in _reported(instance, start, end)),
    ):
        if meter in ("", code):
            key = hour, code, factor
            sums[key] = sums.get(key, Decimal(0)) + quantity
    return [
        Used(
            hour,
            hour + _HOUR,
            instance.public_id,
            instance.project.slug,
            code,
            base_unit(code),
            quantity,
            factor,
        )
        for (hour, code, factor), quantity in sorted(sums.items(), key=lambda item: item[0][:2])
    ]


def _by_plan(
    instance: Instance, start: datetime, end: datetime
) -> Iterator[tuple[datetime, str, Decimal, Decimal | None]]:
    """Of what is on spare capacity with the factor of the hour, as it is metered."""
    for hour, code, quantity in metering.hours_by_plan(instance, start, end):
        factor = None
        if instance.spot and code in SPOT_METERS:
            price_class = registry.get(instance.offering).offering.price_class
            factor = history.factor_at(instance.region.code, price_class, hour)
        yield hour, code, quantity, factor


def _reported(instance: Instance, start: datetime, end: datetime) -> list[tuple[Any, ...]]:
    rows = UsageEvent.objects.filter(instance=instance, start__gte=start, start__lt=end)
    hourly = rows.annotate(hour=Trunc("start", "hour", tzinfo=UTC)).values_list("hour", "meter")
    return list(hourly.annotate(Sum("quantity")).order_by("hour", "meter"))


def _visible(actor: Actor, organisation: Organisation) -> QuerySet[UsageRecord]:
    """As of costs: all of it for its members, else of the projects in which they may see costs."""
    rows = UsageRecord.objects.filter(organisation=organisation)
    return access.visible(actor, organisation, Permission.COST_VIEW, rows)
