"""Talks to the one process that applies the rules: starts it at first need, again when it died, and
ends it when it takes too long. Threads take turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.einvoice.findings import Finding, Judge
from billing.einvoice.profiles import Profile

_BASE = Path(__file__).resolve().parents[2]
_TRIES = 2
_CHUNK = 1 << 16
# What the process needs of the environment; no secret among it.
_PASSED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TMPDIR", "VIRTUAL_ENV")


class WorkerGone(Exception):
    """It died; asked again it may answer."""


class WorkerSlow(Exception):
    """It took longer than allowed and was ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`fired` is how many rules had something to look at: 0 means that none was applied."""

    findings: tuple[Finding, ...]
    fired: int


class RuleWorker:
    """One process for all who ask; a fork gets its own. `seconds` for each question, the start of
    the process and the compilation of the rules included.
    """

    def __init__(self, folder: Path, *, seconds: int = 120) -> None:
        self._folder = folder
        self._seconds = seconds
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, profile: Profile, xml: bytes) -> Answer:
        """Raises: WorkerGone when it died twice over this document, WorkerSlow."""
        request = json.dumps({"profile": profile.value, "xml": xml.decode()}).encode() + b"\n"
        with self._turn:
            said = self._said(request)
        findings = tuple(
            Finding(Judge(judge), code, text, profile, fatal)
            for judge, code, text, fatal in said["findings"]
        )
        return Answer(findings, said["fired"])

    @property
    def pid(self) -> int | None:
        """Of the process, while there is one."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        with self._turn:
            self._end()

    def _said(self, request: bytes) -> dict[str, Any]:
        for attempt in range(1, _TRIES + 1):
            try:
                return dict(json.loads(self._exchange(request)))
            except WorkerGone:
                self._end()
                if attempt == _TRIES:
                    raise
            except BaseException:
                self._end()  # a half-read answer must not be taken for the next one
                raise
        raise AssertionError("unreachable")

    def _exchange(self, request: bytes) -> bytes:
        process = self._running()
        assert process.stdin is not None  # noqa: S101 -- for the type checker
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(request)
            process.stdin.flush()
        except OSError as error:
            raise WorkerGone from error
        return self._line(process.stdout.fileno())

    def _line(self, pipe: int) -> bytes:
        until = time.monotonic_ns() + self._seconds * 1_000_000_000
        poll = select.poll()
        poll.register(pipe, select.POLLIN | select.POLLHUP)
        parts: list[bytes] = []
        while not parts or not parts[-1].endswith(b"\n"):
            left = (until - time.monotonic_ns()) // 1_000_000
            if left <= 0 or not poll.poll(left):
                raise WorkerSlow(f"no answer within {self._seconds} seconds")
            part = os.read(pipe, _CHUNK)
            if not part:
                raise WorkerGone
            parts.append(part)
        return b"".join(parts)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():  # a fork: the parent's process is not ours to talk to
            self._process, self._owner = None, os.getpid()
        if self._process is None or self._process.poll() is not None:
            environment = {k: v for k, v in os.environ.items() if k in _PASSED}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "billing.einvoice.worker", str(self._folder)],
                cwd=_BASE,
                env={**environment, "PYTHONUTF8": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=-1,
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        process.wait()
