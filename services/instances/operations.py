"""Reads of operations. Everything a tenant sees comes through `portal.tenancy.access`."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Case, Q, QuerySet, When
from django.utils.translation import gettext as _

from portal.audit.queries import events_for
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission
from services.instances.models import Instance, Operation
from services.instances.reconcile import POINT_OF_NO_RETURN
from services.instances.states import OPEN, Kind, Lane, OperationState

_MOST_NAMES = 50


def operations_for(
    actor: Actor,
    *,
    organisation: str | None = None,
    project: str | None = None,
    instance: str | None = None,
    state: str | None = None,
    kind: str | None = None,
    service: str | None = None,
    asked_by: str | None = None,
) -> QuerySet[Operation]:
    """The operations `actor` may see, newest first. `service` is a part of its name, or its
    number.
    """
    rows = Operation.objects.filter(
        instance__project__in=access.project_keys(actor, Permission.OPERATION_VIEW)
    )
    if organisation:
        rows = rows.filter(instance__project__organisation__slug=organisation)
    if project:
        rows = rows.filter(instance__project__slug=project)
    if instance:
        rows = rows.filter(instance__public_id=instance)
    if state:
        rows = rows.filter(state=state)
    if kind:
        rows = rows.filter(kind=kind)
    if service:
        named = Q(instance__name__icontains=service) | Q(instance__public_id__iexact=service)
        rows = rows.filter(named)
    if asked_by:
        rows = rows.filter(requested_by=asked_by)
    return rows.select_related(
        "instance__project__organisation", "instance__region", "retry_of"
    ).order_by("-id")


def operation_for(
    actor: Actor, public_id: str, permission: Permission = Permission.OPERATION_VIEW
) -> Operation:
    """Raises: NotFound when it is not there or not theirs, NotPermitted."""
    row = (
        Operation.objects.filter(public_id=public_id)
        .select_related("instance__project__organisation", "instance__region", "retry_of")
        .first()
    )
    if row is not None:
        try:
            access.require(actor, row.instance.project, permission)
        except NotFound:
            row = None
    if row is None:
        raise NotFound(
            _("There is no operation “%(id)s”, or you may not see it.") % {"id": public_id},
            hint=_("Check the number, or see the list of operations."),
        )
    return row


def open_operations(instance_ids: Iterable[int]) -> dict[int, Operation]:
    """The open change operation of each instance that has one, by the instance's key. One query."""
    rows = Operation.objects.filter(
        instance_id__in=list(instance_ids), state__in=OPEN, lane=Lane.CHANGE
    )
    return {row.instance_id: row for row in rows.select_related("instance", "retry_of")}


def newest_operation(instance: Instance) -> Operation | None:
    """The last change operation of an instance, open or closed."""
    return (
        instance.operations.filter(lane=Lane.CHANGE)
        .select_related("retry_of")
        .order_by("-id")
        .first()
    )


def running_first(rows: QuerySet[Operation]) -> QuerySet[Operation]:
    """What is under way, then the rest, each newest first."""
    over = Case(When(state__in=sorted(OPEN), then=0), default=1)
    return rows.order_by(over, "-id")


def askers_in(actor: Actor, project: Project) -> list[str]:
    """The names of those who asked for operations in a project, fifty at most."""
    rows = operations_for(actor, project=project.slug).exclude(requested_by="")
    names = rows.order_by("requested_by").values_list("requested_by", flat=True)
    return list(names.distinct()[:_MOST_NAMES])


def is_cancellable(operation: Operation) -> bool:
    """Whether `actions.cancel` would be heard: open, not asked yet, can still be taken back."""
    past = operation.committed_at is not None or operation.kind in (Kind.PURGE, Kind.REPAIR)
    asked = operation.cancel_requested_at is not None
    return operation.state in OPEN and not (past or asked or operation.is_interruption)


def is_retryable(operation: Operation) -> bool:
    """Whether the operation ended in a way that can be tried again."""
    return operation.state in (OperationState.FAILED, OperationState.CANCELLED)


def point_of_no_return(operation: Operation) -> str:
    """The code of the step after which it can no longer be cancelled; empty when it can be until
    it is done.
    """
    codes = POINT_OF_NO_RETURN.get(Kind(operation.kind), ())
    known = [step["code"] for step in operation.steps if step["code"] in codes]
    return next(iter([*known, *codes]), "")


def request_of(operation: Operation) -> str:
    """The id of the request that opened an operation, as the audit trail has it. One query."""
    instance = operation.instance
    rows = events_for(instance.project.organisation.slug, target=instance.public_id)
    asked = rows.filter(after__operation=operation.public_id, verb=f"instance.{operation.kind}")
    return asked.values_list("request_id", flat=True).first() or ""


def retries_of(operation: Operation) -> list[str]:
    """Public ids of the operations that tried it again, oldest first."""
    return list(operation.retries.order_by("pk").values_list("public_id", flat=True))
