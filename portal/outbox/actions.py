"""The one way to let people and programs hear of something: a row beside the change it tells of.

The outbox stands below tenancy, so that every writer can reach it; who hears, how and in which
words is `portal.notifications`' business.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celery import current_app
from django.db import connection, transaction
from kombu.exceptions import OperationalError as BrokerError

from portal.kernel.context import request_id
from portal.outbox.models import OutboxEntry

logger = logging.getLogger(__name__)
_TASK = "portal.notifications.tasks.fan_out"
_EXPIRES_SECONDS = 300


def notify(
    kind: str,
    *,
    organisation_id: int | None,
    project_id: int | None = None,
    webhooks_of_id: int | None = None,
    target: str = "",
    params: Mapping[str, Any] | None = None,
    asked_by: str = "",
    person_id: int | None = None,
) -> OutboxEntry:
    """Writes one entry in the caller's transaction; it is fanned out after the commit.

    `kind` is registered with `portal.notifications.kinds`; `params` are codes, names and numbers,
    never a secret and never a sentence. Raises: RuntimeError outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an outbox entry belongs to the transaction that it tells of")
    entry = OutboxEntry.objects.create(
        kind=kind,
        organisation_id=organisation_id,
        project_id=project_id,
        webhooks_of_id=webhooks_of_id,
        target=target,
        params=dict(params or {}),
        asked_by=asked_by,
        person_id=person_id,
        request_id=request_id.get(),
    )
    transaction.on_commit(lambda: hint(_TASK, entry.pk))
    return entry


def hint(task: str, *args: int) -> None:
    """Tells the workers that there is something to do. Never fails: what the broker does not take,
    the sweep finds.
    """
    try:
        _send(task, args)
    except (BrokerError, OSError) as error:
        logger.warning("broker.unreachable", extra={"task": task, "error": type(error).__name__})


def _send(task: str, args: tuple[int, ...]) -> None:
    current_app.send_task(task, args=args, expires=_EXPIRES_SECONDS)
