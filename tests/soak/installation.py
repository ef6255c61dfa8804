"""A whole installation of its own for destructive tests: `manage.py up` in a fresh data directory,
its API, its processes, and a look at what is left over."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.cache import cache_folder

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 240


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Installation:
    """Started by `start`, ended by `stop`. `environment` adds to (and can override) the variables
    of `up`; `python` is the interpreter whose packages it runs on.
    """

    environment: dict[str, str] = field(default_factory=dict)
    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="polder-s")))
    port: int = field(default_factory=free_port)
    python: str = sys.executable
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Installation:
        self.home.chmod(0o755)
        if not (self.home / "engines").exists():
            (self.home / "engines").symlink_to(cache_folder() / "engines")
        log = (self.home / "up.log").open("ab")
        self.process = subprocess.Popen(
            [self.python, "manage.py", "up"],
            cwd=ROOT,
            env=self._environment(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._wait_ready()
        self.token = self.manage("token").strip()
        return self

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(120)

    def discard(self) -> None:
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("POLDER_")}
        clean.pop("DJANGO_SETTINGS_MODULE", None)
        return {
            **clean,
            "POLDER_HOME": str(self.home),
            "PORT": str(self.port),
            **self.environment,
        }

    def _wait_ready(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self.process is not None
            if self.process.poll() is not None:
                raise AssertionError(f"`up` ended:\n{self.log_tail()}")
            try:
                if self.http("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"not ready after {START_SECONDS} s:\n{self.log_tail()}")

    def log_tail(self, size: int = 4000) -> str:
        return (self.home / "up.log").read_bytes()[-size:].decode(errors="replace")

    def manage(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [self.python, "manage.py", *arguments],
            cwd=ROOT,
            env=self._environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # -- the API ---------------------------------------------------------------------------------

    def http(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """(status, decoded body). Raises: OSError when nobody answers."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                **({"Authorization": f"Bearer {self.token}"} if self.token else {}),
                **({"Content-Type": "application/json"} if body is not None else {}),
                **(headers or {}),
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                text = answer.read().decode()
                return answer.status, json.loads(text) if text.startswith(("{", "[")) else text
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            return error.code, json.loads(text) if text.startswith("{") else text

    def call(self, method: str, path: str, body: Any = None, *, patience: float = 120) -> Any:
        """The API, tried again while the installation is hurt (no answer, 503, 500 of a lost
        database).
        """
        until = time.monotonic() + patience
        key = {"Idempotency-Key": os.urandom(12).hex()} if method == "POST" else {}
        while True:
            try:
                status, found = self.http(method, f"/api/v1{path}", body, key)
            except OSError as error:
                status, found = 0, str(error)
            if 200 <= status < 300:
                return found
            busy = (
                status == 409
                and isinstance(found, dict)
                and "idempotency" in str(found.get("code"))
            )
            if status in (0, 500, 502, 503, 429) or busy:
                assert time.monotonic() < until, (method, path, status, found)
                time.sleep(0.3)
                continue
            raise AssertionError((method, path, status, found))

    # -- processes -------------------------------------------------------------------------------

    def program_pid(self, name: str) -> int:
        """The pid that the supervisor knows for one of its programs; 0 when it is not running."""
        from services.backends.process.supervisor import Supervisor

        return Supervisor(self.home).state(name).pid

    def kill_program(self, name: str) -> bool:
        """kill -9 of a program with all its children. False when it was not running."""
        pid = self.program_pid(name)
        if not pid:
            return False
        try:
            parent = psutil.Process(pid)
            family = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return False
        for process in family:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return True

    def processes(self) -> list[psutil.Process]:
        """Everything on this machine that runs out of this installation's data directory."""
        found = []
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = " ".join(process.info["cmdline"] or [])
            if str(self.home) in words or str(process.info["cwd"] or "").startswith(str(self.home)):
                found.append(process)
        return found

    def leftovers(self, live: set[str]) -> list[str]:
        """What there is beyond the instances `live`: processes, directories, ports, users,
        programs.
        """
        faults = []
        for process in self.processes():
            words = " ".join(process.info["cmdline"] or [])
            marker = f"{self.home}/instances/"
            if marker in words:
                instance = words.split(marker, 1)[1].split("/", 1)[0]
                if instance not in live:
                    faults.append(f"process {process.pid} of {instance}")
        for folder in (self.home / "instances").glob("*"):
            if folder.name not in live:
                faults.append(f"directory {folder.name}")
        for lease in (self.home / "ports").glob("[0-9]*"):
            if lease.read_text().split()[0] not in live:
                faults.append(f"port {lease.name} of {lease.read_text()}")
        for ini in (self.home / "supervisor" / "conf.d").glob("??-*.ini"):
            if ini.stem not in live:
                faults.append(f"program {ini.stem}")
        return faults

    def users(self) -> set[str]:
        """Instances that have a system user (root only). Of this machine, not of this installation
        alone.
        """
        prefix = "polder-"
        return {
            u.pw_name.removeprefix(prefix) for u in pwd.getpwall() if u.pw_name.startswith(prefix)
        }
