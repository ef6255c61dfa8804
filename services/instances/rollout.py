"""A changed rendering on its way to running instances: what is behind, and rollouts that bring it.

A newer Polder, or other settings of a region, change nothing that runs: each instance stays as it
was applied until something is done to it. A rollout does that: ordinary `repair` operations, batch
after batch, each begun within its instance's window. What it is at stands in the database; beat
calls `advance`, so that it outlives every process.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _

from portal.audit.actions import PROVIDER, record
from portal.kernel import clock, ids
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import (
    BackendError,
    Conflict,
    Invalid,
    NotFound,
    Permanent,
    Temporary,
)
from portal.tenancy.oversight import require_staff
from services.backends import backend_for
from services.instances import actions, windows
from services.instances.models import Instance, Rollout, RolloutPart
from services.instances.specs import entry_of, spec_of
from services.instances.states import OPEN, OperationState, Phase
from services.regions import breaker
from services.regions.models import Region
from services.spec import Difference

logger = logging.getLogger(__name__)
State, Part = Rollout.State, RolloutPart.State
_MOST_AT_ONCE, _LONGEST_PAUSE_MINUTES = 100, 24 * 60


@dataclass(frozen=True, slots=True)
class Behind:
    """A running instance that today's renderers would apply otherwise. `fault` is the code of why
    nobody could tell.
    """

    instance: Instance
    differences: tuple[Difference, ...]
    fault: str = ""

    @property
    def restarts(self) -> bool | None:
        """None where some of it decides by itself and nothing is known to restart."""
        told = {one.restart for one in self.differences}
        return True if True in told else (None if None in told else False)


# -- reads ----------------------------------------------------------------------------------------


def plan(actor: Actor, *, region: Region | None = None, offering: str = "") -> Iterator[Behind]:
    """Those that are behind, by region and offering. Reads their passwords where they are kept,
    one request each. Raises: Temporary where a region does not answer.
    """
    require_staff(actor)
    rows = _running(region, offering).order_by("region__code", "offering", "pk")
    for instance in rows.iterator(chunk_size=200):
        found = _looked_at(instance)
        if found.differences or found.fault:
            yield found


def _running(region: Region | None, offering: str) -> QuerySet[Instance]:
    """At rest they need nothing: what starts again is rendered anew."""
    rows = Instance.objects.filter(deleted_at__isnull=True, phase=Phase.RUNNING)
    if region is not None:
        rows = rows.filter(region=region)
    if offering:
        rows = rows.filter(offering=offering)
    return rows.select_related("project__organisation", "region")


def _looked_at(instance: Instance) -> Behind:
    try:
        return Behind(instance, differences_of(instance))
    except BackendError as error:
        if error.code in breaker.UNREACHABLE:
            raise
        return Behind(instance, (), error.code)


def differences_of(instance: Instance) -> tuple[Difference, ...]:
    """What an `apply` would change of it. Raises: Temporary, Permanent."""
    return backend_for(instance.region).behind(entry_of(instance), spec_of(instance))


def rollouts(actor: Actor, region: Region | None = None) -> list[tuple[Rollout, dict[str, int]]]:
    """All, newest first, with how many of their parts are in which state. Two queries."""
    require_staff(actor)
    rows = Rollout.objects.select_related("region").order_by("-pk")
    found = list(rows.filter(region=region) if region else rows)
    counted = RolloutPart.objects.filter(rollout__in=found).values("rollout", "state")
    counts: dict[int, dict[str, int]] = {}
    for row in counted.order_by().annotate(n=Count("pk")):
        counts.setdefault(row["rollout"], {})[row["state"]] = row["n"]
    return [(rollout, counts.get(rollout.pk, {})) for rollout in found]


def failed_parts(actor: Actor, rollout: Rollout) -> list[RolloutPart]:
    """What a person has to look at before it goes on."""
    require_staff(actor)
    rows = rollout.parts.filter(state=Part.FAILED).select_related("instance", "operation")
    return list(rows.order_by("pk"))


def rollout_called(actor: Actor, public_id: str) -> Rollout:
    """Raises: NotFound."""
    require_staff(actor)
    found = Rollout.objects.filter(public_id=public_id).select_related("region").first()
    if found is None:
        raise NotFound(
            _("There is no rollout “%(id)s”.") % {"id": public_id},
            hint=_("See the list of rollouts."),
        )
    return found


# -- actions --------------------------------------------------------------------------------------


def start(
    *,
    actor: Actor,
    region: Region,
    offering: str = "",
    batch: int = 5,
    pause_minutes: int = 10,
    failures_allowed: int = 0,
    reason: str = "",
) -> Rollout:
    """A rollout over all that is behind in a region now. Its first batch begins with the next beat.

    Raises: NotPermitted, Invalid, Conflict where one runs there already or nothing is behind,
    Temporary where the region does not answer.
    """
    require_staff(actor)
    _expect(batch, pause_minutes, failures_allowed)
    behind = [one.instance for one in plan(actor, region=region, offering=offering)]
    if not behind:
        raise Conflict(
            _("Nothing in %(region)s differs from what was applied.") % {"region": region.name},
            hint=_("There is nothing to roll out."),
        )
    rollout = Rollout(
        public_id=ids.public_id("ro"),
        region=region,
        offering=offering,
        batch=batch,
        pause_minutes=pause_minutes,
        failures_allowed=failures_allowed,
        requested_by=actor.name,
    )
    with transaction.atomic():
        _insert_alone(rollout)
        RolloutPart.objects.bulk_create(RolloutPart(rollout=rollout, instance=i) for i in behind)
        after = {
            "region": region.code,
            "offering": offering,
            "services": len(behind),
            "batch": batch,
            "pause_minutes": pause_minutes,
            "failures_allowed": failures_allowed,
        }
        _record(actor, "rollout.start", rollout, after, reason)
    return rollout


def _expect(batch: int, pause_minutes: int, failures_allowed: int) -> None:
    faults = {}
    if not 1 <= batch <= _MOST_AT_ONCE:
        faults["batch"] = _("Take 1 to %(most)d at once.") % {"most": _MOST_AT_ONCE}
    if not 0 <= pause_minutes <= _LONGEST_PAUSE_MINUTES:
        faults["pause"] = _("Wait 0 to %(most)d minutes.") % {"most": _LONGEST_PAUSE_MINUTES}
    if failures_allowed < 0:
        faults["failures"] = _("Allow 0 failures or more.")
    if faults:
        raise Invalid(faults)


def _insert_alone(rollout: Rollout) -> None:
    try:
        with transaction.atomic():
            rollout.save()
    except IntegrityError as error:
        raise _another(rollout.region) from error


def _another(region: Region) -> Conflict:
    return Conflict(
        _("A rollout runs in %(region)s already.") % {"region": region.name},
        hint=_("Wait until it ends, or stop it."),
    )


@transaction.atomic
def stop(*, actor: Actor, rollout: Rollout, reason: str = "") -> Rollout:
    """No further batch begins; operations that are under way end by themselves. Raises:
    NotPermitted, Conflict unless it runs.
    """
    require_staff(actor)
    row = _locked(rollout)
    if row.state != State.RUNNING:
        raise Conflict(
            _("Rollout %(id)s does not run.") % {"id": row.public_id},
            hint=_("See the list of rollouts."),
        )
    _end(row, State.STOPPED, "asked")
    _record(actor, "rollout.stop", row, _counts(row), reason)
    return row


@transaction.atomic
def resume(*, actor: Actor, rollout: Rollout, reason: str = "") -> Rollout:
    """A stopped one goes on; what failed is tried again. Raises: NotPermitted, Conflict unless it
    is stopped, or where another one runs in its region.
    """
    require_staff(actor)
    row = _locked(rollout)
    if row.state != State.STOPPED:
        raise Conflict(
            _("Rollout %(id)s is not stopped.") % {"id": row.public_id},
            hint=_("See the list of rollouts."),
        )
    _settle(row)
    row.parts.filter(state=Part.FAILED).update(state=Part.WAITING, why="", operation=None)
    row.state, row.ended_by, row.ended_at, row.next_batch_at = State.RUNNING, "", None, None
    _insert_alone(row)
    _record(actor, "rollout.resume", row, _counts(row), reason)
    return row


def _locked(rollout: Rollout) -> Rollout:
    rows = Rollout.objects.select_for_update(of=("self",)).select_related("region")
    return rows.get(pk=rollout.pk)


def _end(rollout: Rollout, state: Rollout.State, ended_by: str) -> None:
    rollout.state, rollout.ended_by, rollout.ended_at = state, ended_by, clock.now()
    rollout.save(update_fields=["state", "ended_by", "ended_at"])
    logger.info("rollout.ended", extra={"rollout": rollout.public_id, "ended_by": ended_by})


def _counts(rollout: Rollout) -> dict[str, int]:
    rows = rollout.parts.order_by().values_list("state").annotate(n=Count("pk"))
    return dict(rows)


def _record(
    actor: Actor, verb: str, row: Rollout, after: Mapping[str, object], reason: str
) -> None:
    record(actor, verb, "rollout", row.public_id, chain=PROVIDER, after=after, reason=reason)


# -- as time goes on ------------------------------------------------------------------------------


def advance() -> None:
    """A turn at each rollout that runs. Two at once do no harm: one of them passes on."""
    for pk in Rollout.objects.filter(state=State.RUNNING).values_list("pk", flat=True):
        try:
            _turn(pk)
        except BackendError as error:
            logger.warning("rollout.waits", extra={"rollout": pk, "code": error.code})


@transaction.atomic
def _turn(pk: int) -> None:
    rows = Rollout.objects.select_for_update(skip_locked=True, of=("self",))
    rollout = rows.select_related("region").filter(pk=pk, state=State.RUNNING).first()
    if rollout is None:
        return
    _settle(rollout)
    counts = _counts(rollout)
    if counts.get(Part.FAILED, 0) > rollout.failures_allowed:
        _end(rollout, State.STOPPED, "failures")
        _record(SYSTEM, "rollout.stop", rollout, counts, "")
    elif not counts.get(Part.WAITING) and not counts.get(Part.RUNNING):
        _end(rollout, State.FINISHED, "done")
        _record(SYSTEM, "rollout.finish", rollout, counts, "")
    elif not counts.get(Part.RUNNING) and _is_due(rollout):
        _begin_batch(rollout)


def _is_due(rollout: Rollout) -> bool:
    if breaker.waiting_seconds(rollout.region):
        return False
    return rollout.next_batch_at is None or rollout.next_batch_at <= clock.now()


def _settle(rollout: Rollout) -> None:
    """What its operations came to. The pause is counted from the end of a batch."""
    ended = rollout.parts.filter(state=Part.RUNNING).exclude(operation__state__in=OPEN)
    parts = list(ended.select_related("operation"))
    for part in parts:
        if part.operation is not None:
            part.state, part.why = _OUTCOMES[part.operation.state], part.operation.error_code
        part.save(update_fields=["state", "why"])
    if parts:
        rollout.next_batch_at = clock.now() + timedelta(minutes=rollout.pause_minutes)
        rollout.save(update_fields=["next_batch_at"])


# A cancelled one was taken over by a delete request.
_OUTCOMES: dict[str, RolloutPart.State] = {
    OperationState.SUCCEEDED: Part.DONE,
    OperationState.FAILED: Part.FAILED,
    OperationState.CANCELLED: Part.LEFT_OUT,
}


def _begin_batch(rollout: Rollout) -> None:
    begun, now = 0, clock.now()
    waiting = rollout.parts.filter(state=Part.WAITING).select_related(
        "instance__project__organisation", "instance__region"
    )
    for part in waiting.order_by("pk"):
        if begun == rollout.batch:
            return
        if windows.is_open(part.instance, now):
            _try(part)
            begun += part.state == Part.RUNNING


def _try(part: RolloutPart) -> None:
    """What cannot be told now waits. Raises: Temporary where its region does not answer."""
    try:
        _begin(part)
    except Temporary as error:
        if error.code in breaker.UNREACHABLE:
            raise
        logger.warning("rollout.part_waits", extra={"part": part.pk, "code": error.code})
    except Permanent as error:
        part.state, part.why = Part.FAILED, error.code
        part.save(update_fields=["state", "why"])


def _begin(part: RolloutPart) -> None:
    """An operation for it, unless nothing is to be done any more; what is busy waits."""
    instance = part.instance
    if instance.deleted_at or instance.phase in (Phase.PAUSED, Phase.IN_BIN, Phase.DELETED):
        part.state, part.why = Part.LEFT_OUT, "at-rest"
    elif not differences_of(instance):
        part.state, part.why = Part.LEFT_OUT, "current"
    elif operation := actions.repair(actor=SYSTEM, instance=instance, reason="rollout"):
        part.state, part.operation = Part.RUNNING, operation
    part.save(update_fields=["state", "why", "operation"])
