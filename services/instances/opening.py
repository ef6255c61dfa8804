"""What every action does around its own change: lock the row, check right and phase, keep quota,
open the operation, write the audit record, tell the workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Gone, OperationOpen, StaleState
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission
from portal.tenancy.refusals import no_project
from services.instances import closing, notices
from services.instances.models import Instance, Operation, SpotInterruption
from services.instances.specs import desired, entry_of
from services.instances.states import OPEN, Kind, Lane, OperationState, Phase, fence, transition
from services.instances.work import enqueue_on_commit
from services.regions import quota
from services.regions.models import Region
from services.spec import Bin, Capability, Entry

DEADLINE = timedelta(minutes=20)
# What makes room, or needs it first.
_IN_NO_WAY = (Kind.PAUSE, Kind.DELETE, Kind.PURGE, Kind.REPAIR, Kind.RESUME, Kind.UNDELETE)


def lock_row(instance: Instance) -> Instance:
    """The row as it is now, for change. Raises: Gone."""
    row = lock_live_or_gone(instance)
    if row.deleted_at is not None:
        raise Gone(
            _("“%(name)s” was destroyed on %(day)s.")
            % {"name": row.name, "day": f"{row.deleted_at:%Y-%m-%d}"},
            hint=_("It cannot be brought back. Order a new one."),
        )
    return row


def lock_live_or_gone(instance: Instance) -> Instance:
    """The same, destroyed or not."""
    rows = Instance.objects.select_for_update(of=("self",))
    return rows.select_related("project__organisation", "region").get(pk=instance.pk)


def demand(actor: Actor, instance: Instance, permission: Permission) -> None:
    """The provider's staff may end and repeat work anywhere; what they did stands in the audit."""
    if actor.kind != "staff":
        access.require(actor, instance.project, permission)


def begin(actor: Actor, instance: Instance, permission: Permission) -> Instance:
    demand(actor, instance, permission)
    return lock_row(instance)


def expect(instance: Instance, *phases: Phase) -> None:
    """Raises: OperationOpen while something is under way, Conflict in another phase."""
    open_one = instance.operations.filter(state__in=OPEN, lane=Lane.CHANGE).first()
    if open_one is not None:
        raise busy(open_one)
    if instance.phase not in phases:
        raise Conflict(
            _("“%(name)s” is %(phase)s; this is possible only when it is %(wanted)s.")
            % {
                "name": instance.name,
                "phase": Phase(instance.phase).label.lower(),
                "wanted": " / ".join(str(p.label).lower() for p in phases),
            },
            hint=_("Look at the service's page for what can be done now."),
            code="wrong-phase",
        )


def busy(open_one: Operation) -> OperationOpen:
    return OperationOpen(
        _("Operation %(id)s is still under way for this service.") % {"id": open_one.public_id},
        hint=_("Wait until it ends, or cancel it."),
        operation=open_one.public_id,
    )


def demand_provider(actor: Actor, instance: Instance) -> None:
    """Raises: Conflict for everybody else: an interruption is not put off."""
    if not actor.is_provider:
        raise Conflict(
            _("%(region)s needs its spare capacity: “%(name)s” is being interrupted.")
            % {"region": instance.region.name, "name": instance.name},
            hint=_("It goes on by itself when there is room again. Until then you may delete it."),
            code="being-interrupted",
        )


def _demand_not_due(actor: Actor, instance: Instance, kind: Kind) -> None:
    """What is due to be interrupted begins nothing that would be in the way of its pause."""
    if not instance.spot or kind in _IN_NO_WAY:
        return
    noticed = SpotInterruption.objects.filter(state=SpotInterruption.State.NOTICED)
    if noticed.filter(instance=instance, due_at__lte=clock.now()).exists():
        demand_provider(actor, instance)


def capabilities(instance: Instance) -> frozenset[Capability]:
    """What its offering can do where it runs."""
    return capabilities_in(entry_of(instance), instance.region)


def capabilities_in(entry: Entry, region: Region) -> frozenset[Capability]:
    """What an offering can do in a region."""
    on_kubernetes = region.backend == Region.Backend.KUBERNETES
    renderer = entry.kubernetes if on_kubernetes else entry.process
    return renderer.CAPABILITIES if renderer is not None else frozenset()


def bin_of(instance: Instance) -> Bin:
    """What the bin means where it runs."""
    renderer = entry_of(instance).kubernetes
    on_kubernetes = instance.region.backend == Region.Backend.KUBERNETES
    return renderer.BIN if renderer is not None and on_kubernetes else "stopped"


def demand_capability(instance: Instance, capability: Capability) -> None:
    if capability not in capabilities(instance):
        raise Conflict(_("This service cannot do that here."), hint="", code="not-supported")


def demand_unprotected(instance: Instance) -> None:
    if instance.protected:
        raise Conflict(
            _("“%(name)s” is protected from deletion.") % {"name": instance.name},
            hint=_("Switch its protection off in the settings first."),
            code="protected",
        )


def take_over(instance: Instance) -> None:
    """Cancels what is under way, at once: its worker finds itself fenced off."""
    for operation in instance.operations.filter(state__in=OPEN, lane=Lane.CHANGE):
        try:
            operation.instance = instance
            if operation.state == OperationState.RUNNING:
                fence(operation)
            transition(operation, OperationState.CANCELLED)
            notices.tell_end(operation, instance)
        except StaleState as error:
            raise busy(operation) from error
        if operation.before and not operation.committed_at:
            instance.version, instance.plan = operation.before["version"], operation.before["plan"]
            instance.parameters = operation.before["parameters"]
            instance.generation += 1


def hold_project(project: Project) -> None:
    """Nobody archives the project until the caller's transaction ends. One query.

    Raises: NotFound for one that was archived since it was loaded.
    """
    rows = Project.objects.select_for_update(no_key=True)
    if not rows.filter(pk=project.pk, archived_at__isnull=True).exists():
        raise no_project(project.slug)


def hold_quota(instance: Instance, wanted: Mapping[str, Decimal]) -> None:
    quota.move(
        project_id=instance.project_id,
        region_id=instance.region_id,
        held=quota.read(instance.reserved),
        wanted=wanted,
    )
    instance.reserved = quota.stored(wanted)


def open_operation(
    actor: Actor,
    instance: Instance,
    kind: Kind,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    goal: Mapping[str, Any] | None = None,
    reason: str = "",
    retry_of: Operation | None = None,
    deadline: timedelta = DEADLINE,
) -> Operation:
    """The operation's row, what people see, the audit record, and the hint to the workers.

    Raises: Conflict("being-interrupted").
    """
    _demand_not_due(actor, instance, kind)
    operation = Operation(
        public_id=ids.public_id("op"),
        instance=instance,
        kind=kind,
        before=dict(before or {}),
        goal={**(goal or {}), **({"desired": dict(after)} if after else {})},
        retry_of=retry_of,
        deadline=clock.now() + deadline,
        requested_by=actor.name,
        reason=reason,
    )
    if kind == Kind.CREATE and retry_of is None:  # alone, and the instance was just written
        operation.save(force_insert=True)
    else:
        _insert_alone(operation)
        closing.refresh(instance)
        instance.updated_at = clock.now()
        instance.save()
    record_change(
        actor,
        instance,
        f"instance.{kind}",
        before=dict(before or {}),
        after={**(after or desired(instance)), "operation": operation.public_id},
        reason=reason,
    )
    enqueue_on_commit(operation)
    return operation


def _insert_alone(operation: Operation) -> None:
    """Raises: OperationOpen when another one is open in its lane."""
    try:
        with transaction.atomic():
            operation.save(force_insert=True)
    except IntegrityError as error:
        found = operation.instance.operations.filter(state__in=OPEN, lane=Lane.CHANGE).first()
        if found is None:
            raise
        raise busy(found) from error


def record_change(
    actor: Actor,
    instance: Instance,
    verb: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    record(
        actor,
        verb,
        "instance",
        instance.public_id,
        chain=instance.project.organisation.slug,
        project=instance.project.slug,
        before=dict(before or {}),
        after=dict(after or {}),
        reason=reason,
    )
