"""The Celery application and its timetable. Tasks are hints: PostgreSQL holds the work, the sweep
finds it.
"""

import os

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.conf.settings")

app = Celery("polder")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "sweep": {"task": "services.instances.tasks.sweep", "schedule": settings.POLDER_SWEEP_SECONDS},
    "observe": {
        "task": "services.instances.tasks.observe_instances",
        "schedule": settings.POLDER_OBSERVE_SECONDS,
    },
    "regions": {"task": "services.instances.tasks.check_regions", "schedule": 30},
    "prepare": {"task": "services.instances.tasks.prepare_ahead", "schedule": 15},
    "certificates": {"task": "services.instances.tasks.renew_certificates", "schedule": 3600},
    "expire": {"task": "portal.api.tasks.expire_records", "schedule": 3600},
}
# A lost beat message must not pile up behind a busy worker.
for _entry in app.conf.beat_schedule.values():
    _entry["options"] = {"expires": max(5, int(_entry["schedule"]))}


@setup_logging.connect
def _use_django_logging(**_: object) -> None:
    """Celery must not replace the logging that settings configured."""
