"""How the workers are: which have answered, and how much waits for them. Cheap enough to ask for a
page, but never needed to draw one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from portal.kernel.actor import Actor
from portal.tenancy.oversight import require_staff
from services.instances.work import queue_of

logger = logging.getLogger(__name__)
_PATIENCE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Queue:
    """Of one region. `waiting` is None while the broker does not say; `workers` are those that take
    from it and answered in a second.
    """

    waiting: int | None
    workers: list[str]


def queue(actor: Actor, region_code: str) -> Queue:
    """Takes about a second, for answers may come that long."""
    require_staff(actor)
    name = queue_of(region_code)
    return Queue(_waiting(name), _workers(name))


def _waiting(name: str) -> int | None:
    try:
        with current_app.connection_for_read() as connection:
            channel: Any = connection.default_channel  # Valkey's: a queue is a list
            return int(channel.client.llen(name))
    except (BrokerError, RedisError, OSError, AttributeError) as error:
        logger.warning("broker.unreachable", extra={"error": type(error).__name__})
        return None


def _workers(name: str) -> list[str]:
    try:
        inspect = current_app.control.inspect(timeout=_PATIENCE_SECONDS)
        answers = inspect.active_queues() or {}
    except (BrokerError, RedisError, OSError) as error:
        logger.warning("broker.unreachable", extra={"error": type(error).__name__})
        return []
    return sorted(
        worker for worker, queues in answers.items() if any(q["name"] == name for q in queues)
    )
