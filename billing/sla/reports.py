"""How promises were kept: reads of the months that are settled, and of the one that runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from billing.metering.plantime import month_bounds
from billing.models import Invoice, SlaMonth
from billing.sla import facts
from billing.sla.arithmetic import Credit, Measured, credit_for, measure
from billing.sla.facts import Subject
from billing.sla.months import credited, instance_of, notes_for
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.status import queries as status
from portal.status.models import Incident
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services.instances.models import Instance


@dataclass(frozen=True, slots=True)
class Posted:
    """A part of a credit and where it stands: the number of an invoice or of a credit note, empty
    while that is a draft.
    """

    amount: Decimal
    month: date
    invoice: str


@dataclass(frozen=True, slots=True)
class Outage:
    """Bad minutes without a gap between them, with the incidents that touched them."""

    start: datetime
    minutes: int
    incidents: tuple[Incident, ...]

    @property
    def end(self) -> datetime:
        return self.start + timedelta(minutes=self.minutes)


@dataclass(frozen=True, slots=True)
class Report:
    """An instance's month. Until it is `settled`, all of it may change: the credit is what it would
    be if the month ended now.
    """

    instance: Instance
    month: date
    measured: Measured
    credit: Credit
    outages: tuple[Outage, ...]
    settled: bool
    posted: tuple[Posted, ...] = ()


def reports_for(
    actor: Actor, organisation: Organisation, month: date, *, instance: str = ""
) -> list[Report]:
    """Of the instances whose costs `actor` may see, by name.

    Raises: NotFound, NotPermitted.
    """
    rows = _visible(actor, organisation)
    if instance:
        rows = rows.filter(public_id=instance)
    return _reports(organisation, month, rows)


def report_of(instance: Instance, month: date) -> Report | None:
    """Of an instance that the caller may see; None when nothing was expected of it."""
    rows = Instance.objects.filter(pk=instance.pk)
    return next(iter(_reports(instance.project.organisation, month, rows)), None)


def _reports(organisation: Organisation, month: date, rows: QuerySet[Instance]) -> list[Report]:
    start, end = month_bounds(month)
    incidents = status.incidents_between(start, min(end, clock.now()))
    settled = SlaMonth.objects.filter(instance__in=rows, month=month)
    kept = list(settled.select_related("instance__region", "instance__project"))
    if kept:
        posted = _posted(organisation, month)
        made = [
            _report(row.instance, month, _measured(row), _credited(row), incidents, posted)
            for row in kept
        ]
        return sorted(made, key=lambda report: (report.instance.name, report.instance.pk))
    return [
        _fresh(subject, month, incidents) for subject in facts.subjects(organisation, month, rows)
    ]


def _fresh(subject: Subject, month: date, incidents: Sequence[Incident]) -> Report:
    measured = measure(subject.facts)
    credit = credit_for(measured, subject.cost)
    return _report(subject.instance, month, measured, credit, incidents, None)


def _report(
    instance: Instance,
    month: date,
    measured: Measured,
    credit: Credit,
    incidents: Sequence[Incident],
    posted: dict[str, tuple[Posted, ...]] | None,
) -> Report:
    start, _ = month_bounds(month)
    outages = []
    for first, minutes in measured.outages:
        since = start + timedelta(minutes=first)
        until = since + timedelta(minutes=minutes)
        touched = facts.incidents_of(
            incidents, instance.region.code, instance.offering, since, until
        )
        outages.append(Outage(since, minutes, tuple(touched)))
    return Report(
        instance=instance,
        month=month,
        measured=measured,
        credit=credit,
        outages=tuple(outages),
        settled=posted is not None,
        posted=(posted or {}).get(instance.public_id, ()),
    )


def _posted(organisation: Organisation, month: date) -> dict[str, tuple[Posted, ...]]:
    """What was credited for a month, by instance."""
    lines = credited(organisation, month)
    numbers = _numbers(organisation, {line.day.replace(day=1) for line in lines})
    found: dict[str, tuple[Posted, ...]] = defaultdict(tuple)
    for line in lines:
        booked = line.day.replace(day=1)
        part = Posted(-line.billed_cost, booked, numbers.get(booked, ""))
        found[instance_of(line.reference)] += (part,)
    for note in notes_for(organisation, month):
        found[instance_of(note.cause)] += (Posted(note.net, month, note.number or ""),)
    return found


def _numbers(organisation: Organisation, months: Iterable[date]) -> dict[date, str]:
    rows = Invoice.objects.filter(
        organisation=organisation, month__in=months, kind="380", status=Invoice.Status.ISSUED
    )
    return {month: number or "" for month, number in rows.values_list("month", "number")}


def _measured(row: SlaMonth) -> Measured:
    return Measured(
        target=row.target,
        expected=row.expected,
        excluded=row.excluded,
        unknown=row.unknown,
        bad=row.bad,
        outages=tuple((first, minutes) for first, minutes in row.outages),
        windows=row.windows,
        slow=row.slow,
        within=row.within,
    )


def _credited(row: SlaMonth) -> Credit:
    return Credit(row.for_time, row.for_speed, row.cost)


def _visible(actor: Actor, organisation: Organisation) -> QuerySet[Instance]:
    rows = Instance.objects.filter(project__organisation=organisation)
    return access.visible(actor, organisation, Permission.COST_VIEW, rows)
