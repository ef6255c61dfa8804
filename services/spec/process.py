"""A real server on one machine: what the `process.py` of an offering is written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from services.spec.catalogue import Capability
from services.spec.instance import Credentials, Endpoint, InstanceSpec
from services.spec.texts import Secret
from services.spec.usage import Standing


@dataclass(frozen=True, slots=True)
class Listener:
    """A port of 127.0.0.1 that an engine opens. Tenants see those with `public`."""

    name: str
    public: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where the process backend has put one instance. Absolute paths; ports by listener name.

    `home` is the engine's directory (read only), `toolchain` that of its toolchain, `engines` those
    of the engines named in `ALSO`. `certificate` and `key` are PEM files of the instance, `ca` the
    installation's CA.
    """

    home: str
    data: str
    config: str
    run: str
    ports: Mapping[str, int]
    ca: str
    certificate: str
    key: str
    toolchain: str = ""
    engines: Mapping[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Exec:
    """Runs a program as the instance's user in its data directory. Secrets go by `stdin` or a file,
    never argv.
    """

    argv: Sequence[str]
    stdin: Secret = Secret("")
    env: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 60
    exit_codes: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Http:
    """One request to the engine. `expect` lists the statuses that count as success."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    username: str = ""
    password: Secret = Secret("")
    body: Secret = Secret("")
    expect: tuple[int, ...] = (200, 201, 204)
    timeout_seconds: int = 5


@dataclass(frozen=True, slots=True)
class Sql:
    """Statements over the PostgreSQL protocol, each in its own transaction."""

    port: int
    username: str
    password: Secret
    database: str
    statements: tuple[Secret, ...] = (Secret("select 1"),)
    tls: bool = True
    timeout_seconds: int = 5


@dataclass(frozen=True, slots=True)
class Talk:
    """Sends `send` over TCP (TLS when `tls`) and expects the regular expression `expect` in the
    answer.
    """

    port: int
    send: Secret = Secret("")
    expect: str = ""
    tls: bool = False
    timeout_seconds: int = 5


@dataclass(frozen=True, slots=True)
class Client:
    """A small script of the folder, run by the Python of the wheel engine `engine`; gets `stdin` as
    JSON.

    Prints nothing on success; exit code 75 (EX_TEMPFAIL) means "not yet", any other is a fault.
    """

    engine: str
    script: Path
    stdin: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: int = 60


Action = Exec | Http | Sql | Talk | Client


@dataclass(frozen=True, slots=True)
class Counting:
    """How a running server tells what its clients asked of it. `read` takes the answer apart; it is
    pure, leaves out what Polder itself asks, and raises ValueError, KeyError or TypeError for an
    answer that is none. What a server of an earlier release does not tell is no counter.

    Counters begin at nothing with each start of the server, those with `lasting` with its data.
    """

    ask: Http | Talk | Client
    read: Callable[[str], Iterable[Standing]]
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file of an instance, written 0600 to its user. `path` is relative to the instance's config
    directory.
    """

    path: str
    content: Secret


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A real server on this machine, as data.

    The renderer's `prepare(place)` makes a data directory that knows nothing of the instance (so it
    can be done ahead); `init` runs once before the first start; `setup` once after the first
    readiness. All may run again after a crash: before `prepare` the data directory is empty again,
    the other two must be repeatable.
    `ready` succeeds when a real client call does. `rotate` makes the engine take `spec.secrets` and
    runs against the running engine. `reload` is how changed files are taken over: a signal name, an
    action, or "restart". `counting` is how it tells what it counted, where it does.
    """

    argv: Sequence[str]
    ready: Action
    endpoints: tuple[Endpoint, ...]
    credentials: Credentials
    env: Mapping[str, str] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    init: tuple[Action, ...] = ()
    setup: tuple[Action, ...] = ()
    rotate: tuple[Action, ...] = ()
    reload: Action | str = "restart"
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    exit_codes: tuple[int, ...] = (0,)
    start_seconds: int = 60
    counting: Counting | None = None


class Process(Protocol):
    """`process.py` of an offering.

    `LISTENERS` are the ports it needs, `ALSO` further engines (clients), `CAPABILITIES` what it can
    do here.
    `engine(version)` is the name of the engine that runs a version. Raises: KeyError where none
    does.
    `prepare(place)` is the part of `process` that knows nothing of the instance; may be empty.
    """

    LISTENERS: tuple[Listener, ...]
    ALSO: tuple[str, ...]
    CAPABILITIES: frozenset[Capability]

    def engine(self, version: str) -> str: ...
    def prepare(self, place: Place) -> tuple[Exec, ...]: ...
    def process(self, spec: InstanceSpec, place: Place) -> ProcessSpec: ...
