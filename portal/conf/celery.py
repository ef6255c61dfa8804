"""The Celery application. Tasks are hints: PostgreSQL holds the work, the sweep
finds it.
"""

import os
from typing import Any

from celery import Celery, bootsteps
from celery.signals import setup_logging, worker_shutting_down

from portal.kernel import stopping

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


@worker_shutting_down.connect
def _tell_long_work(**_: object) -> None:
    """The worker waits for its tasks; these need not be ended first."""
    stopping.tell()


@setup_logging.connect
def _use_django_logging(**_: object) -> None:
    """Celery must not replace the logging that settings configured."""
