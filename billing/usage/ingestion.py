"""Usage that meters report, into the table: exactly once by (source, id), set-based.

The same event again changes nothing. Another event under a known id is not billed: it goes into
quarantine, and what came first stays. Usage of a month that has an invoice already is kept, and the
month becomes due for correction.

Source: shared design, billing 1.3; CloudEvents 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from billing.metering import retention
from billing.models import Price, RatedMonth, UsageConflict, UsageEvent
from billing.pricebook.meters import HELD_ONCE, PLAN_METERS, PRICED_ELSEWHERE
from billing.usage import cloudevents, meter_keys
from billing.usage.cloudevents import Rejected, Reported
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from services import registry
from services.instances.models import Instance

MOST = 10_000

# Why an event is not taken; docs/usage.md says each in words. Public contract.
CODES = (
    "malformed",
    "invalid",
    "unknown-meter",
    "unknown-instance",
    "not-priced",
    "counted-by-plan",
    "foreign-source",
    "negative",
    "too-long",
    "future",
    "before-instance",
    "after-instance",
    "too-old",
    "conflict",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """The event at `index` of the batch was not taken."""

    index: int
    code: str
    detail: str


@dataclass(slots=True)
class Taken:
    """What became of a batch. `late` of the accepted ones belong to a month that has been
    invoiced; they come as a correction.
    """

    accepted: int = 0
    duplicate: int = 0
    late: int = 0
    rejected: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What an event must agree with, of its instance."""

    pk: int
    organisation: int
    offering: str
    created_at: datetime
    deleted_at: datetime | None


Batch = list[tuple[int, Reported]]


@transaction.atomic
def take_usage(*, actor: Actor, events: Iterable[Any]) -> Taken:
    """Events of a meter as they were parsed, or `Rejected` where they could not be; at most `MOST`.

    The name of the meter bounds their `source`: it, or a path below it. Raises: NotPermitted.
    """
    meter_keys.require_meter(actor)
    taken, batch, now = Taken(), [], clock.now()
    for index, event in enumerate(events):
        try:
            batch.append((index, _own(_read(event, now), actor.name)))
        except Rejected as error:
            taken.rejected.append(Fault(index, error.code, error.text))
    fitting = _fitting(batch, taken, beyond_plan=False)
    _store(fitting, taken, now)
    taken.rejected.sort(key=lambda fault: fault.index)
    return taken


@transaction.atomic
def keep_own(events: Sequence[Reported]) -> Taken:
    """What Polder's own backends told, by the thousand; beyond what plans count."""
    taken, now = Taken(), clock.now()
    _store(_fitting(list(enumerate(events)), taken, beyond_plan=True), taken, now)
    return taken


def _read(event: Any, now: datetime) -> Reported:
    if isinstance(event, Rejected):
        raise event
    return cloudevents.read(event, now)


def _own(event: Reported, source: str) -> Reported:
    if event.source != source and not event.source.startswith(f"{source}/"):
        raise Rejected(
            "foreign-source",
            _("This key is for the source “%(source)s” and paths below it.") % {"source": source},
        )
    return event


# -- does it fit its instance? ---------------------------------------------------------------------


def _fitting(
    batch: Batch, taken: Taken, *, beyond_plan: bool
) -> list[tuple[int, Reported, _Known]]:
    known = _instances({event.subject for _, event in batch})
    priced = set(Price.objects.filter(book="list").values_list("price_class", "meter").distinct())
    entries = registry.entries()
    found = []
    for index, event in batch:
        instance = known.get(event.subject)
        try:
            _check(event, instance, entries, priced, beyond_plan)
        except Rejected as error:
            taken.rejected.append(Fault(index, error.code, error.text))
        else:
            assert instance is not None  # noqa: S101  # _check refuses it
            found.append((index, event, instance))
    return found


def _instances(names: set[str]) -> dict[str, _Known]:
    rows: Iterable[Any] = Instance.objects.filter(public_id__in=names).values_list(
        "public_id", "pk", "project__organisation_id", "offering", "created_at", "deleted_at"
    )
    return {name: _Known(*rest) for name, *rest in rows}


def _check(
    event: Reported, instance: _Known | None, entries: Any, priced: set[Any], beyond_plan: bool
) -> None:
    if instance is None:
        raise Rejected(
            "unknown-instance", _("There is no service “%(id)s”.") % {"id": event.subject[:60]}
        )
    entry = entries.get(instance.offering)
    own_class = entry.offering.price_class if entry else ""
    if PRICED_ELSEWHERE.get(event.meter, (own_class, event.meter)) not in priced:
        raise Rejected(
            "not-priced",
            _("Nothing prices “%(meter)s” of %(offering)s.")
            % {"meter": event.meter, "offering": instance.offering},
        )
    if not beyond_plan and event.meter in (*PLAN_METERS, *HELD_ONCE):
        raise Rejected(
            "counted-by-plan",
            _("“%(meter)s” is counted from the plan's time.") % {"meter": event.meter},
        )
    if event.start < instance.created_at:
        raise Rejected("before-instance", _("The service did not exist yet."))
    if instance.deleted_at is not None and event.start >= instance.deleted_at:
        raise Rejected("after-instance", _("The service was destroyed before."))
    if event.start < (since := retention.taken_since()):
        raise Rejected(
            "too-old", _("Usage from before %(day)s is no longer taken.") % {"day": f"{since:%F}"}
        )


# -- into the table --------------------------------------------------------------------------------

_INSERT = """
insert into billing_usageevent (source, event_id, digest, instance_id, meter, start, "end",
  quantity, received_at)
select e.*, %(now)s from unnest(%(source)s::text[], %(id)s::text[], %(digest)s::text[],
  %(instance)s::bigint[], %(meter)s::text[], %(start)s::timestamptz[], %(end)s::timestamptz[],
  %(quantity)s::numeric[]) as e
on conflict (source, event_id) do nothing
returning source, event_id"""


def _store(fitting: list[tuple[int, Reported, _Known]], taken: Taken, now: datetime) -> None:
    """In the order of their keys, so that two batches at once never wait for each other."""
    first: dict[tuple[str, str], tuple[Reported, _Known]] = {}
    for _index, event, instance in fitting:
        first.setdefault((event.source, event.id), (event, instance))
    new = _insert([first[key] for key in sorted(first)], now)
    taken.accepted = len(new)
    taken.late = _mark_closed([first[key] for key in new], now)
    known = [
        (index, event, instance)
        for index, event, instance in fitting
        if (event.source, event.id) not in new or first[event.source, event.id][0] is not event
    ]
    _compare(known, taken)


def _insert(rows: list[tuple[Reported, _Known]], now: datetime) -> set[tuple[str, str]]:
    if not rows:
        return set()
    columns: dict[str, Any] = {
        "source": [e.source for e, _ in rows],
        "id": [e.id for e, _ in rows],
        "digest": [e.digest for e, _ in rows],
        "instance": [i.pk for _, i in rows],
        "meter": [e.meter for e, _ in rows],
        "start": [e.start for e, _ in rows],
        "end": [e.end for e, _ in rows],
        "quantity": [e.quantity for e, _ in rows],
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)
        return set(cursor.fetchall())


def _mark_closed(rows: list[tuple[Reported, _Known]], now: datetime) -> int:
    """Invoiced months of what was accepted become due. Returns how many events are of those."""
    months = [(instance.organisation, _month(event)) for event, instance in rows]
    closed = RatedMonth.objects.filter(
        closed_at__isnull=False,
        organisation__in={organisation for organisation, _ in months},
        month__in={month for _, month in months},
    )
    rows_of = closed.values_list("pk", "organisation_id", "month")
    keys = {(organisation, month): pk for pk, organisation, month in rows_of}
    touched = {keys[month] for month in months if month in keys}
    RatedMonth.objects.filter(pk__in=touched).update(due_since=Coalesce(F("due_since"), Value(now)))
    return sum(month in keys for month in months)


def _month(event: Reported) -> date:
    return event.start.date().replace(day=1)


def _compare(rows: list[tuple[int, Reported, _Known]], taken: Taken) -> None:
    """The same as before is a duplicate, anything else a conflict."""
    kept = _kept([event for _, event, _ in rows])
    conflicts = []
    for index, event, instance in rows:
        before = kept[event.source, event.id]
        if before.digest == event.digest:
            taken.duplicate += 1
            continue
        conflicts.append((event, instance, before))
        taken.rejected.append(
            Fault(
                index,
                "conflict",
                _("“%(id)s” was reported with another content; this one is in quarantine.")
                % {"id": event.id},
            )
        )
    UsageConflict.objects.bulk_create(
        [
            UsageConflict(
                public_id=ids.long_id("uc"),
                source=event.source,
                event_id=event.id,
                digest=event.digest,
                instance_id=instance.pk,
                kept=before.said,
                payload=event.as_json(),
            )
            for event, instance, before in conflicts
        ],
        ignore_conflicts=True,
    )


@dataclass(frozen=True, slots=True)
class _Kept:
    """What came first under an id."""

    digest: str
    said: dict[str, str]


def _kept(events: list[Reported]) -> dict[tuple[str, str], _Kept]:
    if not events:
        return {}
    rows: Iterable[Any] = UsageEvent.objects.filter(
        source__in={event.source for event in events}, event_id__in={event.id for event in events}
    ).values_list(
        "source", "event_id", "digest", "instance__public_id", "meter", "start", "end", "quantity"
    )
    return {
        (source, event_id): _Kept(digest, Reported(source, event_id, *said).as_json())
        for source, event_id, digest, *said in rows
    }
