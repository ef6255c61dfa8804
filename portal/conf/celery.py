"""The Celery application. Tasks are hints: PostgreSQL holds the work, the sweep
finds it.
"""

import os
from typing import Any

from celery import Celery, bootsteps
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.conf.settings")

app = Celery("polder")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class Alive(bootsteps.StartStopStep):
    """Touches the file that a probe looks at, from the loop that takes messages: a worker that
    hangs, or has been without its broker for long, is found by the file's age.
    """

    requires = ("celery.worker.components:Timer",)

    def start(self, parent: Any) -> None:
        from portal.kernel import alive  # settings are read once the worker is configured

        parent.timer.call_repeatedly(alive.SECONDS, alive.touch)


app.steps["worker"].add(Alive)


@setup_logging.connect
def _use_django_logging(**_: object) -> None:
    """Celery must not replace the logging that settings configured."""
