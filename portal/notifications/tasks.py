"""Celery's side: thin, idempotent, ids only."""

from __future__ import annotations

from celery import shared_task

from portal.notifications import delivering, fanout, mailing, upkeep


@shared_task(acks_late=True, time_limit=120)
def fan_out(entry_id: int) -> None:
    """Tells everybody who hears of an entry."""
    fanout.fan_out(entry_id)


@shared_task(time_limit=600)
def send_mails() -> None:
    """Mails what is due."""
    mailing.send_due()


@shared_task(time_limit=600)
def deliver() -> None:
    """Sends webhooks what is due."""
    delivering.deliver_due()


@shared_task(time_limit=120)
def sweep() -> None:
    """Finds what the broker lost and what time has made due."""
    upkeep.sweep()


@shared_task(time_limit=600)
def tidy() -> None:
    """Forgets what is old."""
    upkeep.tidy()
