"""What staff reads of instances and operations, of all tenants.

Callers tell the tenants whose rows they show (`portal.tenancy.oversight.note_looks`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff
from services.instances.models import Instance, Operation
from services.instances.queries import ill, with_relations
from services.instances.states import OPEN, OperationState
from services.regions import breaker

# An operation is stuck when nothing came of it for so long, or after so many tries.
QUIET = timedelta(minutes=5)
MANY_ATTEMPTS = 100
FAILED_LATELY = timedelta(days=7)
_MOST = 500


@dataclass(frozen=True, slots=True)
class Stuck:
    """An open operation that a person should look at. `reasons` are codes, the gravest first:
    overdue, region-waits, no-progress, many-attempts. `moved_at` is when something last came of it.
    """

    operation: Operation
    reasons: tuple[str, ...]
    moved_at: datetime


def stuck_operations(actor: Actor) -> list[Stuck]:
    """Of all tenants, the oldest first."""
    require_staff(actor)
    now = clock.now()
    rows = _operations().filter(
        Q(deadline__lt=now) | Q(attempts__gte=MANY_ATTEMPTS) | Q(created_at__lt=now - QUIET),
        state__in=OPEN,
    )
    found = [_judged(row, now) for row in rows.order_by("created_at")[:_MOST]]
    return [one for one in found if one.reasons]


def _judged(operation: Operation, now: datetime) -> Stuck:
    moved = _moved_at(operation)
    signs = {
        "overdue": operation.deadline < now,
        "region-waits": breaker.waiting_seconds(operation.instance.region) > 0,
        "no-progress": moved < now - QUIET,
        "many-attempts": operation.attempts >= MANY_ATTEMPTS,
    }
    return Stuck(operation, tuple(code for code, sign in signs.items() if sign), moved)


def _moved_at(operation: Operation) -> datetime:
    """When its last step began or ended; before its first step, when it was taken or asked for."""
    times = [step[name] for step in operation.steps for name in ("started", "finished")]
    moments = [datetime.fromisoformat(time) for time in times if time]
    return max([*moments, operation.started_at or operation.created_at])


def failed_operations(actor: Actor) -> QuerySet[Operation]:
    """Those of the last week that nothing was done about: no newer operation in their lane."""
    require_staff(actor)
    newer = Operation.objects.filter(
        instance=OuterRef("instance"), lane=OuterRef("lane"), pk__gt=OuterRef("pk")
    )
    rows = _operations().filter(
        ~Exists(newer),
        state=OperationState.FAILED,
        finished_at__gt=clock.now() - FAILED_LATELY,
        instance__deleted_at__isnull=True,
    )
    return rows.order_by("-finished_at")


def ailing_instances(actor: Actor) -> QuerySet[Instance]:
    """Services that a person should look at, those that ask for it first."""
    require_staff(actor)
    rows = ill(Instance.objects.filter(deleted_at__isnull=True, delete_at__isnull=True))
    return with_relations(rows).order_by("-needs_attention", "pk")


def instances_of(actor: Actor, organisation: Organisation) -> QuerySet[Instance]:
    """All services of a tenant that are not gone, newest first."""
    require_staff(actor)
    rows = Instance.objects.filter(project__organisation=organisation, deleted_at__isnull=True)
    return with_relations(rows).order_by("-pk")


def instances_matching(actor: Actor, text: str) -> QuerySet[Instance]:
    """Of all tenants, by the beginning of the number or a part of the name; the living first."""
    require_staff(actor)
    found = Q(public_id__startswith=text.lower()) | Q(name__icontains=text)
    return with_relations(Instance.objects.filter(found)).order_by("-deleted_at", "-pk")


def operations_matching(actor: Actor, text: str) -> QuerySet[Operation]:
    """Of all tenants, by the beginning of the number; newest first."""
    require_staff(actor)
    return _operations().filter(public_id__startswith=text.lower()).order_by("-pk")


def instance(actor: Actor, public_id: str) -> Instance:
    """One service of any tenant, destroyed ones included. Raises: NotFound."""
    require_staff(actor)
    found = with_relations(Instance.objects.filter(public_id=public_id)).first()
    if found is None:
        raise NotFound(
            _("There is no service “%(id)s”.") % {"id": public_id},
            hint=_("Check the number, or search for its name."),
        )
    return found


def operation(actor: Actor, public_id: str) -> Operation:
    """One operation of any tenant. Raises: NotFound."""
    require_staff(actor)
    found = _operations().filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no operation “%(id)s”.") % {"id": public_id},
            hint=_("Check the number, or look for its service."),
        )
    return found


def operations_called(actor: Actor, public_ids: Iterable[str]) -> list[Operation]:
    """Those that exist, oldest first."""
    require_staff(actor)
    return list(_operations().filter(public_id__in=list(public_ids)).order_by("pk"))


def operations_of(actor: Actor, instance: Instance, most: int = 20) -> list[Operation]:
    """What was done to a service, newest first."""
    require_staff(actor)
    return list(_operations().filter(instance=instance).order_by("-pk")[:most])


def counts_by_phase(actor: Actor, *, region_id: int | None = None) -> dict[str, int]:
    """How many services of all tenants are in each phase; those that are gone are not counted."""
    require_staff(actor)
    rows = Instance.objects.filter(deleted_at__isnull=True)
    if region_id is not None:
        rows = rows.filter(region=region_id)
    counted = rows.order_by().values("phase").annotate(n=Count("pk"))
    return {row["phase"]: row["n"] for row in counted}


def counts_by_organisation(actor: Actor, organisations: Iterable[Organisation]) -> dict[int, int]:
    """How many services each has, by the organisation's key. One query."""
    require_staff(actor)
    keys = [organisation.pk for organisation in organisations]
    rows = Instance.objects.filter(deleted_at__isnull=True, project__organisation__in=keys)
    counted = rows.order_by().values("project__organisation").annotate(n=Count("pk"))
    return {row["project__organisation"]: row["n"] for row in counted}


def open_operations_by_region(actor: Actor) -> dict[int, int]:
    """How many operations are open, by the region's key."""
    require_staff(actor)
    rows = Operation.objects.filter(state__in=OPEN).order_by()
    counted = rows.values("instance__region").annotate(n=Count("pk"))
    return {row["instance__region"]: row["n"] for row in counted}


def _operations() -> QuerySet[Operation]:
    return Operation.objects.select_related(
        "instance__project__organisation", "instance__region", "retry_of"
    )
