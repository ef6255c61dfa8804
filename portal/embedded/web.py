"""gunicorn's configuration for `manage.py up`. Source: gunicorn's settings reference.

The application is loaded once, before the workers fork; what a request did is logged by
`portal.conf.middleware`, with its id.
"""

import gc
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import reverse

bind = f"127.0.0.1:{settings.POLDER_PORT}"
wsgi_app = "portal.conf.wsgi:application"
workers = 2
threads = 4  # each has a connection of its own, whose statements must first be prepared
worker_class = "gthread"
_MEMORY = Path("/dev/shm")  # noqa: S108
worker_tmp_dir = str(_MEMORY) if _MEMORY.is_dir() else None  # a busy disk must not look like a hang
preload_app = True
graceful_timeout = 8
timeout = 60
keepalive = 15
limit_request_line = 8190  # long filters and cursors; gunicorn answers more with a page of its own
accesslog = None


def on_starting(_arbiter: object) -> None:
    """All views are imported before the workers fork, once and shared by them, and not while the
    first reader of each waits.
    """
    reverse("healthz")


def post_worker_init(_worker: object) -> None:
    """What is loaded stays: the garbage collector need not look through it at every tenth request,
    which is a tenth of the time of a request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


control_socket_disable = True
_logging: dict[str, Any] = settings.LOGGING
logconfig_dict = {
    **_logging,
    "loggers": {
        **_logging["loggers"],
        "gunicorn.error": {"level": "WARNING", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
    },
}
