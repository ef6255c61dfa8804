"""The web server as `make run` starts it, a process of its own over the tests' database; and how
long its answers take.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection
from django.test import Client

from portal.embedded import static
from tests.makers import signed_in

ROOT = Path(__file__).parents[1]
_START_SECONDS = 60
Headers = Mapping[str, str]


@dataclass(frozen=True)
class Server:
    """A web server that listens at `port`; `process` is the parent of its workers, `database` that
    of those which serve connections.
    """

    port: int
    process: psutil.Process
    database: psutil.Process

    def cpu_milliseconds(self) -> tuple[float, float]:
        """Processor time so far of all its processes, and of the database's on this machine."""
        return _cpu(self.process), _cpu(self.database)

    def ask(self, address: str, headers: Headers) -> tuple[float, int]:
        """Milliseconds and bytes of one GET on a connection of its own, which answers 200."""
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request("GET", address, headers=dict(headers))
        answer = connection.getresponse()
        size = len(answer.read())
        connection.close()
        taken = (time.perf_counter() - began) * 1000
        assert answer.status == 200, f"{address}: {answer.status}"
        return taken, size


@contextmanager
def served(*, workers: int = 2) -> Iterator[Server]:
    """gunicorn with the configuration of `make run`, on a free port; yielded once it listens. It
    logs warnings alone, and no limit of requests holds.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    known = connection.settings_dict
    secret = f":{known['PASSWORD']}" if known["PASSWORD"] else ""
    place = f"{known['HOST']}:{known['PORT']}/{known['NAME']}"
    environment = {
        **os.environ,
        "POLDER_DATABASE_URL": f"postgres://{known['USER']}{secret}@{place}",
        "POLDER_API_REQUESTS_PER_MINUTE": "1000000",
        "POLDER_URL": f"http://127.0.0.1:{port}",
        "POLDER_LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "portal.conf.settings",
    }
    argv = [sys.executable, "-m", "gunicorn", "--config", "python:portal.embedded.web"]
    argv += ["--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    if not static.is_current():
        static.collect()
    server = subprocess.Popen(argv, cwd=ROOT, env=environment)
    try:
        until = time.monotonic() + _START_SECONDS
        while not _listens(port):
            assert server.poll() is None, "the server ended before it listened"
            assert time.monotonic() < until, "the server does not listen"
            time.sleep(0.02)
        yield Server(port, psutil.Process(server.pid), _database())
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _database() -> psutil.Process:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        found = psutil.Process(cursor.fetchone()[0]).parent()
    assert found is not None
    assert "postgres" in found.name(), "the database is on another machine"
    return found


def _cpu(parent: psutil.Process) -> float:
    """Milliseconds, with those of children that have ended: a query may have some of its own."""
    total = sum(parent.cpu_times()[:4])
    for child in parent.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # ended just now
            total += sum(child.cpu_times()[:2])
    return total * 1000


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def session_of(user: AbstractBaseUser) -> dict[str, str]:
    """Headers of the browser of a person who has just signed in."""
    cookie = signed_in(Client(), user).cookies[settings.SESSION_COOKIE_NAME]
    return {"Cookie": f"{cookie.key}={cookie.value}", "Accept-Encoding": "gzip"}


def p50_and_p95(milliseconds: list[float]) -> tuple[float, float]:
    ordered = sorted(milliseconds)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, round(len(ordered) * 0.95))]
