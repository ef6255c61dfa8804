"""What runs on spare capacity is told two minutes ahead that it will be paused, is paused by an
operation like any other, and goes on when there is room again.

A row says so (`SpotInterruption`), so that neither a crash nor a lost message changes when or how
often: whoever looks finds what is due. Interrupted are the newest first, and what is under notice
stays when room comes back in time. `billing.spot.resuming` starts again what waits, the oldest
first, since it costs money.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Invalid, PortalError
from portal.tenancy.oversight import require_staff
from services.instances import actions, closing, notices, opening, spare
from services.instances.models import SPOT_REASON, Instance, SpotInterruption
from services.instances.states import OPEN, Kind, Lane, OperationState, Phase
from services.regions.models import Region

logger = logging.getLogger(__name__)

NOTICE = timedelta(minutes=2)
_MOST_VCPU = Decimal(1_000_000)
_AGAIN = timedelta(minutes=1)  # after a pause or resume that failed; longer each time
_LONGEST = 10
_GONE = (Phase.DELETING, Phase.IN_BIN, Phase.DELETED)
State = SpotInterruption.State
Why = SpotInterruption.Why


@transaction.atomic
def offer_spare(
    *, actor: Actor, region: Region, vcpu: Decimal, reason: str = ""
) -> list[SpotInterruption]:
    """Lets services take so much spare capacity of a region from now on. What is too much by that
    is told at once that it will be interrupted; returned are these.

    Raises: NotPermitted, Invalid.
    """
    require_staff(actor)
    if not 0 <= vcpu <= _MOST_VCPU or vcpu != vcpu.quantize(Decimal("0.001")):
        raise Invalid({"vcpu": _("Enter a number of vCPU from 0 on, with three decimals at most.")})
    spare.hold_region(region)
    before = Region.objects.values_list("spot_vcpu", flat=True).get(pk=region.pk)
    Region.objects.filter(pk=region.pk).update(spot_vcpu=vcpu)
    region.spot_vcpu = vcpu
    noticed = _balance(region)
    record(
        actor,
        "region.spare",
        "region",
        region.code,
        chain=PROVIDER,
        before={"spot_vcpu": f"{before.normalize():f}"},
        after={
            "spot_vcpu": f"{vcpu.normalize():f}",
            "interrupted": [row.instance.public_id for row in noticed],
        },
        reason=reason,
    )
    return noticed


def _balance(region: Region) -> list[SpotInterruption]:
    """Notices for what is too much, the newest first; or notices taken back where there is room
    again, of the oldest first. Under the region's lock.

    What takes nothing, or does not run and so cannot be paused, makes no room: it is not told.
    """
    rows = spare.running(region)
    known = {row.instance_id: row for row in open_interruptions().filter(instance__in=rows)}
    noticed = {pk: row for pk, row in known.items() if not _was_interrupted(row)}
    kept = spare.taken_by(one for one in rows if one.pk not in noticed or one.phase == Phase.FAILED)
    told = []
    for one in rows:
        if kept <= region.spot_vcpu:
            break
        if one.pk in noticed or one.phase == Phase.FAILED or spare.vcpu_of(one) == 0:
            continue
        kept -= spare.vcpu_of(one)
        if one.phase in (Phase.PAUSING, Phase.RESUMING):
            continue  # its tenant makes room; or `advance` looks again when it runs
        if one.pk in known:
            _end(known[one.pk], Why.RESUMED)
        told.append(_notice(one))
    for one in reversed(rows):
        row = noticed.get(one.pk)
        if told or row is None or one.phase == Phase.FAILED or _is_leaving(row):
            continue
        if kept + spare.vcpu_of(one) <= region.spot_vcpu:
            _end(row, Why.WITHDRAWN)
            kept += spare.vcpu_of(one)
    return told


def _was_interrupted(row: SpotInterruption) -> bool:
    """Its pause succeeded, whether or not a sweep has seen so."""
    done = row.operation is not None and row.operation.state == OperationState.SUCCEEDED
    return row.state == State.INTERRUPTED or done


def _is_leaving(row: SpotInterruption) -> bool:
    """Its pause is under way."""
    return row.operation is not None and row.operation.state in OPEN


def _notice(instance: Instance) -> SpotInterruption:
    now = clock.now()
    row = SpotInterruption.objects.create(instance=instance, noticed_at=now, due_at=now + NOTICE)
    closing.event(instance, "spot_notice", None, due_at=row.due_at.isoformat())
    notices.tell_spot(instance, "notice", due_at=row.due_at)
    logger.info("spot.noticed", extra={"instance": instance.public_id})
    return row


def _end(row: SpotInterruption, why: SpotInterruption.Why) -> None:
    row.state, row.why, row.ended_at = State.ENDED, why, clock.now()
    row.save(update_fields=["state", "why", "ended_at"])
    if why in (Why.WITHDRAWN, Why.RESUMED):
        closing.event(row.instance, f"spot_{why}", None)
        notices.tell_spot(row.instance, why)


def open_interruptions() -> QuerySet[SpotInterruption]:
    """What is under notice or interrupted, oldest first."""
    rows = SpotInterruption.objects.exclude(state=State.ENDED).order_by("pk")
    return rows.select_related("instance__project__organisation", "instance__region", "operation")


def interruption_of(instance: Instance) -> SpotInterruption | None:
    """The open one of a service. One query for what is on spare capacity, else none."""
    if not instance.spot:
        return None
    return SpotInterruption.objects.filter(instance=instance).exclude(state=State.ENDED).first()


def interruptions_of(instance: Instance) -> QuerySet[SpotInterruption]:
    """All of a service that the caller may see, not ordered yet."""
    return SpotInterruption.objects.filter(instance=instance).select_related("operation")


def waiting_in(region: Region) -> list[Instance]:
    """What was interrupted and waits for room, the oldest service first; without what was tried in
    vain a moment ago.
    """
    rows = Instance.objects.filter(
        region=region,
        phase=Phase.PAUSED,
        interruptions__in=SpotInterruption.objects.filter(_due(), state=State.INTERRUPTED),
        project__organisation__suspended_at__isnull=True,
    )
    return list(rows.select_related("project__organisation", "region").order_by("created_at", "pk"))


def _due() -> Q:
    return Q(next_attempt_at=None) | Q(next_attempt_at__lte=clock.now())


def sweep() -> None:
    """Pauses what is due, and settles what became of the others. Any number may do so at once.

    One that cannot be looked at, by a bug of ours, holds up no other.
    """
    for pk in list(open_interruptions().values_list("pk", flat=True)):
        try:
            advance(pk)
        except PortalError as error:  # something is under way: the next look finds it
            logger.warning("spot.waits", extra={"interruption": pk, "code": error.code})
        except Exception:
            logger.exception("spot.sweep_failed", extra={"interruption": pk})


@transaction.atomic
def advance(pk: int) -> None:
    """Takes one interruption as far as it goes now. Raises: what a pause raises."""
    instance = Instance.objects.select_related("region").get(interruptions=pk)
    spare.hold_region(instance.region)
    instance = opening.lock_live_or_gone(instance)
    row = SpotInterruption.objects.select_related("operation").get(pk=pk)
    row.instance = instance
    if row.state == State.ENDED:
        return
    if instance.phase in _GONE:
        _end(row, Why.DELETED)
    elif _was_interrupted(row):
        _interrupted(row)
    elif instance.phase == Phase.PAUSED:  # by its tenant before we came to it
        _end(row, Why.PAUSED)
    elif row.due_at <= clock.now():
        _pause_unless_room(row)


def _interrupted(row: SpotInterruption) -> None:
    """It waits, unless it runs again: then what is too much meanwhile is told. What a person kept
    from going on is theirs to resume, like what they paused.
    """
    if row.state == State.NOTICED:
        row.state, row.interrupted_at = State.INTERRUPTED, clock.now()
        row.attempts, row.next_attempt_at = 0, None
        row.save(update_fields=["state", "interrupted_at", "attempts", "next_attempt_at"])
    phase = row.instance.phase
    if phase == Phase.PAUSED and _was_called_off(row.instance):
        _end(row, Why.PAUSED)
    elif phase not in (Phase.PAUSED, Phase.PAUSING, Phase.RESUMING):
        _end(row, Why.RESUMED)
        _balance(row.instance.region)


def _was_called_off(instance: Instance) -> bool:
    """Whether the last that was done to it is a resume that somebody cancelled."""
    changes = instance.operations.filter(lane=Lane.CHANGE).exclude(kind=Kind.REPAIR)
    last = changes.order_by("-pk").values_list("kind", "state").first()
    return last == (Kind.RESUME, OperationState.CANCELLED)


def try_to_resume(instance: Instance) -> bool:
    """Whether it is still for Polder to resume it, now; when that fails, it waits before the next
    time, longer each time. First in the transaction of the resume; holds the region.
    """
    spare.hold_region(instance.region)
    waiting = SpotInterruption.objects.filter(_due(), state=State.INTERRUPTED)
    row = waiting.filter(instance=instance).first()
    if row is None or _was_called_off(instance):
        return False
    _count(row)
    row.save(update_fields=["attempts", "next_attempt_at"])
    return True


def _count(row: SpotInterruption) -> None:
    row.attempts += 1
    row.next_attempt_at = clock.now() + _AGAIN * min(row.attempts, _LONGEST)


def _pause_unless_room(row: SpotInterruption) -> None:
    """What made room meanwhile counts. What failed is left until it runs or is gone."""
    if _is_leaving(row):
        return
    _balance(row.instance.region)
    row.refresh_from_db(fields=["state"])
    if row.state == State.NOTICED and row.instance.phase != Phase.FAILED:
        _pause(row)


def _pause(row: SpotInterruption) -> None:
    """At once where the last was cancelled, with a delete that took it over: only what failed is
    worth waiting for.
    """
    failed = row.operation is not None and row.operation.state == OperationState.FAILED
    if failed and row.next_attempt_at is not None and row.next_attempt_at > clock.now():
        return
    instance = row.instance
    row.operation = actions.pause(actor=SYSTEM, instance=instance, reason=SPOT_REASON)
    _count(row)
    row.save(update_fields=["operation", "attempts", "next_attempt_at"])
    logger.info("spot.paused", extra={"instance": instance.public_id, "attempt": row.attempts})
