"""How much of a region services on spare capacity may take, and what of it is left.

Staff says it in vCPU (`Region.spot_vcpu`; 0: nothing may be ordered there). A service counts with
what it holds of that quota while it runs or is about to; paused or in the bin it takes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _

from portal.kernel.errors import Conflict
from services.instances.models import Instance
from services.instances.states import Phase
from services.regions import quota
from services.regions.models import Quota, Region
from services.spec import Capability, Entry, Plan

_LOCK = 0x73706F74  # with the region's key, for a transaction
_VCPU = Quota.Name.VCPU.value
_NOTHING = Decimal(0)
_RUNNING = (
    Phase.CREATING,
    Phase.RUNNING,
    Phase.UPDATING,
    Phase.PAUSING,
    Phase.RESUMING,
    Phase.FAILED,
)


@dataclass(frozen=True, slots=True)
class Spare:
    """vCPU that services on spare capacity may take in a region, and what they do."""

    offered: Decimal
    used: Decimal

    @property
    def left(self) -> Decimal:
        return max(self.offered - self.used, _NOTHING)


def hold_region(region: Region) -> None:
    """One at a time decides about the spare capacity of a region, until the transaction ends. Take
    it before the row of an instance.
    """
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, %s)", [_LOCK, region.pk])


def hold_region_of(instance: Instance) -> None:
    """The same for what is on spare capacity, before its row is locked."""
    if instance.spot:
        hold_region(instance.region)


def running(region: Region) -> list[Instance]:
    """What takes spare capacity now, the newest first."""
    rows = Instance.objects.filter(region=region, spot=True, phase__in=_RUNNING)
    return list(
        rows.select_related("project__organisation", "region").order_by("-created_at", "-pk")
    )


def vcpu_of(instance: Instance) -> Decimal:
    return quota.read(instance.reserved).get(_VCPU, _NOTHING)


def taken_by(instances: Iterable[Instance]) -> Decimal:
    return sum((vcpu_of(one) for one in instances), _NOTHING)


def spare_of(region: Region) -> Spare:
    """As it is now; what is under notice still counts until it is paused. Two queries."""
    offered = Region.objects.values_list("spot_vcpu", flat=True).get(pk=region.pk)
    return Spare(offered, taken_by(running(region)))


def has_room(region: Region, vcpu: Decimal, *, besides: Instance | None = None) -> bool:
    """Whether so much more fits, without what `besides` takes."""
    offered = Region.objects.values_list("spot_vcpu", flat=True).get(pk=region.pk)
    others = (one for one in running(region) if besides is None or one.pk != besides.pk)
    return vcpu > 0 and taken_by(others) + vcpu <= offered


def demand_room(region: Region, vcpu: Decimal, *, besides: Instance | None = None) -> None:
    """Holds the region. Raises: Conflict("no-spare-capacity")."""
    hold_region(region)
    if not has_room(region, vcpu, besides=besides):
        raise Conflict(no_room(region), hint=way_out(), code="no-spare-capacity")


def demand_room_for(instance: Instance, vcpu: Decimal) -> None:
    """Room for all of what is on spare capacity; nothing for what is not. Raises: Conflict."""
    if instance.spot:
        demand_room(instance.region, vcpu, besides=instance)


def demand_room_for_more(instance: Instance, vcpu: Decimal) -> None:
    """The same where it is to take more than it does. Raises: Conflict."""
    if vcpu > vcpu_of(instance):
        demand_room_for(instance, vcpu)


def no_room(region: Region) -> str:
    return _("%(region)s has no spare capacity for this now.") % {"region": region.name}


def way_out() -> str:
    return _("Choose a smaller plan or another region, order it at list price, or try later.")


def plan_fault(entry: Entry, region: Region, plan: Plan) -> str:
    """Why `plan` cannot run on spare capacity in `region`; empty where it can. No query."""
    if not entry.offering.may_be_spot(plan):
        return _("This plan does not run on spare capacity.")
    on_kubernetes = region.backend == Region.Backend.KUBERNETES
    renderer = entry.kubernetes if on_kubernetes else entry.process
    if renderer is None or Capability.PAUSE not in renderer.CAPABILITIES:
        return _("This service cannot be paused in %(region)s, so not interrupted either.") % {
            "region": region.name
        }
    return ""
