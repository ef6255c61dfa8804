"""The Celery application. Tasks are hints: PostgreSQL holds the work, the sweep
finds it.
"""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.conf.settings")

app = Celery("polder")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _use_django_logging(**_: object) -> None:
    """Celery must not replace the logging that settings configured."""
