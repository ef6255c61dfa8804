"""Polder's own programs under the supervisor: web, worker, beat, a prober a region, a watch a
cluster.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings

from portal.embedded import broker, database
from portal.kernel.errors import Temporary
from services.backends.process.supervisor import Program, Supervisor
from services.instances.work import queue_of
from services.regions.models import Region

WEB, WORKER, BEAT = "web", "worker", "beat"
OURS = (WEB, WORKER, BEAT)
ALL = (*OURS, broker.NAME, database.NAME)
_WATCH, _PROBE = "watch-", "probe-"
_OF_REGIONS = (_WATCH, _PROBE)
# The environment file carries these: nothing secret needs to stand in a program's description.
_SECRET = frozenset(
    {
        "POLDER_SIGNING_KEY",
        "POLDER_SECRET_KEYS",
        "POLDER_DATABASE_URL",
        "POLDER_BROKER_URL",
        "POLDER_DEMO_PASSWORD",
    }
)
# The worker installs engines: package clients need what they were told in the shell.
_PREFIXES = ("POLDER_", "PIP_", "UV_", "NPM_", "npm_", "GO", "SSL_", "REQUESTS_", "CURL_", "JAVA_")
_NAMES = ("LANG", "TZ", "PORT", "FORWARDED_ALLOW_IPS")


def environment() -> dict[str, str]:
    """What web, worker and beat are started with, of the variables that `up` was given."""
    given = {
        name: value
        for name, value in os.environ.items()
        if name not in _SECRET
        and "\n" not in value
        and (name in _NAMES or name.startswith(_PREFIXES) or name.lower().endswith("_proxy"))
    }
    return {
        **given,
        "PYTHONUNBUFFERED": "1",
        # As root the worker makes a system user for each service; Celery need not warn of it.
        "PYTHONWARNINGS": "ignore:You're running the worker",
        "DJANGO_SETTINGS_MODULE": "portal.conf.settings",
    }


def described(home: Path) -> list[Program]:
    """All, as they should run."""
    return [
        _program(home, WEB, ["gunicorn", "--config", "python:portal.embedded.web"], 300, 15),
        _program(
            home,
            BEAT,
            [*_CELERY, "beat", "--pidfile=", "--schedule", str(home / "beat" / "schedule")],
            400,
            10,
        ),
        *of_regions(home),
    ]


def of_regions(home: Path) -> list[Program]:
    """Those that change with the regions: the worker takes from each one's queue, each has a
    prober, and each on Kubernetes a watch. One query.
    """
    rows = Region.objects.exclude(status=Region.Status.OFF).order_by("code")
    kinds = dict(rows.values_list("code", "backend"))
    watched = [code for code, backend in kinds.items() if backend == Region.Backend.KUBERNETES]
    return [
        *(
            _program(home, f"{_WATCH}{code}", ["django", "watch", "--region", code], 500, 10)
            for code in watched
        ),  # first: a worker that ends its work takes a while to go
        _program(home, WORKER, [*_CELERY, "worker", *_worker_options(kinds)], 200, 30),
        *(
            _program(
                home, f"{_PROBE}{code}", ["django", "probe", *_probe_options(code, kind)], 600, 15
            )
            for code, kind in kinds.items()
        ),
    ]


def _probe_options(code: str, backend: str) -> list[str]:
    """This machine is in no cluster."""
    inside = backend == Region.Backend.PROCESS
    return ["--region", code, *(() if inside else ("--outside",))]


def is_ours(name: str) -> bool:
    return name in OURS or name.startswith(_OF_REGIONS)


def follow_regions(home: Path, wanted: Sequence[Program]) -> None:
    """Makes those of `of_regions` run as described, and no other watch or prober. Idempotent.
    Raises: Temporary while one that ran otherwise still stops: call it again.
    """
    supervisor = Supervisor(home)
    names = {program.name for program in wanted}
    for program in wanted:
        supervisor.start(program)
    for name in supervisor.states():
        if name.startswith(_OF_REGIONS) and name not in names and not supervisor.pause(name):
            raise Temporary("stopping", retry_after=1)


_CELERY = ("celery", "--quiet", "--app", "portal.conf.celery")


def _worker_options(codes: Iterable[str]) -> list[str]:
    queues = [settings.CELERY_TASK_DEFAULT_QUEUE, *(queue_of(code) for code in codes)]
    return [
        "--pool=threads",
        "--concurrency=8",
        f"--queues={','.join(queues)}",
        "--hostname=worker@localhost",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]


def _program(home: Path, name: str, module: list[str], priority: int, stop_seconds: int) -> Program:
    return Program(
        name=name,
        argv=[sys.executable, "-m", *module],
        directory=settings.BASE,
        log=home / "logs" / f"{name}.log",
        environment=environment(),
        stop_seconds=stop_seconds,
        start_retries=1000,  # whatever ends them, they come back; a little later each time
        priority=priority,
    )


def restart(home: Path) -> bool:
    """Stops and starts these programs of a running copy, so that they read the environment file
    anew. False when no copy runs.
    """
    supervisor = Supervisor(home)
    if not supervisor.alive():
        return False
    programs = described(home)
    for program in programs:
        supervisor.stop(program.name)
    for program in programs:
        supervisor.stop(program.name, wait_seconds=program.stop_seconds + 5)
        supervisor.start(program)
    return True
