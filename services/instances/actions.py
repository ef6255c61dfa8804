"""Everything that changes an instance. Console, API, admin and broker call these and nothing below
them.

Each writes desired state and one Operation in one transaction; workers do the rest. What costs
money (create, update, resume, undelete) is reached through `billing.orders.ordering` only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from portal.kernel import clock, crypto, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.backends import keeps_secrets
from services.instances import admission, closing, opening, spare, windows
from services.instances.admission import Admitted, Wanted
from services.instances.models import Instance, Operation, Rollout
from services.instances.specs import desired, entry_of, make_secrets, needs_of, needs_of_order
from services.instances.states import OPEN, Kind, Lane, OperationState, Phase
from services.instances.work import enqueue_on_commit
from services.regions import quota
from services.regions.models import Quota
from services.spec import Capability

_VCPU, _NOTHING = Quota.Name.VCPU.value, Decimal(0)
_INSTALLING = timedelta(minutes=40)  # a first order may have to fetch its engine
_UPGRADING = timedelta(hours=1)  # data is changed over, then copied to the other nodes


@transaction.atomic(savepoint=False)  # `billing.orders.ordering` holds one around it
def create(
    *,
    actor: Actor,
    wanted: Wanted,
    admitted: Admitted,
    price_hourly: Decimal | None = None,
    currency: str = "EUR",
) -> Operation:
    """A new instance and its `create` operation; `admission.admit_order` gave `admitted`.

    Raises: NotPermitted, QuotaExceeded, Invalid when the name was taken meanwhile, Conflict where
    a region has no spare capacity.
    """
    project, entry, region = wanted.project, wanted.entry, wanted.region
    access.require(actor, project, Permission.INSTANCE_CREATE)
    opening.hold_project(project)
    needs = needs_of_order(
        entry, project, region, admitted.plan, admitted.version, admitted.parameters
    )
    if wanted.spot:
        spare.demand_room(region, needs.get(_VCPU, _NOTHING))
    quota.move(project_id=project.pk, region_id=region.pk, held={}, wanted=needs)
    instance = Instance(
        public_id=ids.public_id(entry.offering.prefix),
        project=project,
        region=region,
        offering=entry.offering.slug,
        name=wanted.name,
        version=admitted.version,
        plan=admitted.plan.id,
        parameters=dict(admitted.parameters),
        tags=dict(wanted.tags),
        protected=wanted.protected,
        spot=wanted.spot,
        reserved=quota.stored(needs),
        currency=currency,
        created_by=actor.name,
    )
    try:
        instance.save(force_insert=True)
    except IntegrityError as error:
        raise Invalid(
            {"name": _("“%(name)s” is already in use in this project.") % {"name": wanted.name}}
        ) from error
    if keeps_secrets(region):
        make_secrets(instance, entry.offering.secrets)
    goal = {"price_hourly": str(price_hourly)} if price_hourly is not None else {}
    closing.event(instance, "ordered", None)
    return opening.open_operation(actor, instance, Kind.CREATE, goal=goal, deadline=_INSTALLING)


@transaction.atomic
def update(
    *,
    actor: Actor,
    instance: Instance,
    plan: str | None = None,
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
    price_hourly: Decimal | None = None,
) -> Operation:
    """Another plan or other parameters. What is left out stays.

    Raises: NotPermitted, Invalid, QuotaExceeded, Conflict in a phase that has no settings to
    change.
    """
    spare.hold_region_of(instance)
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    opening.expect(instance, Phase.RUNNING)
    admitted = admission.admit_change(
        instance, entry_of(instance), plan=plan, version=version, raw_parameters=parameters
    )
    before = desired(instance)
    after = {
        "plan": admitted.plan.id,
        "version": admitted.version,
        "parameters": admitted.parameters,
    }
    wanted = needs_of(instance, after)
    spare.demand_room_for_more(instance, wanted.get(_VCPU, _NOTHING))
    opening.hold_quota(instance, quota.larger(wanted, quota.read(instance.reserved)))
    instance.plan, instance.parameters = admitted.plan.id, admitted.parameters
    instance.version = admitted.version
    instance.generation += 1
    goal = {"price_hourly": str(price_hourly)} if price_hourly is not None else {}
    kind = Kind.UPDATE if before["version"] == admitted.version else Kind.UPGRADE
    return opening.open_operation(
        actor,
        instance,
        kind,
        before=before,
        goal=goal,
        after=desired(instance),
        deadline=_UPGRADING if kind == Kind.UPGRADE else opening.DEADLINE,
    )


@transaction.atomic
def pause(*, actor: Actor, instance: Instance, reason: str = "") -> Operation:
    """Stops the server and keeps the data; compute is not billed meanwhile. Raises: Conflict."""
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    opening.expect(instance, Phase.RUNNING)
    opening.demand_capability(instance, Capability.PAUSE)
    closing.event(instance, "pause_requested", None)
    return opening.open_operation(actor, instance, Kind.PAUSE, reason=reason)


@transaction.atomic
def resume(*, actor: Actor, instance: Instance) -> Operation:
    """Starts a paused server. Raises: Conflict."""
    spare.hold_region_of(instance)
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    opening.expect(instance, Phase.PAUSED)
    spare.demand_room_for(instance, spare.vcpu_of(instance))
    return opening.open_operation(actor, instance, Kind.RESUME)


@transaction.atomic
def rotate(*, actor: Actor, instance: Instance) -> Operation:
    """A new password for the tenant's user; the old one ends with the operation. Raises:
    Conflict.
    """
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    opening.expect(instance, Phase.RUNNING)
    opening.demand_capability(instance, Capability.ROTATE)
    if keeps_secrets(instance.region):
        row = instance.secrets.get(name=entry_of(instance).offering.secrets[0])
        row.next_value = row.next_value or crypto.encrypt(crypto.new_password())
        row.save(update_fields=["next_value"])
    return opening.open_operation(actor, instance, Kind.ROTATE)


@transaction.atomic
def delete(*, actor: Actor, instance: Instance, reason: str = "") -> Operation:
    """Into the bin, or destroyed where there is none. Work that is under way is cancelled. Raises:
    Conflict("protected"), Gone.
    """
    instance = opening.begin(actor, instance, Permission.INSTANCE_DELETE)
    opening.demand_unprotected(instance)
    if instance.delete_at is not None:
        raise Conflict(
            _("“%(name)s” is in the bin already.") % {"name": instance.name},
            hint=_("Bring it back, or destroy it now."),
        )
    opening.take_over(instance)
    closing.event(instance, "deleted", None)
    if instance.phase == Phase.FAILED or opening.bin_of(instance) == "none":
        return opening.open_operation(
            actor, instance, Kind.PURGE, reason=reason
        )  # nothing there worth keeping, or nothing that could be kept from use
    return opening.open_operation(actor, instance, Kind.DELETE, reason=reason)


@transaction.atomic
def undelete(*, actor: Actor, instance: Instance) -> Operation:
    """Out of the bin, running. Raises: Conflict when it is not in the bin, Gone, QuotaExceeded."""
    spare.hold_region_of(instance)
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    if instance.delete_at is None:
        raise Conflict(
            _("“%(name)s” is not in the bin.") % {"name": instance.name},
            hint=_("Nothing has to be done."),
        )
    wanted = needs_of(instance)
    spare.demand_room_for(instance, wanted.get(_VCPU, _NOTHING))
    opening.hold_quota(instance, wanted)
    return opening.open_operation(actor, instance, Kind.UNDELETE)


@transaction.atomic
def purge(*, actor: Actor, instance: Instance, reason: str = "") -> Operation:
    """Destroys server and data now, from any phase. Raises: Conflict("protected"), Gone."""
    instance = opening.begin(actor, instance, Permission.INSTANCE_DELETE)
    if not actor.is_system:
        opening.demand_unprotected(instance)
    opening.take_over(instance)
    if instance.delete_at is None:
        closing.event(instance, "deleted", None)
    return opening.open_operation(actor, instance, Kind.PURGE, reason=reason)


@transaction.atomic
def repair(
    *, actor: Actor, instance: Instance, reason: str = "", as_applied: bool = False
) -> Operation | None:
    """Drives the backend to what is desired now; `as_applied` puts back what was applied, without
    rendering anew. None when something is being done to it already.
    """
    if instance.operations.filter(state__in=OPEN, lane=Lane.CHANGE).exists():
        return None
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    goal = {"as_applied": True} if as_applied else {}
    return opening.open_operation(actor, instance, Kind.REPAIR, goal=goal, reason=reason)


@transaction.atomic
def edit(
    *,
    actor: Actor,
    instance: Instance,
    name: str | None = None,
    tags: Mapping[str, str] | None = None,
    protected: bool | None = None,
    window_day: str | None = None,
    window_hour: int | None = None,
) -> Instance:
    """Name, tags, protection and window: at once, no operation. Raises: Invalid, Gone."""
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    before = _edited(instance)
    faults: dict[str, str] = {}
    if name is not None and name != instance.name:
        faults |= admission.name_faults(instance.project, name, besides=instance)
        instance.name = name
    if tags is not None:
        faults |= admission.tag_faults(tags)
        instance.tags = dict(tags)
    faults |= windows.put(instance, window_day, window_hour)
    if faults:
        raise Invalid(faults)
    if protected is not None:
        instance.protected = protected
    instance.updated_at = clock.now()
    instance.save(
        update_fields=["name", "tags", "protected", "window_day", "window_hour", "updated_at"]
    )
    after = _edited(instance)
    opening.record_change(actor, instance, "instance.edit", before=before, after=after)
    return instance


def _edited(instance: Instance) -> dict[str, Any]:
    """What `edit` may change, for the audit trail."""
    return {
        "name": instance.name,
        "tags": instance.tags,
        "protected": instance.protected,
        "window_day": windows.day_of(instance),
        "window_hour": instance.window_hour,
    }


@transaction.atomic
def tag(
    *,
    actor: Actor,
    instance: Instance,
    add: Mapping[str, str] | None = None,
    remove: Collection[str] = (),
) -> Instance:
    """Adds tags and removes those named by key; all others stay. Raises: Invalid, Gone."""
    instance = opening.begin(actor, instance, Permission.INSTANCE_UPDATE)
    kept = {key: value for key, value in instance.tags.items() if key not in remove}
    return edit(actor=actor, instance=instance, tags={**kept, **(add or {})})


# -- operations -----------------------------------------------------------------------------------


@transaction.atomic
def cancel(*, actor: Actor, operation: Operation, reason: str = "") -> Operation:
    """Asks a running operation to undo and stop. Raises: Conflict once its point of no return is
    passed, and for an interruption unless the provider does it.
    """
    instance = operation.instance
    opening.demand(actor, instance, Permission.OPERATION_MANAGE)
    row = Operation.objects.select_for_update().get(pk=operation.pk)
    if row.state not in OPEN:
        raise Conflict(
            _("This operation has ended already."), hint=_("Look at its result."), code="ended"
        )
    if row.committed_at is not None or row.kind in (Kind.PURGE, Kind.REPAIR):
        raise Conflict(
            _("This operation can no longer be cancelled: its point of no return is passed."),
            hint=_("Wait until it ends, then undo its effect."),
            code="past-point-of-no-return",
        )
    if row.is_interruption:
        opening.demand_provider(actor, instance)
    if row.cancel_requested_at is None:
        row.cancel_requested_at = clock.now()
        row.next_attempt_at = None
        row.save(update_fields=["cancel_requested_at", "next_attempt_at"])
        after = {"operation": row.public_id}
        opening.record_change(actor, instance, "operation.cancel", after=after, reason=reason)
        enqueue_on_commit(row)
    return row


@transaction.atomic
def retry(*, actor: Actor, operation: Operation, reason: str = "") -> Operation:
    """A new operation with the goal of a failed one. Raises: Conflict, also where what runs on
    spare capacity finds no room; QuotaExceeded.
    """
    spare.hold_region_of(operation.instance)
    instance = opening.begin(actor, operation.instance, Permission.OPERATION_MANAGE)
    if operation.state not in (OperationState.FAILED, OperationState.CANCELLED):
        raise Conflict(
            _("Only a failed or cancelled operation can be tried again."),
            hint=_("Look at its result."),
            code="not-retryable",
        )
    newest = instance.operations.filter(lane=operation.lane).order_by("-id").first()
    if newest is not None and newest.pk != operation.pk and newest.kind != Kind.REPAIR:
        raise Conflict(
            _("Something else was done after this operation."),
            hint=_("Ask for what you want now instead."),
            code="not-retryable",
        )
    if operation.kind in (Kind.CREATE, Kind.UNDELETE):
        wanted = needs_of(instance)
        spare.demand_room_for(instance, wanted.get(_VCPU, _NOTHING))
        opening.hold_quota(instance, wanted)
    elif operation.kind == Kind.RESUME:
        spare.demand_room_for(instance, spare.vcpu_of(instance))
    before: dict[str, Any] = {}
    if operation.kind in (Kind.UPDATE, Kind.UPGRADE):
        before = desired(instance)
        after = operation.goal.get("desired", before)
        wanted = needs_of(instance, after)
        spare.demand_room_for_more(instance, wanted.get(_VCPU, _NOTHING))
        opening.hold_quota(instance, quota.larger(wanted, quota.read(instance.reserved)))
        instance.version, instance.plan = after["version"], after["plan"]
        instance.parameters = after["parameters"]
        instance.generation += 1
    goal = {k: v for k, v in operation.goal.items() if k not in ("restored", "why")}
    return opening.open_operation(
        actor,
        instance,
        Kind(operation.kind),
        before=before,
        goal=goal,
        retry_of=operation,
        reason=reason,
        deadline=_UPGRADING if operation.kind == Kind.UPGRADE else _INSTALLING,
    )


@transaction.atomic
def force_delete(*, actor: Actor, instance: Instance, reason: str) -> Operation:
    """Staff only: destroys an instance whatever state it is in, protected or not. The reason is
    kept.
    """
    opening.demand(actor, instance, Permission.INSTANCE_DELETE)
    if not reason.strip():
        raise Invalid({"reason": _("Say why.")})
    instance = opening.lock_row(instance)
    opening.take_over(instance)
    goal = {"force": True}
    return opening.open_operation(actor, instance, Kind.PURGE, goal=goal, reason=reason)


def forget_person(name: str) -> None:
    """Services, operations and rollouts no longer say that this person asked for them. Call it
    within a transaction.
    """
    Instance.objects.filter(created_by=name).update(created_by="")
    for rows in (Operation.objects.all(), Rollout.objects.all()):
        rows.filter(requested_by=name).update(requested_by="")
