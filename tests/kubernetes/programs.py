"""Polder's own programs of a region beside a test, as deployed: workers and watches, each a process
with connections of its own, on the test's database.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from django.db import connection

from services.instances.work import queue_of
from services.regions.models import Region
from tests.kubernetes.network import ROOT

_WORKER = (
    *("-m", "celery", "--quiet", "--app=portal.conf.celery", "worker"),
    *("--pool=threads", "--concurrency=8"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)


@dataclass
class Programs:
    """By name. All end with `stop`."""

    region: Region
    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="polder-p")))
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def worker(self, name: str) -> None:
        """As deploy/region-programs/worker.yaml starts it."""
        queue = queue_of(self.region.code)
        self._start(name, *_WORKER, f"--queues={queue}", f"--hostname={name}@test")

    def watch(self, name: str) -> None:
        self._start(name, "manage.py", "watch", "--region", self.region.code)

    def end(self, name: str) -> None:
        """As the cluster that it runs in would."""
        self.running[name].terminate()
        self.running.pop(name).wait(30)

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running.pop(name).wait(30)

    def stop(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")

    def process(self, name: str) -> psutil.Process:
        return psutil.Process(self.running[name].pid)

    def memory_mib(self, name: str) -> int:
        return int(self.process(name).memory_info().rss / 2**20)

    def _start(self, name: str, *arguments: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env={**os.environ, "POLDER_DATABASE_URL": _database()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


def _database() -> str:
    """The address of the test's own."""
    known = urlsplit(os.environ["POLDER_DATABASE_URL"])
    return known._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
