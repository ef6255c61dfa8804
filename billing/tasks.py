"""Celery's side of money: thin, idempotent."""

from __future__ import annotations

from celery import shared_task

from billing import cycle


@shared_task(acks_late=True, time_limit=1800)
def meter_and_rate() -> None:
    """Brings usage and costs up to now."""
    cycle.meter_and_rate()
