"""Usage records: the plan time of every instance and what meters reported, by the day.

Both are worked out again from their source (InstanceEvents, UsageEvents) each time, so metering
twice, late or after a crash ends the same. Days of whoever changed become due for rating in the
same transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby, islice
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q

from billing.metering import retention
from billing.metering.plantime import DayTime, Happening, day_times, hour_times, month_bounds
from billing.metering.tagsets import TagSets
from billing.pricebook.meters import PLAN_METERS, PRICED_ELSEWHERE
from billing.pricebook.pricing import held_by
from billing.spot import history
from billing.spot.factors import METERS as SPOT_METERS
from portal.kernel import clock
from services import registry
from services.instances.models import Instance, InstanceEvent
from services.spec import Offering

logger = logging.getLogger(__name__)

_BATCH = 50_000
_CAP = timedelta(hours=730)
# What a month has is added up in memory, in whatever order it came; the server's own setting is for
# pages. Of one organisation little is read, by instance.
_SET = "set local work_mem = '256MB'"
_SET_ALL = "set local enable_sort = off; set local enable_nestloop = off"
_SET_BACK = """
set local work_mem to default; set local enable_sort to default;
set local enable_nestloop to default"""
_COPY = """
copy metered (organisation_id, project_id, instance_id, tag_set_id, offering, region, price_class,
  meter, allowance, spot_factor, day, quantity, consumed) from stdin"""


@dataclass(frozen=True, slots=True)
class Subject:
    """The instance that usage is of, with what a record says about it."""

    instance: int
    project: int
    organisation: int
    offering: str
    region: str
    tag_set: int
    spot: bool = False


@dataclass(frozen=True, slots=True)
class Metered:
    """What a run wrote: records that are new or changed, and months that became due."""

    records: int
    months: int

    def __add__(self, other: Metered) -> Metered:
        return Metered(self.records + other.records, self.months + other.months)


def meter(
    first: date, *, until: datetime | None = None, organisation: int | None = None
) -> Metered:
    """Brings the records of `first` and later days of its month up to `until` (now). Of a month of
    which events were forgotten nothing is worked out again.

    Raises: ValueError when `first` lies after `until`.
    """
    moment = until or clock.now()
    start, end = month_bounds(first)
    if moment <= start:
        raise ValueError(f"{first:%F} has not begun")
    offerings = {slug: entry.offering.price_class for slug, entry in registry.entries().items()}
    scope: dict[str, Any] = {
        "first": first,
        "end": end.date(),
        "month": start.date(),
        "today": moment.date(),
        "now": clock.now(),
        "last_hours": start + _CAP,
        "organisation": organisation,
        "offerings": list(offerings),
        "classes": list(offerings.values()),
        "capped": [*PLAN_METERS, "backup_gib"],
        "elsewhere": list(PRICED_ELSEWHERE),
        "elsewhere_classes": [price_class for price_class, _ in PRICED_ELSEWHERE.values()],
        "elsewhere_meters": [code for _, code in PRICED_ELSEWHERE.values()],
    }
    if retention.is_forgotten(start):
        logger.info("usage.month_forgotten", extra={"month": str(start.date())})
        return Metered(0, 0)
    unknown: set[tuple[int, date]] = set()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_MAKE_TABLE)
        rows = _plan_rows(first, min(moment, end), organisation, unknown)
        while batch := list(islice(rows, _BATCH)):  # one connection cannot read while it copies
            with cursor.copy(_COPY) as copy:
                for row in batch:
                    copy.write_row(row)
        cursor.execute(_SET if organisation else f"{_SET}; {_SET_ALL}")
        cursor.execute(_events_of(organisation), scope)
        scope["instances"] = [instance for instance, _ in unknown]
        scope["days"] = [day for _, day in unknown]
        cursor.execute(_LEAVE_OUT, scope)
        cursor.execute(_PUT, scope)
        records, months = cursor.fetchone()
        cursor.execute("drop table metered, unknown_day")
        cursor.execute(_SET_BACK)
    for instance in sorted({instance for instance, _ in unknown}):
        logger.error("usage.plan_gone", extra={"instance": instance})  # no bug
    logger.info("usage.metered", extra={"records": records, "months": months})
    return Metered(records, months)


# -- plan time -------------------------------------------------------------------------------------


def _plan_rows(
    first: date, until: datetime, organisation: int | None, unknown: set[tuple[int, date]]
) -> Iterator[tuple[object, ...]]:
    """Days under a plan that left the catalogue come into `unknown` (instance, day)."""
    factors = history.timeline(fresh=True)
    for subject, happenings in _lives(first, until, organisation):
        offering = _offering(subject.offering)
        if offering is None:
            continue
        sums: dict[tuple[date, str, str, Decimal | None], list[Decimal]] = {}
        for day, hour, plan, time in _times(subject, happenings, first, until):
            if not _has_plan(offering, plan):
                unknown.add((subject.instance, day))
                continue
            for meter_code, allowance, billed, consumed in _used(offering, plan, time):
                factor = None
                if hour is not None and meter_code in SPOT_METERS:  # no allowance comes on top
                    factor = factors.at(subject.region, offering.price_class, hour)
                    allowance = ""
                key = (day, meter_code, allowance, factor)
                sums.setdefault(key, []).extend((billed, consumed))
        for (day, meter_code, allowance, factor), amounts in sums.items():
            yield (
                *_named(subject, offering.price_class, meter_code, allowance),
                factor,
                day,
                sum(amounts[::2]),
                sum(amounts[1::2]),
            )


def _times(
    subject: Subject, happenings: list[Happening], first: date, until: datetime
) -> Iterator[tuple[date, datetime | None, str, DayTime]]:
    """Day, plan and time from `first` on; of what is on spare capacity by the hour, with it."""
    if not subject.spot:
        for (day, plan), time in day_times(happenings, first, until).items():
            if day >= first:
                yield day, None, plan, time
        return
    for (hour, plan), time in hour_times(happenings, first, until).items():
        if hour.date() >= first:
            yield hour.date(), hour, plan, time


def _lives(
    first: date, until: datetime, organisation: int | None
) -> Iterator[tuple[Subject, list[Happening]]]:
    """Every instance that lived in the month, with all that happened to it, oldest first."""
    start, _ = month_bounds(first)
    rows = InstanceEvent.objects.filter(
        Q(instance__deleted_at__isnull=True) | Q(instance__deleted_at__gte=start),
        instance__created_at__lt=until,
    )
    if organisation is not None:
        rows = rows.filter(instance__project__organisation=organisation)
    fields = (
        "instance",
        "instance__project",
        "instance__project__organisation",
        "instance__offering",
        "instance__region__code",
        "instance__tags",
        "instance__spot",
        "at",
        "code",
        "plan",
    )
    tag_sets = TagSets()
    listed = rows.order_by("instance", "at", "id").values_list(*fields, F("operation__kind"))
    for _, events in groupby(listed.iterator(chunk_size=5000), key=lambda row: row[0]):
        found = list(events)
        instance, project, owner, offering, region, tags, spot = found[0][:7]
        subject = Subject(instance, project, owner, offering, region, tag_sets.of(tags), spot)
        yield subject, [Happening(at, code, plan, kind or "") for *_, at, code, plan, kind in found]


def hours_by_plan(
    instance: Instance, start: datetime, end: datetime
) -> Iterator[tuple[datetime, str, Decimal]]:
    """Hour, meter and billed base units of what plans count of one instance in [`start`, `end`)."""
    offering = _offering(instance.offering)
    if offering is None:
        return
    listed = instance.events.order_by("at", "id").values_list(
        "at", "code", "plan", "operation__kind"
    )
    happenings = [Happening(at, code, plan, kind or "") for at, code, plan, kind in listed]
    month = start
    while month < end:
        for (hour, plan), time in hour_times(happenings, month.date(), end).items():
            if hour >= start and _has_plan(offering, plan):
                for meter_code, _allowance, billed, _consumed in _used(offering, plan, time):
                    if billed:
                        yield hour, meter_code, billed
        _, month = month_bounds(month.date())


def _offering(slug: str) -> Offering | None:
    """None for what left the catalogue: staff are told, the rest is metered."""
    try:
        return registry.get(slug).offering
    except KeyError:
        logger.error("usage.offering_gone", extra={"offering": slug})  # no bug
        return None


def _has_plan(offering: Offering, plan_id: str) -> bool:
    return any(plan.id == plan_id for plan in offering.plans)


def _used(
    offering: Offering, plan_id: str, time: DayTime
) -> Iterable[tuple[str, str, Decimal, Decimal]]:
    """Meter, allowance, billed and consumed base units of a day under one plan."""
    held = held_by(offering, offering.plan(plan_id))
    allowance = "dev" if plan_id.startswith("dev-") else ""
    for meter_code, amount in held.items():
        stored = meter_code == "storage_gib"
        billed = time.stored if stored else time.compute
        consumed = time.stored_consumed if stored else time.compute_consumed
        if consumed:
            yield meter_code, allowance, amount * billed, amount * consumed


def _named(subject: Subject, price_class: str, meter: str, allowance: str) -> Sequence[object]:
    return (
        subject.organisation,
        subject.project,
        subject.instance,
        subject.tag_set,
        subject.offering,
        subject.region,
        price_class,
        meter,
        allowance,
    )


# -- into the table --------------------------------------------------------------------------------

_MAKE_TABLE = """
create temporary table metered (
  organisation_id bigint, project_id bigint, instance_id bigint, tag_set_id bigint,
  offering text, region text, price_class text, meter text, allowance text,
  spot_factor numeric(3, 2),
  from_plan boolean default true, day date, quantity numeric(24, 9), consumed numeric(24, 9)
) on commit drop"""

# What is reported belongs to the day in which its time began, and draws on the allowance of the
# plan of that time, whatever came after. Beyond a plan the last hours of a long month are as free
# as those of the plan; no instance reaches them before `%(last_hours)s`. So only what began after
# that, or on a day on which the plan changed, is kept apart by its moment; all else is added up by
# three narrow columns first, and what an instance says of itself looked up for a day.
_ADD_EVENTS = """
with held as materialized (
  select v.instance_id, v.plan,
    case when lag(v.at) over past is null then '-infinity'::timestamptz else v.at end as since,
    coalesce(lead(v.at) over past, 'infinity'::timestamptz) as until
  from instances_instanceevent v
  where v.code in ('created', 'changed', 'upgraded', 'repaired') and v.plan <> '' _WHOSE_PLANS_
  window past as (partition by v.instance_id order by v.at, v.id)
), changed as (
  select distinct instance_id, (since at time zone 'UTC')::date as day
  from held where since >= %(first)s::timestamp at time zone 'UTC'
), used as (
  select e.instance_id, e.meter, (e.start at time zone 'UTC')::date as day,
    case when e.start >= %(last_hours)s or c.day is not null then e.start end as apart,
    sum(e.quantity) as quantity
  from billing_usageevent e
  left join changed c
    on c.instance_id = e.instance_id and c.day = (e.start at time zone 'UTC')::date
  where e.start >= %(first)s::timestamp at time zone 'UTC'
    and e.start < %(end)s::timestamp at time zone 'UTC' _WHOSE_
  group by 1, 2, 3, 4
)
insert into metered
select p.organisation_id, i.project_id, i.id, t.id, i.offering, g.code,
  coalesce(w.price_class, o.price_class), coalesce(w.priced_as, e.meter),
  case when coalesce(h.plan, i.plan) like 'dev-%%' then 'dev' else '' end, null::numeric, false,
  e.day,
  case when e.apart >= greatest(%(last_hours)s, i.created_at + interval '730 hours')
      and e.meter = any(%(capped)s) then 0 else e.quantity end,
  e.quantity
from used e
join instances_instance i on i.id = e.instance_id
join billing_tagset t on t.tags = i.tags
join regions_region g on g.id = i.region_id
join tenancy_project p on p.id = i.project_id
join unnest(%(offerings)s::text[], %(classes)s::text[]) as o (offering, price_class)
  on o.offering = i.offering
left join unnest(%(elsewhere)s::text[], %(elsewhere_classes)s::text[], %(elsewhere_meters)s::text[])
  as w (meter, price_class, priced_as) on w.meter = e.meter
left join held h on h.instance_id = i.id
  and coalesce(e.apart, e.day::timestamp at time zone 'UTC') >= h.since
  and coalesce(e.apart, e.day::timestamp at time zone 'UTC') < h.until"""

_WHOSE = """
    and _ROW_.instance_id in (
      select i.id from instances_instance i join tenancy_project p on p.id = i.project_id
      where p.organisation_id = %(organisation)s)"""


def _events_of(organisation: int | None) -> str:
    whose = "" if organisation is None else _WHOSE
    plans, events = (whose.replace("_ROW_", row) for row in "ve")
    return _ADD_EVENTS.replace("_WHOSE_PLANS_", plans).replace("_WHOSE_", events)


# What cannot be worked out whole stays as it was.
_LEAVE_OUT = """
create temporary table unknown_day on commit drop as
  select * from unnest(%(instances)s::bigint[], %(days)s::date[]) as u (instance_id, day);
delete from metered m using unknown_day u where (m.instance_id, m.day) = (u.instance_id, u.day)"""

# A day that is over keeps the tags that it had. What a plan counts and what is reported beyond it
# are one record.
_PUT = """
with gone as (
  delete from billing_usagerecord r
  where r.day >= %(first)s and r.day < %(end)s and r.offering = any(%(offerings)s)
    and (%(organisation)s::bigint is null or r.organisation_id = %(organisation)s)
    and not exists (
      select from metered m
      where m.instance_id = r.instance_id and m.day = r.day and m.meter = r.meter
        and m.price_class = r.price_class and m.allowance = r.allowance
        and m.spot_factor is not distinct from r.spot_factor)
    and not exists (
      select from unknown_day u where (u.instance_id, u.day) = (r.instance_id, r.day))
  returning r.organisation_id
), put as (
  insert into billing_usagerecord as r (organisation_id, project_id, instance_id, tag_set_id,
    offering, region, price_class, meter, allowance, spot_factor, from_plan, day, quantity,
    consumed, metered_at)
  select organisation_id, project_id, instance_id, tag_set_id, offering, region, price_class,
    meter, allowance, spot_factor, bool_or(from_plan), day, sum(quantity), sum(consumed), %(now)s
  from metered
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
  on conflict (instance_id, day, meter, price_class, allowance, spot_factor) do update set
    quantity = excluded.quantity, consumed = excluded.consumed, metered_at = excluded.metered_at,
    tag_set_id = case when r.day < %(today)s then r.tag_set_id else excluded.tag_set_id end
  where (r.quantity, r.consumed) is distinct from (excluded.quantity, excluded.consumed)
  returning r.organisation_id
), due as (
  insert into billing_ratedmonth as d (organisation_id, month, due_since, lines)
  select organisation_id, %(month)s, %(now)s, 0
  from (select organisation_id from gone union select organisation_id from put) as touched
  on conflict (organisation_id, month) do update
  set due_since = coalesce(d.due_since, excluded.due_since)
  returning 1
)
select (select count(*) from gone) + (select count(*) from put), (select count(*) from due)"""
