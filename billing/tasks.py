"""Celery's side of money: thin, idempotent."""

from __future__ import annotations

from celery import shared_task

from billing import cycle, invoicing


@shared_task(acks_late=True, time_limit=1800)
def meter_and_rate() -> None:
    """Brings usage and costs up to now."""
    cycle.meter_and_rate()


@shared_task(time_limit=1800)
def verify_invoices() -> None:
    """Looks for a gap in the numbers and for a document that is not what was issued."""
    invoicing.verify()
