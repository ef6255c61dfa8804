"""Quota as staff sets it: it needs to know what a project's instances hold."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.db import connection, transaction
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy.models import Project
from portal.tenancy.oversight import require_staff
from services.instances.models import Instance
from services.regions.models import Quota, Region
from services.regions.requests import plain

LARGEST = Decimal(10_000_000)


@transaction.atomic
def set_quotas(
    *,
    actor: Actor,
    project: Project,
    region: Region,
    limits: Mapping[str, Decimal],
    reason: str,
) -> dict[str, Decimal]:
    """New limits by the quota's name; what is left out stays. A limit below what is used stops new
    orders, no service. What had no limit gets one, and counts what is there.

    Returns what changed. Raises: NotPermitted, Invalid.
    """
    require_staff(actor)
    _refuse_faults(limits, reason)
    rows = Quota.objects.select_for_update().filter(project=project, region=region)
    known = {row.name: row for row in rows.order_by("name")}
    changed = {
        name: limit
        for name, limit in limits.items()
        if name not in known or known[name].limit != limit
    }
    fresh = {name for name in changed if name not in known}
    if fresh:
        _create(project, region, {name: changed[name] for name in fresh})
    for name in changed.keys() - fresh:
        Quota.objects.filter(pk=known[name].pk).update(limit=changed[name])
    if changed:
        before = {name: plain(known[name].limit) for name in changed.keys() - fresh}
        record(
            actor,
            "quota.set",
            "project",
            project.slug,
            chain=project.organisation.slug,
            project=project.slug,
            before={"region": region.code, **before},
            after={"region": region.code, **{n: plain(limit) for n, limit in changed.items()}},
            reason=reason,
        )
    return changed


def _refuse_faults(limits: Mapping[str, Decimal], reason: str) -> None:
    faults = {
        name: _("Give a number from 0 to %(most)s.") % {"most": plain(LARGEST)}
        for name, limit in limits.items()
        if not limit.is_finite() or not 0 <= limit <= LARGEST
    }
    if not reason.strip():
        faults["reason"] = _("Say why: the organisation reads it.")
    if faults:
        raise Invalid(faults)


def _create(project: Project, region: Region, limits: Mapping[str, Decimal]) -> None:
    """Orders lock the rows of their quotas, and there are none yet. The lock of the table lets
    those under way finish, so that what they hold is counted, and makes later ones see the rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("lock table regions_quota in exclusive mode")
    held = dict.fromkeys(limits, Decimal(0))
    rows = Instance.objects.filter(project=project, region=region).exclude(reserved={})
    for reserved in rows.values_list("reserved", flat=True):
        for name in held.keys() & reserved.keys():
            held[name] += Decimal(reserved[name])
    Quota.objects.bulk_create(
        Quota(project=project, region=region, name=name, limit=limit, used=held[name])
        for name, limit in limits.items()
    )
