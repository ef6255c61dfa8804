"""Celery's side of the tenants."""

from celery import shared_task

from portal.tenancy import invitations


@shared_task(time_limit=120)
def forget_invitations() -> None:
    """Deletes invitations that ended a month ago: they hold addresses of people."""
    invitations.forget_ended()
