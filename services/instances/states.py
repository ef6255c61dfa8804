"""The life of an operation, as a table, and the words that people see.

    pending ──▶ running ──▶ succeeded
       │           ├──────▶ failed
       └───────────┴──────▶ cancelled

`transition` is the only code that writes `Operation.state`; `phase_of` the only source of
`Instance.phase`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.kernel import clock
from portal.kernel.errors import StaleState
from services.spec import Observed

if TYPE_CHECKING:
    from services.instances.models import Operation


class OperationState(models.TextChoices):
    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Running")
    SUCCEEDED = "succeeded", _("Finished")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Kind(models.TextChoices):
    CREATE = "create"
    UPDATE = "update"
    UPGRADE = "upgrade"
    PAUSE = "pause"
    RESUME = "resume"
    ROTATE = "rotate"
    DELETE = "delete"
    UNDELETE = "undelete"
    PURGE = "purge"
    BACKUP = "backup"
    RESTORE = "restore"
    REPAIR = "repair"


class Lane(models.TextChoices):
    CHANGE = "change"
    BACKUP = "backup"


class Phase(models.TextChoices):
    CREATING = "creating", _("Creating")
    RUNNING = "running", _("Running")
    UPDATING = "updating", _("Updating")
    PAUSING = "pausing", _("Pausing")
    PAUSED = "paused", _("Paused")
    RESUMING = "resuming", _("Resuming")
    DELETING = "deleting", _("Deleting")
    IN_BIN = "in_bin", _("In the bin")
    DELETED = "deleted", _("Deleted")
    FAILED = "failed", _("Failed")


class Health(models.TextChoices):
    OK = "ok", _("OK")
    DEGRADED = "degraded", _("Degraded")
    DOWN = "down", _("Down")
    UNKNOWN = "unknown", _("Unknown")


_S = OperationState
TRANSITIONS: dict[OperationState, frozenset[OperationState]] = {
    _S.PENDING: frozenset({_S.RUNNING, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELLED}),
    _S.SUCCEEDED: frozenset(),
    _S.FAILED: frozenset(),
    _S.CANCELLED: frozenset(),
}
OPEN = frozenset(s.value for s, after in TRANSITIONS.items() if after)

_DOING = {
    Kind.CREATE: Phase.CREATING,
    Kind.UPDATE: Phase.UPDATING,
    Kind.UPGRADE: Phase.UPDATING,
    Kind.ROTATE: Phase.UPDATING,
    Kind.RESTORE: Phase.UPDATING,
    Kind.PAUSE: Phase.PAUSING,
    Kind.RESUME: Phase.RESUMING,
    Kind.UNDELETE: Phase.RESUMING,
    Kind.DELETE: Phase.DELETING,
    Kind.PURGE: Phase.DELETING,
}


def transition(operation: Operation, to: OperationState, **fields: Any) -> None:
    """Move `operation` to `to`, with `fields`, if it still is where we last saw it and no other
    worker claimed it.

    One UPDATE guarded by the old state and the claim number, so two workers cannot both win.
    Raises: ValueError if the table has no such arrow (a bug); StaleState if another moved it first
    (normal: drop the work).
    """
    before = OperationState(operation.state)
    if to not in TRANSITIONS[before]:
        raise ValueError(f"operation cannot go from {before} to {to}")
    values: dict[str, Any] = {"state": to, **fields}
    if to not in OPEN:
        values |= {"finished_at": clock.now(), "lease_until": None, "next_attempt_at": None}
    changed = (
        type(operation)
        .objects.filter(pk=operation.pk, state=before, claim=operation.claim)
        .update(**values)
    )
    if changed != 1:
        raise _stale(operation)
    for name, value in values.items():
        setattr(operation, name, value)


def claim(operation_id: int, lease_seconds: int) -> bool:
    """Take `operation` for this worker until its lease ends, by the database's clock.

    One guarded UPDATE: of many workers that try, one wins. `claim` grows, so that whoever held it
    before is fenced off. False when it is closed, held by another, or not due yet.
    """
    from services.instances.models import Operation

    now = Now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    due = Q(next_attempt_at__isnull=True) | Q(next_attempt_at__lte=now + timedelta(milliseconds=50))
    return bool(
        Operation.objects.filter(free, due, pk=operation_id, state__in=OPEN).update(
            state=OperationState.RUNNING,
            claim=F("claim") + 1,
            attempts=F("attempts") + 1,
            lease_until=now + timedelta(seconds=lease_seconds),
            next_attempt_at=None,
            started_at=Coalesce("started_at", now),
        )
    )


def hold(operation: Operation, **fields: Any) -> None:
    """Write `fields` to a running operation that this worker claimed. Raises: StaleState when it
    lost the claim.
    """
    changed = (
        type(operation)
        .objects.filter(pk=operation.pk, state=OperationState.RUNNING, claim=operation.claim)
        .update(**fields)
    )
    if changed != 1:
        raise _stale(operation)


def _stale(operation: Operation) -> StaleState:
    return StaleState(
        gettext("Operation %(id)s has moved on meanwhile.") % {"id": operation.public_id},
        hint=gettext("Look at it again, then decide."),
    )


def fence(operation: Operation) -> None:
    """Take a running operation away from whichever worker holds it, so that the caller can close
    it.
    """
    changed = (
        type(operation)
        .objects.filter(pk=operation.pk, state=operation.state, claim=operation.claim)
        .update(claim=F("claim") + 1)
    )
    if changed != 1:
        raise _stale(operation)
    operation.claim += 1


def phase_of(
    *,
    deleted: bool,
    in_bin: bool,
    paused: bool,
    open_kind: str | None,
    last_kind: str | None,
    last_state: str | None,
    observed: str,
) -> Phase:
    """The one word for people, from the last change operation and the last observation.

    A failed create is "failed"; any other failure leaves what was there before, and its operation
    tells.
    """
    if deleted:
        return Phase.DELETED
    if open_kind is not None and open_kind in _DOING:
        return _DOING[Kind(open_kind)]
    if in_bin:
        return Phase.IN_BIN
    if last_kind == Kind.CREATE and last_state in (_S.FAILED, _S.CANCELLED):
        return Phase.FAILED
    if paused:
        return Phase.PAUSED
    return Phase.FAILED if observed == Observed.FAILED else Phase.RUNNING


def health_of(*, phase: str, observed: str) -> Health:
    """How an instance is, as far as anybody looked."""
    if phase in (Phase.PAUSED, Phase.IN_BIN, Phase.DELETED, Phase.CREATING):
        return Health.UNKNOWN
    return {
        Observed.READY: Health.OK,
        Observed.DEGRADED: Health.DEGRADED,
        Observed.FAILED: Health.DOWN,
        Observed.ABSENT: Health.DOWN,
        Observed.PAUSED: Health.DOWN,
    }.get(Observed(observed), Health.UNKNOWN)
