"""Polder's API as the store of a prober: whom to ask is read there, and minutes are reported, over
HTTPS with the key of the region's prober. No database, no settings, nothing but the standard
library.
"""

from __future__ import annotations

import json
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from datetime import time as midnight
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from services.probes.minutes import TENTHS_OF_MS, WINDOW_MINUTES, Window
from services.probes.prober import Away, Target, target
from services.probes.protocols import CHECKS, Question

logger = logging.getLogger(__name__)
READ_SECONDS = 60.0  # how long what was read is good
PATIENCE = 10.0  # seconds for each answer
AT_ONCE = 1000  # windows in a report: some 150 KiB
_MOST_BYTES = 64 * 2**20
_INSIDE = "kubernetes.default.svc"
_OF_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
# Whatever is sent again would be refused again. A 400 is none of them: it is what anybody says to a
# name that is not theirs, Polder too (ALLOWED_HOSTS), and of windows Polder says 422 or 200.
_FOR_GOOD = frozenset({413, 415, 422})


class Refused(Exception):
    """Polder answered, and will have nothing of it. `status` is that of HTTP."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class NotHere(Away):
    """From this machine every service would look as if it were down."""


class Reporting:
    """`key` is read for each request: a file may hold another one by then."""

    def __init__(self, url: str, region: str, key: Callable[[], str]) -> None:
        """Raises: ValueError for an address to which no secret may be sent."""
        found = urlsplit(url)
        host = found.hostname
        secure = found.scheme == "https"
        if not host or not (secure or (found.scheme == "http" and host in _OF_THIS_MACHINE)):
            raise ValueError("Give the address of Polder with https://.")
        if found.username or found.query or found.fragment:
            raise ValueError("Give the address of Polder alone: no name, password or query.")
        self.region, self.key = region, key
        self._at = f"{found.path.rstrip('/')}/api/v1/regions/{region}"
        context = ssl.create_default_context() if secure else None
        self._where, self._tls = (host, found.port), context
        self._targets: list[Target] = []
        self._etag, self._read_at = "", float("-inf")

    # -- as the store of a prober ----------------------------------------------------------------

    def targets(self) -> list[Target]:
        """Read at most once a minute, also where that failed. Raises: Away."""
        if time.monotonic() - self._read_at >= READ_SECONDS:
            self._read_at = time.monotonic()
            try:
                self.read()
            except Refused as error:
                raise Away(str(error)) from error
        return self._targets

    def add(self, windows: Sequence[Window]) -> None:
        """Raises: Away; then some of it may have been taken, which does no harm."""
        for at in range(0, len(windows), AT_ONCE):
            part = windows[at : at + AT_ONCE]
            try:
                self._report(part)
            except Refused as error:
                if error.status not in _FOR_GOOD:
                    raise Away(str(error)) from error
                self._lost(len(part), str(error))

    def close(self) -> None:
        """Nothing stays open between two requests."""

    # -- speaking with Polder --------------------------------------------------------------------

    def read(self) -> None:
        """Whom to ask now. Raises: Away, NotHere, Refused."""
        status, etag, body = self._ask("GET", "targets", None, {"If-None-Match": self._etag})
        if status == 304:
            return
        try:
            said = json.loads(body)
            inside, found = bool(said["in_cluster"]), list(_targets(said["results"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Away("the answer is no list of targets") from error
        if inside and not in_a_cluster():
            raise NotHere(f"not in the cluster of {self.region}")
        self._targets, self._etag = sorted(found, key=lambda one: one.offset), etag

    def _report(self, windows: Sequence[Window]) -> None:
        sent = json.dumps({"windows": [_said(window) for window in windows]}).encode()
        _status, _etag, body = self._ask("POST", "minutes", sent, {})
        try:
            rejected = json.loads(body)["rejected"]
            if rejected:
                self._lost(len(rejected), str(rejected[0]["code"]))
        except (ValueError, KeyError, TypeError) as error:
            raise Away("the answer says nothing of what was taken") from error

    def _ask(
        self, method: str, path: str, body: bytes | None, more: dict[str, str]
    ) -> tuple[int, str, bytes]:
        """(status, ETag, body) of 200 or 304. A connection each, which is no load: a few a minute.
        A redirection is not followed: the key is for this address alone.
        """
        headers = {
            "Authorization": f"Bearer {self.key()}",
            "Content-Type": "application/json",
            "User-Agent": "polder-probe",
            **{name: value for name, value in more.items() if value},
        }
        connection = self._connection()
        try:
            connection.request(method, f"{self._at}/{path}", body=body, headers=headers)
            answer = connection.getresponse()
            said = answer.read(_MOST_BYTES)
        except (OSError, HTTPException) as error:
            raise Away(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()
        if answer.status not in (200, 304):
            raise Refused(answer.status)
        return answer.status, answer.headers.get("ETag", ""), said

    def _connection(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(*self._where, timeout=PATIENCE)
        return HTTPSConnection(*self._where, timeout=PATIENCE, context=self._tls)

    def _lost(self, count: int, why: str) -> None:
        logger.error("probe.refused", extra={"region": self.region, "windows": count, "why": why})


def in_a_cluster() -> bool:
    """Whether this is a pod, by a name that every cluster gives its pods, and nobody else has."""
    try:
        socket.getaddrinfo(_INSIDE, 443)
    except socket.gaierror:
        return False
    return True


def _targets(rows: Iterable[dict[str, Any]]) -> Iterable[Target]:
    """A check that a newer Polder knows and we do not is left out: nobody knows how it is."""
    for row in rows:
        if row["check"] not in CHECKS:
            logger.warning("probe.unknown-check", extra={"instance": str(row["instance"])})
            continue
        asked = Question(
            str(row["check"]),
            str(row["host"]),
            int(row["port"]),
            bool(row["tls"]),
            str(row["path"]),
            tuple(int(status) for status in row["statuses"]),
        )
        yield target(str(row["instance"]), asked)


def _said(window: Window) -> dict[str, Any]:
    first = window.number * WINDOW_MINUTES
    start = datetime.combine(window.day, midnight()) + timedelta(minutes=first)
    return {
        "instance": window.key,
        "start": f"{start.isoformat()}Z",
        "known": [minute - first for minute in window.known],
        "bad": [minute - first for minute in window.bad],
        "latency_micros": window.latency * TENTHS_OF_MS or None,
    }
