"""The one clock of the application. Leases use the database's own clock instead."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """The present moment, aware, UTC."""
    return timezone.now()
