"""One step of one operation: push the backend towards the goal, look once, say when to come back.

Never sleeps, never loops; `work` around it decides. Every call may be the first after a crash.
A step that fails for good, is cancelled or passes its deadline turns the operation to undoing what
it began; only then is it closed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from portal.kernel import clock
from portal.kernel.errors import BackendError, Permanent, Temporary
from services.instances import closing, steps
from services.instances.models import Instance, Operation
from services.instances.specs import entry_of, spec_of
from services.instances.states import Kind, OperationState, hold
from services.spec import Backend, Entry, InstanceSpec, Observation, Observed

logger = logging.getLogger(__name__)

# The step at which a kind can no longer be taken back; create and update can until they are done.
POINT_OF_NO_RETURN = {
    Kind.UPGRADE: ("objects",),
    Kind.PAUSE: ("stop",),
    Kind.RESUME: ("start", "objects"),
    Kind.ROTATE: ("rotate",),
    Kind.DELETE: ("stop",),
    Kind.UNDELETE: ("start", "objects"),
    Kind.PURGE: ("stop",),
}
_UNDO_PATIENCE = timedelta(minutes=5)
_BROKEN_TRIES = 3
_NO_WAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """`retry_in` seconds, or None when the operation is closed. `code` says what is waited for."""

    retry_in: float | None
    code: str = ""


@dataclass(slots=True)
class Job:
    """An operation at work."""

    operation: Operation
    backend: Backend
    entry: Entry
    spec: InstanceSpec
    undoing: bool = False

    @property
    def instance(self) -> Instance:
        return self.operation.instance

    def report(self, code: str, *, percent: int | None = None, **params: Any) -> None:
        """See services.spec.Report. Honours a cancel that came before the point of no return."""
        operation = self.operation
        fields: dict[str, Any] = {}
        no_return = POINT_OF_NO_RETURN.get(Kind(operation.kind), ())
        if code in no_return and not operation.committed_at:
            fields["committed_at"] = operation.committed_at = clock.now()
        operation.steps = steps.advance(operation.steps, code, percent, params)
        lease = Now() + timedelta(seconds=settings.POLDER_LEASE_SECONDS)
        hold(operation, steps=operation.steps, lease_until=lease, **fields)
        if not self.undoing and _cancelled(operation):
            raise _Cancelled


class _Cancelled(Exception):
    """A cancel request was seen in time."""


def step(operation: Operation, backend: Backend) -> Outcome:
    """Raises: StaleState when another worker or a delete request took the operation."""
    entry = entry_of(operation.instance)
    job = Job(operation, backend, entry, wanted_by(operation))
    if not operation.steps:
        codes = backend.steps(entry, job.spec, operation.kind)
        operation.steps = [steps.blank(code) for code in codes]
        hold(operation, steps=operation.steps)
    if operation.error_code or _cancelled(operation):
        return _undo(job)
    if clock.now() > operation.deadline:
        return _time_out(operation, steps.waited_for(operation.steps))
    try:
        _DRIVERS[Kind(operation.kind)](job)
        seen = backend.observe(entry, job.spec)
    except _Cancelled:
        return Outcome(0, "cancel")
    except Temporary as error:
        return _waiting(job.operation, error.code, error.detail, error.retry_after)
    except Permanent as error:
        return _fail(job.operation, error.code, error.params, error.detail)
    if seen.observed != _goal(job):
        return _not_yet(job, seen)
    _finish_steps(operation)
    if operation.error_detail:
        hold(operation, error_detail="")
    closing.close(operation, OperationState.SUCCEEDED, seen=seen)
    return Outcome(None)


def wanted_by(operation: Operation) -> InstanceSpec:
    """The desired state that this operation leads to."""
    kind = Kind(operation.kind)
    changes_passwords = kind in (Kind.ROTATE, Kind.DELETE)
    return spec_of(
        operation.instance,
        rotation=operation.public_id if changes_passwords else "",
        repair=operation.public_id if kind == Kind.REPAIR else "",
        paused=_PAUSED.get(kind),
    )


# Where an operation leads, whatever holds now.
_PAUSED = {Kind.PAUSE: True, Kind.DELETE: True, Kind.RESUME: False, Kind.UNDELETE: False}


def _not_yet(job: Job, seen: Observation) -> Outcome:
    if seen.observed == Observed.FAILED:
        return _fail(job.operation, seen.code or "engine-crashed", {}, seen.detail)
    return _waiting(job.operation, seen.code, seen.detail, job.backend.poll_seconds)


def _waiting(operation: Operation, code: str, detail: str, seconds: float) -> Outcome:
    """Keeps what is waited for: people read it meanwhile, and when time runs out."""
    before = operation.steps, operation.error_detail
    operation.steps = steps.waiting(operation.steps, code)
    operation.error_detail = detail[:4000] or operation.error_detail
    if (operation.steps, operation.error_detail) != before:
        hold(operation, steps=operation.steps, error_detail=operation.error_detail)
    return Outcome(seconds, code)


def _apply(job: Job) -> None:
    job.backend.apply(job.entry, job.spec, job.report)


def _pause(job: Job) -> None:
    job.backend.pause(job.entry, job.spec, job.report)


def _stop(job: Job) -> None:
    job.backend.stop(job.entry, job.spec, job.report)


def _rotate(job: Job) -> None:
    job.backend.rotate(job.entry, job.spec, job.report)


def _destroy(job: Job) -> None:
    force = bool(job.operation.goal.get("force"))
    job.backend.destroy(job.entry, job.spec, job.report, force=force)


def _repair(job: Job) -> None:
    """Drives the backend to what is desired now: running, paused or in the bin."""
    if job.operation.goal.get("as_applied"):
        job.backend.correct(job.entry, job.spec, job.report)
    elif job.instance.paused or job.instance.delete_at is not None:
        _pause(job)
    else:
        _apply(job)


_DRIVERS: dict[Kind, Callable[[Job], None]] = {
    Kind.CREATE: _apply,
    Kind.UPDATE: _apply,
    Kind.UPGRADE: _apply,
    Kind.RESUME: _apply,
    Kind.UNDELETE: _apply,
    Kind.PAUSE: _pause,
    Kind.DELETE: _stop,
    Kind.ROTATE: _rotate,
    Kind.PURGE: _destroy,
    Kind.REPAIR: _repair,
}
_GOALS = {
    Kind.CREATE: Observed.READY,
    Kind.UPDATE: Observed.READY,
    Kind.UPGRADE: Observed.READY,
    Kind.RESUME: Observed.READY,
    Kind.UNDELETE: Observed.READY,
    Kind.ROTATE: Observed.READY,
    Kind.PAUSE: Observed.PAUSED,
    Kind.DELETE: Observed.PAUSED,
    Kind.PURGE: Observed.ABSENT,
    Kind.REPAIR: Observed.READY,
}


def _goal(job: Job) -> Observed:
    """A repair leads to what is desired, at rest or not."""
    kind = Kind(job.operation.kind)
    return Observed.PAUSED if kind == Kind.REPAIR and job.spec.paused else _GOALS[kind]


# -- when it does not work ------------------------------------------------------------------------


def without_backend(operation: Operation, error: BackendError) -> Outcome:
    """There is no way to the region at all (a kubeconfig that is none): waited for until staff has
    mended it or the time is over, and then, since nothing can be undone, closed for staff.
    """
    if clock.now() <= operation.deadline:
        return _waiting(operation, error.code, error.detail, _NO_WAY_SECONDS)
    if operation.error_code:
        return _abandon(operation, OperationState.FAILED)
    if _cancelled(operation):
        return _abandon(operation, OperationState.CANCELLED)
    return _time_out(operation, error.code)


def broken(operation: Operation) -> Outcome:
    """After an exception that nobody foresaw: tried again, then undone, then closed for staff."""
    times = operation.goal.get("broken", 0) + 1
    operation.goal = {**operation.goal, "broken": times}
    hold(operation, goal=operation.goal)
    if times < _BROKEN_TRIES:
        return Outcome(2.0**times, "internal")
    if not operation.error_code:
        return _fail(operation, "internal", {}, "")
    if times < 2 * _BROKEN_TRIES:
        return Outcome(2.0, "internal")
    return _abandon(operation, OperationState.FAILED)


def _fail(operation: Operation, code: str, params: dict[str, Any], detail: str) -> Outcome:
    """Remembers why, so that the next step (of any worker) undoes; the deadline moves to allow for
    that.
    """
    logger.warning("operation.failing", extra={"operation": operation.public_id, "code": code})
    operation.error_code, operation.error_params, operation.error_detail = code, params, detail
    operation.deadline = clock.now() + _UNDO_PATIENCE
    hold(
        operation,
        error_code=code,
        error_params=params,
        error_detail=detail[:4000],
        deadline=operation.deadline,
    )
    return Outcome(0, code)


def _time_out(operation: Operation, waited_for: str) -> Outcome:
    return _fail(operation, "timed-out", {"waits": waited_for}, operation.error_detail)


def _undo(job: Job) -> Outcome:
    operation = job.operation
    to = OperationState.FAILED if operation.error_code else OperationState.CANCELLED
    job.undoing = True
    try:
        seen = _UNDO.get(Kind(operation.kind), _look)(job)
    except Temporary as error:
        _tell_hold_up(operation, error.detail)
        if clock.now() > operation.deadline:
            return _abandon(operation, to)
        return Outcome(error.retry_after, error.code)
    except Permanent as error:
        logger.warning(
            "operation.undo_failed", extra={"operation": operation.public_id, "code": error.code}
        )
        _tell_hold_up(operation, error.detail)
        return _abandon(operation, to)
    _tell_hold_up(operation, "")
    closing.close(operation, to, seen=seen)
    return Outcome(None)


def _tell_hold_up(operation: Operation, detail: str) -> None:
    """What an undo waits for stands behind why it was begun, as long as it waits."""
    why = operation.goal.get("why", operation.error_detail)
    told = "\n".join(filter(None, (why, detail)))[:4000]
    if told != operation.error_detail:
        operation.goal, operation.error_detail = {**operation.goal, "why": why}, told
        hold(operation, goal=operation.goal, error_detail=told)


def _abandon(operation: Operation, to: OperationState) -> Outcome:
    """Even undoing did not work: close it and tell staff."""
    Instance.objects.filter(pk=operation.instance_id).update(needs_attention=True)
    closing.close(operation, to)
    return Outcome(None)


def _hush(code: str, *, percent: int | None = None, **params: Any) -> None:
    """Steps of an undo are not shown one by one."""


def _undo_create(job: Job) -> Observation:
    job.report("undo")
    job.backend.destroy(job.entry, job.spec, _hush)
    return job.backend.observe(job.entry, job.spec)


def _undo_change(job: Job) -> Observation:
    """Back to the plan, version and parameters before; the running server follows."""
    job.report("undo")
    restore_desired(job.operation)
    spec = spec_of(job.instance)
    job.backend.apply(job.entry, spec, _hush)
    return job.backend.observe(job.entry, spec)


def _undo_upgrade(job: Job) -> Observation:
    """Data of a newer version has no way back: what was begun stays desired, unless the backend
    sees that they are still of the version before.
    """
    if not job.operation.committed_at:
        return _undo_change(job)
    restored = job.operation.goal.get("restored")
    seen = _look(job)
    return _undo_change(job) if restored or seen.data_as_before else seen


def _undo_start(job: Job) -> Observation:
    job.report("undo")
    job.backend.pause(job.entry, job.spec, _hush)
    return job.backend.observe(job.entry, job.spec)


def _look(job: Job) -> Observation:
    return job.backend.observe(job.entry, job.spec)


_UNDO: dict[Kind, Callable[[Job], Observation]] = {
    Kind.CREATE: _undo_create,
    Kind.UPDATE: _undo_change,
    Kind.UPGRADE: _undo_upgrade,
    Kind.RESUME: _undo_start,
    Kind.UNDELETE: _undo_start,
}


def restore_desired(operation: Operation) -> None:
    """Puts `before` back as desired state, once; a new generation."""
    before = operation.before
    if not before or operation.goal.get("restored"):
        return
    with transaction.atomic():
        operation.goal = {**operation.goal, "restored": True}
        hold(operation, goal=operation.goal)
        instance = Instance.objects.select_for_update().get(pk=operation.instance_id)
        instance.version, instance.plan = before["version"], before["plan"]
        instance.parameters = before["parameters"]
        instance.generation += 1
        instance.save(update_fields=["version", "plan", "parameters", "generation"])
    operation.instance = instance


def _finish_steps(operation: Operation) -> None:
    operation.steps = steps.finished(operation.steps)
    hold(operation, steps=operation.steps)


def _cancelled(operation: Operation) -> bool:
    return operation.cancel_requested_at is not None and operation.committed_at is None
