"""Running services that no usage is heard of: revenue that nobody would miss.

What plans count is heard when the hourly round meters it, the rest when a meter or backend reports
it (of nothing, too: a quantity of 0 is heard). Staff are told once; it is told again only after
usage was heard in between.

Source: shared design, billing 1.3.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from billing.models import UsageSilence
from billing.pricebook.meters import HELD_ONCE, PLAN_METERS
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.outbox.actions import notify
from portal.tenancy.oversight import require_staff
from services import registry

logger = logging.getLogger(__name__)
AFTER = timedelta(hours=2)
# More at once is one fault of ours, and one notice.
_ONE_BY_ONE = 10


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: services that fell silent, and those that are silent no longer."""

    fallen: int
    ended: int


@transaction.atomic
def look() -> Looked:
    """Tells staff of what fell silent since the last look. Two looks at once tell once."""
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            _SILENT,
            {
                "before": now - AFTER,
                "back": now - timedelta(days=2),
                "day": (now - timedelta(days=2)).date(),
                "by_report": list(by_report()),
            },
        )
        silent: list[tuple[int, datetime]] = cursor.fetchall()
        cursor.execute(
            _FALLEN,
            {
                "keys": [key for key, _ in silent],
                "since": [since for _, since in silent],
                "now": now,
            },
        )
        fallen = [row[0] for row in cursor.fetchall()]
    open_ones = UsageSilence.objects.filter(ended_at__isnull=True)
    ended = open_ones.exclude(instance__in=[key for key, _ in silent]).update(ended_at=now)
    _tell(list(silent_services().filter(pk__in=fallen)))
    if fallen or ended:
        logger.warning("usage.silent", extra={"fallen": len(fallen), "ended": ended})
    return Looked(len(fallen), ended)


def silent_services() -> QuerySet[UsageSilence]:
    """Those that are silent now, longest first, with instance, project and organisation."""
    rows = UsageSilence.objects.filter(ended_at__isnull=True).order_by("since", "id")
    return rows.select_related("instance__project__organisation", "instance__region")


def silent_for(actor: Actor) -> QuerySet[UsageSilence]:
    """The same, for staff. Raises: NotPermitted."""
    require_staff(actor)
    return silent_services()


def by_report() -> frozenset[str]:
    """Offerings of which plans count nothing."""
    counted = {*PLAN_METERS, *HELD_ONCE}
    return frozenset(
        slug
        for slug, entry in registry.entries().items()
        if not counted & {meter.code for meter in entry.offering.meters}
    )


def _tell(rows: list[UsageSilence]) -> None:
    if len(rows) > _ONE_BY_ONE:
        first = rows[0].instance
        notify(
            "usage.many_silent",
            organisation_id=first.project.organisation_id,
            params={"count": len(rows)},
        )
        return
    for row in rows:
        notify(
            "usage.silent",
            organisation_id=row.instance.project.organisation_id,
            target=row.instance.public_id,
            params={
                "instance": row.instance.public_id,
                "name": row.instance.name,
                "organisation": row.instance.project.organisation.name,
            },
        )


_SILENT = """
select i.id, coalesce(h.at, i.created_at)
from instances_instance i
left join lateral (
  select case when i.offering = any(%(by_report)s::text[])
    then greatest(
      (select max(metered_at) from billing_usagerecord where instance_id = i.id and day >= %(day)s),
      (select max("end") from billing_usageevent where instance_id = i.id and start >= %(back)s))
    else (
      select max(metered_at) from billing_usagerecord
      where instance_id = i.id and day >= %(day)s and from_plan)
    end as at
) h on true
where i.deleted_at is null and i.phase = 'running' and not i.paused
  and coalesce(h.at, '-infinity') < %(before)s
  and not exists (
    select from instances_instanceevent e
    where e.instance_id = i.id and e.at >= %(before)s
      and e.code in ('created', 'resumed', 'undeleted', 'repaired'))
order by i.id"""

_FALLEN = """
insert into billing_usagesilence (instance_id, since, told_at)
select s.instance, s.since, %(now)s
from unnest(%(keys)s::bigint[], %(since)s::timestamptz[]) as s (instance, since)
on conflict (instance_id) where ended_at is null do nothing
returning id"""
