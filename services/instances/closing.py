"""How an operation ends: state, desired state, quota, events and the words that people see, in one
transaction.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction

from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from services.instances import notices
from services.instances.endpoints import ordered
from services.instances.models import Credential, Instance, InstanceEvent, Operation
from services.instances.specs import needs_of
from services.instances.states import (
    OPEN,
    Kind,
    Lane,
    OperationState,
    health_of,
    phase_of,
    transition,
)
from services.regions import quota
from services.spec import Observation

_EVENTS = {
    Kind.CREATE: "created",
    Kind.UPDATE: "changed",
    Kind.UPGRADE: "upgraded",
    Kind.PAUSE: "paused",
    Kind.RESUME: "resumed",
    Kind.ROTATE: "rotated",
    Kind.DELETE: "binned",
    Kind.UNDELETE: "undeleted",
    Kind.PURGE: "purged",
    Kind.REPAIR: "repaired",
}


def close(operation: Operation, to: OperationState, *, seen: Observation | None = None) -> None:
    """Ends `operation` and settles everything that hangs on it.

    Raises: StaleState when another worker (or a delete request) took it first; nothing is written
    then.
    """
    with transaction.atomic():
        transition(operation, to)
        instance = Instance.objects.select_for_update().get(pk=operation.instance_id)
        operation.instance = instance
        if seen is not None:
            put_observation(instance, seen)
        if to == OperationState.SUCCEEDED:
            _succeed(operation, instance)
        else:
            _give_up(operation, instance, cancelled=to == OperationState.CANCELLED)
        refresh(instance)
        instance.updated_at = clock.now()
        instance.save()
        notices.tell_end(operation, instance)
        _audit(operation, instance, to)


def _succeed(operation: Operation, instance: Instance) -> None:
    now, kind = clock.now(), Kind(operation.kind)
    match kind:
        case Kind.PAUSE:
            instance.paused = True
        case Kind.RESUME:
            instance.paused = False
        case Kind.DELETE:
            instance.delete_at = now + settings.POLDER_BIN
            _hold(instance, quota.in_bin(quota.read(instance.reserved)))
        case Kind.UNDELETE:
            instance.delete_at, instance.paused = None, False
        case Kind.PURGE:
            _bury(instance)
        case Kind.ROTATE:
            _promote_secrets(instance)
        case Kind.UPDATE | Kind.UPGRADE:
            _hold(instance, needs_of(instance))
            _take_price(operation, instance)
        case Kind.CREATE:
            _take_price(operation, instance)
        case _:
            pass
    instance.observed_generation = instance.generation
    instance.needs_attention = False
    event(instance, _EVENTS[kind], operation)


def _give_up(operation: Operation, instance: Instance, *, cancelled: bool) -> None:
    """Failed or cancelled: what was not reached is given back."""
    kind = Kind(operation.kind)
    if kind == Kind.CREATE:
        _hold(instance, {})
        if cancelled:
            _bury(instance)
    elif kind in (Kind.UPDATE, Kind.UPGRADE):
        _hold(instance, needs_of(instance))
    elif kind == Kind.UNDELETE:
        _hold(instance, quota.in_bin(quota.read(instance.reserved)))
    if cancelled and kind in (Kind.PAUSE, Kind.DELETE, Kind.PURGE):
        event(instance, "cancelled", operation)  # what the request ended goes on
    if not cancelled:
        event(instance, "failed", operation, error=operation.error_code)
        # An upgrade that was offered and fails is for staff to look at, whatever runs now.
        if operation.error_code == "timed-out" or kind == Kind.UPGRADE:
            instance.needs_attention = True


def _bury(instance: Instance) -> None:
    """The row stays for history; name, quota and secrets are free."""
    instance.deleted_at, instance.delete_at = clock.now(), None
    instance.endpoints, instance.storage_used_mib = [], None
    _hold(instance, {})
    Credential.objects.filter(instance=instance).delete()


def _promote_secrets(instance: Instance) -> None:
    for row in Credential.objects.filter(instance=instance).exclude(next_value=""):
        row.value, row.next_value, row.rotated_at = row.next_value, "", clock.now()
        row.save(update_fields=["value", "next_value", "rotated_at"])


def _take_price(operation: Operation, instance: Instance) -> None:
    price = operation.goal.get("price_hourly")
    if price is not None:
        instance.price_hourly = Decimal(price)


def _hold(instance: Instance, wanted: dict[str, Decimal]) -> None:
    quota.move(
        project_id=instance.project_id,
        region_id=instance.region_id,
        held=quota.read(instance.reserved),
        wanted=wanted,
    )
    instance.reserved = quota.stored(wanted)


def put_observation(instance: Instance, seen: Observation) -> None:
    """Writes what was seen onto the row (not saved)."""
    instance.observed = seen.observed
    instance.observed_at = clock.now()
    instance.observed_code, instance.observed_detail = seen.code, seen.detail[:2000]
    if seen.endpoints:
        instance.endpoints = [
            {
                "name": e.name,
                "protocol": e.protocol,
                "host": e.host,
                "port": e.port,
                "uri": e.uri,
                "tls": e.tls,
            }
            for e in ordered(seen.endpoints)
        ]
    if seen.storage_used_mib is not None:
        instance.storage_used_mib = seen.storage_used_mib


def refresh(instance: Instance) -> None:
    """Phase and health from the last change operation and the last observation (not saved). One
    query.
    """
    last = (
        Operation.objects.filter(instance=instance, lane=Lane.CHANGE)
        .exclude(kind=Kind.REPAIR)
        .order_by("-id")
        .values_list("kind", "state")
        .first()
    )
    kind, state = last or (None, None)
    instance.phase = phase_of(
        deleted=instance.deleted_at is not None,
        in_bin=instance.delete_at is not None,
        paused=instance.paused,
        open_kind=kind if state in OPEN else None,
        last_kind=kind,
        last_state=state,
        observed=instance.observed,
    )
    instance.health = health_of(phase=instance.phase, observed=instance.observed)


def event(instance: Instance, code: str, operation: Operation | None, **params: Any) -> None:
    """What happened, with the plan and version that held then: the source of metering."""
    InstanceEvent.objects.create(
        instance=instance,
        at=clock.now(),
        code=code,
        operation=operation,
        version=instance.version,
        plan=instance.plan,
        params=params,
    )


def _audit(operation: Operation, instance: Instance, to: OperationState) -> None:
    record(
        SYSTEM,
        f"operation.{to}",
        "operation",
        operation.public_id,
        chain=instance.project.organisation.slug,
        project=instance.project.slug,
        after={
            "instance": instance.public_id,
            "kind": operation.kind,
            "error": operation.error_code,
        },
    )
