"""supervisord, the one parent of every server on this machine: one ini file per program is the
state.

Each command runs behind `setpriv`: another user when root, no new privileges, and a signal from the
kernel when supervisord dies, so that not even `kill -9` of the supervisor leaves a server behind.
Source: supervisor 4.3 (XML-RPC interface, configuration), setpriv(1) of util-linux.
"""

from __future__ import annotations

import base64
import http.client
import os
import secrets
import shlex
import shutil
import socket
import sys
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from portal.kernel.errors import Permanent, Temporary
from services.backends.process import users

_SOCKET_LIMIT = 107  # bytes of a unix socket's path on Linux
_PATIENCE_SECONDS = 2.0
_RUNNING = frozenset({"RUNNING", "STARTING"})
_ENDED = frozenset({"STOPPED", "EXITED", "FATAL", "ABSENT"})
_BAD_NAME, _ALREADY_STARTED, _NOT_RUNNING, _ALREADY_ADDED, _STILL_RUNNING = 10, 60, 70, 90, 91


@dataclass(frozen=True, slots=True)
class Program:
    """A command under the supervisor. `user` is a system user to drop to when root."""

    name: str
    argv: Sequence[str]
    directory: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    exit_codes: tuple[int, ...] = (0,)
    autorestart: bool = True
    start_seconds: int = 1
    start_retries: int = 5
    priority: int = 500


@dataclass(frozen=True, slots=True)
class State:
    """`word` is supervisord's own, or ABSENT. `start` is when it was started last, in seconds."""

    name: str
    word: str = "ABSENT"
    pid: int = 0
    detail: str = ""
    start: int = 0

    @property
    def running(self) -> bool:
        return self.word in _RUNNING

    @property
    def ended(self) -> bool:
        return self.word in _ENDED


def _directory(home: Path) -> Path:
    return home / "supervisor"


def socket_path(home: Path) -> Path:
    return _directory(home) / "s.sock"


def configure(home: Path) -> Path:
    """Writes the main configuration with a fresh socket password (0600) and returns its path.

    Raises: Permanent("path-too-long") when the socket would not fit.
    """
    directory = _directory(home)
    if len(os.fsencode(socket_path(home))) > _SOCKET_LIMIT:
        raise Permanent("path-too-long", path=str(home))
    (directory / "conf.d").mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    path = directory / "supervisord.conf"
    lines = [
        "[supervisord]",
        "nodaemon=true",
        f"logfile={directory / 'supervisord.log'}",
        "logfile_maxbytes=5MB",
        "logfile_backups=2",
        f"pidfile={directory / 'supervisord.pid'}",
        f"childlogdir={directory}",
        "umask=077",
        "[unix_http_server]",
        f"file={socket_path(home)}",
        "chmod=0700",
        "username=polder",
        f"password={secrets.token_hex(16)}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[include]",
        f"files={directory}/conf.d/*.ini",
    ]
    _write(path, "\n".join(lines) + "\n")
    return path


def command(home: Path) -> list[str]:
    """The argv of supervisord in the foreground, ended by the kernel when its parent dies."""
    path = _directory(home) / "supervisord.conf"
    return [
        *guard(None, "TERM"),
        sys.executable,
        "-m",
        "supervisor.supervisord",
        "--configuration",
        str(path),
        *(["--user=root"] if users.running_as_root() else []),
    ]


def environment() -> dict[str, str]:
    """What supervisord itself is started with: nothing of ours, since every engine inherits it.

    Programs that need more (web, worker, an installation) get it from their own ini file.
    """
    keep = ("PATH", "HOME", "LANG", "TERM", "USER", "LOGNAME", "TMPDIR", "TZ")
    return {name: os.environ[name] for name in keep if name in os.environ}


@lru_cache(maxsize=1)
def _setpriv() -> str | None:
    return shutil.which("setpriv")


def guard(user: str | None, death_signal: str) -> list[str]:
    """The argv prefix that drops to `user` and ties the command's life to its parent's. Empty
    without setpriv.
    """
    program = _setpriv()
    if program is None:
        return []
    drop = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    keep = [] if user is None and users.running_as_root() else ["--no-new-privs"]
    return [program, *drop, *keep, "--pdeathsig", death_signal, "--"]


def render(program: Program) -> str:
    """The ini text of one program. `%` is doubled, since supervisord expands it."""
    argv = [*guard(program.user, program.stop_signal), *program.argv]
    lines = {
        "command": shlex.join(argv),
        "directory": str(program.directory),
        "environment": ",".join(f"{k}={_quoted(v)}" for k, v in program.environment.items()),
        "autostart": "true",
        "autorestart": "unexpected" if program.autorestart else "false",
        "exitcodes": ",".join(map(str, program.exit_codes)) if not program.autorestart else "",
        "startsecs": str(program.start_seconds),
        "startretries": str(program.start_retries),
        "stopsignal": program.stop_signal,
        "stopwaitsecs": str(program.stop_seconds),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": str(program.log),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "2",
        "priority": str(program.priority),
    }
    if program.autorestart:  # a server that ends by itself has crashed, whatever it says
        lines["autorestart"] = "true"
    if program.user and _setpriv() is None:
        lines["user"] = program.user
    text = "\n".join(f"{k}={v.replace('%', '%%')}" for k, v in lines.items() if v)
    return f"[program:{program.name}]\n{text}\n"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


class Supervisor:
    """The client of one supervisord. Raises: Temporary("supervisor-down") from every call when it
    does not answer.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.conf = _directory(home) / "conf.d"

    def alive(self) -> bool:
        try:
            self._call("getState")
        except Temporary:
            return False
        return True

    def holds(self, program: Program) -> bool:
        """Whether it was started last exactly as described."""
        path = self._ini(program.name)
        return path.exists() and path.read_text() == render(program)

    def start(self, program: Program) -> bool:
        """Makes `program` run as described; one that runs otherwise is restarted. Idempotent.

        True when this call started it. Raises: Temporary while the old one still stops.
        """
        text, path = render(program), self._ini(program.name)
        same = self.holds(program)
        state = self.state(program.name)
        if same and state.running:
            return False
        if same and state.word != "ABSENT":
            self._try("startProcess", program.name, False, allow=(_ALREADY_STARTED,))
            return True
        # The ini is written only once the old program is gone: what is on disk is what runs.
        if state.word != "ABSENT" and not self._drop(program.name, _PATIENCE_SECONDS):
            raise Temporary("stopping", retry_after=0.3)
        if not same:
            _write(path, text)
        self._call("reloadConfig")
        self._try("addProcessGroup", program.name, allow=(_ALREADY_ADDED,))
        return True

    def stop(self, name: str, *, wait_seconds: float = 0) -> bool:
        """Asks `name` to stop; True once it has. Waits up to `wait_seconds` for that."""
        state = self.state(name)
        if state.ended:
            return True
        if state.word != "STOPPING":
            self._try("stopProcess", name, False, allow=(_NOT_RUNNING, _BAD_NAME))
        return self._wait_ended(name, wait_seconds)

    def remove(self, name: str) -> None:
        """Forgets `name`; it must have stopped. Raises: Temporary when it still runs."""
        self._ini(name).unlink(missing_ok=True)
        if self.state(name).word == "ABSENT":
            return
        if not self._drop(name, 1):
            raise Temporary("stopping", retry_after=0.5)
        self._call("reloadConfig")

    def pause(self, name: str, *, wait_seconds: float = 0) -> bool:
        """Stops `name` so that it stays stopped when supervisord itself starts again. True once
        stopped.
        """
        stopped = self.stop(name, wait_seconds=wait_seconds)
        if stopped:
            self.remove(name)
        return stopped

    def state(self, name: str) -> State:
        try:
            info: Any = self._call("getProcessInfo", name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == _BAD_NAME:
                return State(name)
            raise
        return _state(info)

    def states(self) -> dict[str, State]:
        return {s.name: s for s in map(_state, self._call("getAllProcessInfo"))}

    def _drop(self, name: str, wait_seconds: float) -> bool:
        if not self.stop(name, wait_seconds=wait_seconds):
            return False
        self._try("removeProcessGroup", name, allow=(_BAD_NAME,))
        return True

    def _wait_ended(self, name: str, seconds: float) -> bool:
        # Each call also wakes supervisord's loop, which otherwise looks at its children once a
        # second.
        until = monotonic() + seconds
        while not self.state(name).ended:
            if monotonic() >= until:
                return False
            sleep(0.02)
        return True

    def _ini(self, name: str) -> Path:
        return self.conf / f"{name}.ini"

    def _try(self, method: str, *arguments: object, allow: tuple[int, ...]) -> None:
        try:
            self._call(method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in allow:
                raise Temporary("supervisor-fault", detail=fault.faultString) from fault

    def _call(self, method: str, *arguments: object) -> Any:
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(self.home))
        try:
            return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
            raise Temporary("supervisor-down", detail=type(error).__name__) from error


def _state(info: Mapping[str, Any]) -> State:
    names = ("name", "statename", "pid", "spawnerr", "start")
    return State(*(info[name] for name in names))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=15)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(15)
        self.sock.connect(self.path)


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over the supervisor's unix socket, with its password."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.home = home

    def make_connection(self, host: object) -> http.client.HTTPConnection:
        return _UnixConnection(str(socket_path(self.home)))

    def send_headers(self, connection: Any, headers: list[tuple[str, str]]) -> None:
        token = base64.b64encode(f"polder:{_password(self.home)}".encode()).decode()
        super().send_headers(connection, [*headers, ("Authorization", f"Basic {token}")])


def _password(home: Path) -> str:
    for line in (_directory(home) / "supervisord.conf").read_text().splitlines():
        if line.startswith("password="):
            return line.removeprefix("password=")
    raise Temporary("supervisor-down", detail="no password")
