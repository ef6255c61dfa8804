"""Celery's side of the audit trail."""

from celery import shared_task

from portal.audit import proofs


@shared_task(time_limit=3600)
def check_chains() -> None:
    """Proves every chain."""
    proofs.check_all()
