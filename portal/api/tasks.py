"""Celery's side of the API."""

from celery import shared_task

from portal.api import idempotency


@shared_task(time_limit=120)
def expire_records() -> None:
    """Forgets idempotency keys that are older than a day."""
    idempotency.expire()
