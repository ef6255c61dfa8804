"""A worker's turn at an operation: claim it, take steps for at most two seconds, give it back.

Retries live in the row (`next_attempt_at`); the message queue only makes them prompt.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from portal.kernel.context import request_id
from portal.kernel.errors import BackendError, StaleState
from services.backends import backend_for
from services.instances import reconcile
from services.instances.models import Operation
from services.instances.states import Kind, claim, hold
from services.regions import breaker
from services.regions.models import Region

if TYPE_CHECKING:
    from celery import Task

logger = logging.getLogger(__name__)
_TURN_SECONDS = 2.0
_LONGEST_COUNTDOWN_SECONDS = 5.0


def enqueue_on_commit(operation: Operation) -> None:
    """Tells the workers of the region once the transaction is through."""
    transaction.on_commit(lambda: enqueue(operation.pk, operation.instance.region.code))


def enqueue(operation_id: int, region_code: str, *, delay: float = 0) -> None:
    """A hint to the workers. Never fails: what the broker does not take, the sweep finds."""
    from services.instances.tasks import run_operation

    try:
        run_operation.apply_async(
            args=(operation_id,), countdown=delay, queue=queue_of(region_code)
        )
    except (BrokerError, OSError) as error:
        logger.warning(
            "broker.unreachable", extra={"operation": operation_id, "error": type(error).__name__}
        )


def ask_regions(task: Task[Any, Any], *, expires_seconds: int) -> None:
    """A message with its key to the queue of each region; one that is not taken in time expires."""
    rows = Region.objects.exclude(status=Region.Status.OFF).values_list("pk", "code")
    for pk, code in rows:
        try:
            task.apply_async(args=(pk,), queue=queue_of(code), expires=expires_seconds)
        except (BrokerError, OSError) as error:
            logger.warning(
                "broker.unreachable", extra={"region": code, "error": type(error).__name__}
            )


def queue_of(region_code: str) -> str:
    return f"region-{region_code}"


def take_turn(operation_id: int) -> None:
    """Runs the operation for a while, if it can be claimed."""
    if not claim(operation_id, settings.POLDER_LEASE_SECONDS):
        return
    operation = Operation.objects.select_related(
        "instance__region", "instance__project__organisation"
    ).get(pk=operation_id)
    token = request_id.set(operation.public_id)
    try:
        _drive(operation)
    except StaleState:
        logger.info("operation.stale", extra={"operation": operation.public_id})
    finally:
        request_id.reset(token)


def _drive(operation: Operation) -> None:
    region = operation.instance.region
    wait = breaker.waiting_seconds(region)
    if wait:
        _give_back(operation, wait)
        return
    until = time.monotonic() + _TURN_SECONDS
    while True:
        outcome = _step(operation)
        if outcome.code in breaker.UNREACHABLE:
            breaker.failed(region)
            _give_back(operation, max(outcome.retry_in or 0, 1))
            return
        breaker.answered(region)
        if outcome.retry_in is None:
            _prepare_next(operation)
            logger.info(
                f"operation.{operation.state}",  # noqa: G004  # a stable name of five
                extra={"operation": operation.public_id, "kind": operation.kind},
            )
            return
        if outcome.retry_in > 0 or time.monotonic() > until:
            _give_back(operation, outcome.retry_in)
            return


def _step(operation: Operation) -> reconcile.Outcome:
    """A bug of ours must not lose the operation: it is logged, and the operation tried again
    later.
    """
    try:
        operation.refresh_from_db(fields=["cancel_requested_at"])
        try:
            backend = backend_for(operation.instance.region)
        except BackendError as error:
            return reconcile.without_backend(operation, error)
        return reconcile.step(operation, backend)
    except (StaleState, DatabaseError):
        raise
    except Exception:
        logger.exception("operation.broken", extra={"operation": operation.public_id})
        return reconcile.broken(operation)


def _prepare_next(operation: Operation) -> None:
    """An order may have taken a data directory that was made ahead: make the next one now."""
    from services.instances.tasks import prepare_ahead

    if operation.kind == Kind.CREATE:
        code = operation.instance.region.code
        with suppress(BrokerError, OSError):
            prepare_ahead.apply_async(queue=queue_of(code), expires=60)


def _give_back(operation: Operation, seconds: float) -> None:
    """Back to the queue; from here on anybody may claim it when it is due."""
    hold(
        operation,
        lease_until=None,
        next_attempt_at=Now() + timedelta(seconds=seconds),
    )
    if seconds <= _LONGEST_COUNTDOWN_SECONDS:
        enqueue(operation.pk, operation.instance.region.code, delay=seconds)
