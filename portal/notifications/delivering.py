"""From a delivery's row to the receiver and back: claim, send, write down, try again later.

Retries live in the row (`next_attempt_at`); the message queue only makes them prompt. A worker that
is killed between the receiver's answer and our row sends once more, with the same event id.
"""

from __future__ import annotations

import json
import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, timedelta
from threading import BoundedSemaphore
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from portal.audit.actions import record
from portal.kernel import clock, crypto
from portal.kernel.actor import SYSTEM
from portal.kernel.context import request_id
from portal.notifications import sending, signing, targets
from portal.notifications.models import Delivery, DeliveryState, Webhook
from portal.notifications.sending import SendError
from portal.notifications.targets import TargetError
from portal.outbox.actions import notify
from portal.outbox.models import OutboxEntry

logger = logging.getLogger(__name__)

# After the first attempt; together a little under 24 hours.
DELAYS_SECONDS = (15, 60, 300, 1200, 4800, 19_200, 60_000)
MOST_ATTEMPTS = len(DELAYS_SECONDS) + 1
MOST_FAILURES = 100
FAILING_LONG = timedelta(hours=20)  # all attempts of one delivery, at their shortest
_JITTER = 0.1
_LEASE = timedelta(seconds=30)  # the whole of an attempt takes at most 16
_TURN_SECONDS = 20.0
# Slow receivers must not take the threads that operations need: so many of a worker's at most.
_slots = BoundedSemaphore(3)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one attempt. `error` is empty when it went well."""

    ms: int
    status: int | None = None
    error: str = ""
    head: str = ""


def is_due() -> bool:
    return _due().exists()


def deliver_due() -> int:
    """Sends what is due, one after the other, for at most a turn. Returns how many attempts."""
    if not _slots.acquire(blocking=False):
        return 0
    try:
        until, count = time.monotonic() + _TURN_SECONDS, 0
        while time.monotonic() < until and (delivery := claim()) is not None:
            attempt(delivery)
            count += 1
        return count
    finally:
        _slots.release()


def _due() -> QuerySet[Delivery]:
    now = Now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    return Delivery.objects.filter(
        free, state=DeliveryState.PENDING, next_attempt_at__lte=now, webhook__disabled_at=None
    )


def claim() -> Delivery | None:
    """The delivery that is longest due, held for this worker until its lease ends.

    A webhook gets one at a time: its row is locked meanwhile, and one with a live lease is passed
    over, so that a slow receiver holds up nobody but itself.
    """
    busy = Delivery.objects.filter(
        webhook=OuterRef("webhook"), state=DeliveryState.PENDING, lease_until__gte=Now()
    )
    with transaction.atomic():
        row = (
            _due()
            .filter(~Exists(busy))
            .select_for_update(of=("self", "webhook"), skip_locked=True)
            .select_related("webhook")
            .order_by("next_attempt_at", "pk")
            .first()
        )
        if row is None:
            return None
        Delivery.objects.filter(pk=row.pk).update(
            claim=F("claim") + 1, attempts=F("attempts") + 1, lease_until=Now() + _LEASE
        )
    rows = Delivery.objects.select_related(
        "webhook__project__organisation", "entry__organisation", "entry__project"
    )
    return rows.get(pk=row.pk)


def attempt(delivery: Delivery) -> None:
    """Sends it once and writes down what came of it."""
    token = request_id.set(request_name(delivery))
    try:
        _settle(delivery, _send(delivery))
    finally:
        request_id.reset(token)


def request_name(delivery: Delivery) -> str:
    """What the receiver sees as `X-Request-Id`: delivery and number of the attempt."""
    return f"{delivery.public_id}.{delivery.attempts}"


def body_of(entry: OutboxEntry) -> bytes:
    """The JSON that is sent: the same at each attempt and replay."""
    found: dict[str, Any] = {
        "id": entry.public_id,
        "type": entry.kind,
        "created_at": f"{entry.at.astimezone(UTC).isoformat(timespec='milliseconds')[:-6]}Z",
        "organisation": entry.organisation.slug if entry.organisation else None,
        "project": entry.project.slug if entry.project else None,
        "data": entry.params,
    }
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()


def _send(delivery: Delivery) -> Outcome:
    started = time.monotonic()
    body = body_of(delivery.entry)
    try:
        url = targets.parse(delivery.webhook.url)
        answer = sending.post(url, targets.address_of(url), body, _headers(delivery, body))
    except (TargetError, SendError) as error:
        return Outcome(sending.elapsed_ms(started), error=error.code)
    except ValueError:  # the rules for addresses became stricter since it was made
        return Outcome(sending.elapsed_ms(started), error="refused")
    return Outcome(sending.elapsed_ms(started), answer.status, _fault(answer.status), answer.head)


def _fault(status: int) -> str:
    if 200 <= status < 300:
        return ""
    return "redirect" if 300 <= status < 400 else "status"


def _headers(delivery: Delivery, body: bytes) -> dict[str, str]:
    ident, now = delivery.entry.public_id, int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "Polder-Webhook/1",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Polder-Event": delivery.entry.kind,
        "Polder-Delivery": delivery.public_id,
        "X-Request-Id": request_name(delivery),
        signing.HEADER: signing.header(secrets_of(delivery.webhook), ident, now, body),
    }


def secrets_of(webhook: Webhook) -> list[str]:
    """Those that sign now: the newest first, then the one before it for a day."""
    found = [crypto.decrypt(webhook.secret)]
    if webhook.previous_secret and webhook.previous_until and webhook.previous_until > clock.now():
        found.append(crypto.decrypt(webhook.previous_secret))
    return found


# -- afterwards ------------------------------------------------------------------------------------


def _settle(delivery: Delivery, outcome: Outcome) -> None:
    """Nothing is written by a worker that lost its lease meanwhile."""
    over = not outcome.error or delivery.attempts >= MOST_ATTEMPTS
    now = clock.now()
    made = {"at": now.isoformat(), "status": outcome.status, "error": outcome.error}
    with transaction.atomic():
        changed = Delivery.objects.filter(
            pk=delivery.pk, claim=delivery.claim, state=DeliveryState.PENDING
        ).update(
            state=_state(outcome, over=over),
            next_attempt_at=None if over else Now() + _wait(delivery.attempts),
            lease_until=None,
            tries=[*delivery.tries, {**made, "ms": outcome.ms}],
            status=outcome.status,
            error=outcome.error,
            duration_ms=outcome.ms,
            response_head=outcome.head,
            finished_at=now if over else None,
        )
        if changed:
            _judge(delivery, outcome, over=over)
    logger.info(
        "webhook.attempt",
        extra={
            "webhook": delivery.webhook.public_id,
            "status": outcome.status,
            "error": outcome.error,
            "ms": outcome.ms,
        },
    )


def _state(outcome: Outcome, *, over: bool) -> DeliveryState:
    if not outcome.error:
        return DeliveryState.SUCCEEDED
    return DeliveryState.FAILED if over else DeliveryState.PENDING


def _wait(attempts: int) -> timedelta:
    """Between attempt number `attempts` and the next, a little more or less, so that many which
    failed together do not come back together.
    """
    seconds = DELAYS_SECONDS[min(attempts, len(DELAYS_SECONDS)) - 1]
    return timedelta(seconds=seconds * (1 + random.uniform(-_JITTER, _JITTER)))  # noqa: S311


def _judge(delivery: Delivery, outcome: Outcome, *, over: bool) -> None:
    """What an attempt says of the webhook as a whole."""
    rows = Webhook.objects.filter(pk=delivery.webhook_id)
    if not outcome.error:
        rows.exclude(failures=0, failing_since=None).update(failures=0, failing_since=None)
        return
    rows.update(failures=F("failures") + 1, failing_since=Coalesce("failing_since", Now()))
    webhook = rows.select_related("project__organisation").get()
    since = webhook.failing_since
    long = since is not None and since <= clock.now() - FAILING_LONG
    if (over and long) or webhook.failures >= MOST_FAILURES:
        _disable(webhook)


def _disable(webhook: Webhook) -> None:
    """Switches a webhook off that kept failing, and tells those who can repair it."""
    now = clock.now()
    changed = Webhook.objects.filter(pk=webhook.pk, disabled_at__isnull=True).update(
        disabled_at=now, disabled_why="failing", updated_at=now
    )
    if not changed:
        return
    give_up_waiting(webhook)
    organisation, project = webhook.project.organisation, webhook.project
    host = targets.host_of(webhook.url)
    notify(
        "webhook.disabled",
        organisation_id=organisation.pk,
        project_id=project.pk,
        target=webhook.public_id,
        params={"host": host, "failures": webhook.failures},
    )
    record(
        SYSTEM,
        "webhook.disable",
        "webhook",
        webhook.public_id,
        chain=organisation.slug,
        project=project.slug,
        after={"host": host, "failures": webhook.failures},
        reason="failing",
    )


def give_up_waiting(webhook: Webhook) -> int:
    """What still waits for a webhook that was switched off will not be sent; it can be replayed."""
    return Delivery.objects.filter(webhook=webhook, state=DeliveryState.PENDING).update(
        state=DeliveryState.FAILED,
        error="disabled",
        next_attempt_at=None,
        lease_until=None,
        claim=F("claim") + 1,
        finished_at=clock.now(),
    )
