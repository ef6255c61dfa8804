"""The vocabulary every offering is written in. Plain data: no Django, no I/O.

A managed service is an `Offering` value plus small pure renderers: `kubernetes.py` (desired spec →
manifests, live objects → Observation) and `process.py` (desired spec → `ProcessSpec`, a real server
on one machine).
Backends do all I/O. One file on purpose, though a long one: whoever writes an offering reads this
and nothing else.

Units: memory in MiB, storage in GiB, time in seconds. Plan ids are `dev-1x1`, `single-2x8`,
`ha-2x8` (kind, vCPU × GiB). Texts that a person reads are marked with `gettext_noop` and translated
at render.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

Manifest = dict[str, Any]  # one Kubernetes object


def gettext_noop(text: str) -> str:
    """Marks `text` for the message catalogue and returns it as it is (the catalogue imports no
    Django).
    """
    return text


class Secret(str):
    """Text that must not be shown. Its `repr` hides it, so that a log or a traceback cannot
    tell.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"


class Family(StrEnum):
    """The nine sections of the catalogue."""

    CONTAINERS = "containers"
    DATABASES = "databases"
    ANALYTICS = "analytics"
    AI = "ai"
    INTEGRATION = "integration"
    DEVTOOLS = "devtools"
    SERVERLESS = "serverless"
    IOT = "iot"
    BLOCKCHAIN = "blockchain"


class Observed(StrEnum):
    """What the backend shows right now; never what we hope for."""

    ABSENT = "absent"
    PROGRESSING = "progressing"
    READY = "ready"
    PAUSED = "paused"
    DEGRADED = "degraded"
    FAILED = "failed"


class Capability(StrEnum):
    """A day-two action that an offering supports on a backend."""

    PAUSE = "pause"
    RESIZE = "resize"
    ROTATE = "rotate"
    UPGRADE = "upgrade"
    BACKUP = "backup"
    RESTORE = "restore"
    LOGS = "logs"
    METRICS = "metrics"


class VersionStatus(StrEnum):
    SUPPORTED = "supported"
    DEPRECATED = "deprecated"
    END_OF_LIFE = "end_of_life"


# -- what a tenant can order ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Version:
    """`id` is what a tenant asks for ("17"); `ends_on` is the last day with upstream fixes."""

    id: str
    status: VersionStatus = VersionStatus.SUPPORTED
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Quantities of one node; its price is Σ quantity × nodes × rate of the offering's price
    class.
    """

    id: str
    vcpu: Decimal
    memory_mib: int
    storage_gib: int
    nodes: int = 1
    retired: bool = False

    @property
    def ha(self) -> bool:
        return self.nodes >= 3


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing the tenant may choose; form, API schema and validation derive from it.

    `minimum` and `maximum` bound an integer, or the length of a string; `pattern` (a full match)
    bounds a string.
    `mutable=False` fixes it at create; `restart` says that changing it restarts the service, or
    names the only backend where it does.
    `backend` names the only one where it means something; elsewhere nobody is asked for it. The
    same holds for a Kubernetes region that lacks one of `needs` (names of `RegionSettings`).
    `unless` is another parameter and a value of it, beside which this one does nothing.
    """

    name: str
    label: str
    kind: Literal["string", "integer", "boolean", "choice"]
    default: str | int | bool
    choices: tuple[str, ...] = ()
    help: str = ""
    minimum: int | None = None
    maximum: int | None = None
    pattern: str = ""
    mutable: bool = True
    restart: bool | Literal["kubernetes", "process"] = True
    advanced: bool = True
    backend: Literal["", "kubernetes", "process"] = ""
    needs: tuple[str, ...] = ()
    unless: tuple[str, str] | None = None

    def restarts(self, backend: str) -> bool:
        """Whether changing it restarts the service where `backend` runs it."""
        return self.restart in (True, backend)


@dataclass(frozen=True, slots=True)
class Snippet:
    """How one client connects. `text` names words (`{{host}}`, `{{port}}` …, see
    `services.snippets`); `install` is how to get the client.
    """

    title: str
    text: str
    install: str = ""


@dataclass(frozen=True, slots=True)
class Meter:
    """A quantity that usage is counted in, as `vcpu` per `hour`."""

    code: str
    unit: str


@dataclass(frozen=True, slots=True)
class Probe:
    """How it is found out from outside whether an instance serves. What is left empty follows from
    the endpoint: the first one, asked in its protocol (`services.probes`).

    `check` names another check of `services.probes.protocols`; `path` and `statuses` are for HTTP
    (any below 500 where empty).
    """

    check: str = ""
    endpoint: str = ""
    path: str = "/"
    statuses: tuple[int, ...] = ()


# Licences (SPDX) that show their source and forbid part of its use.
_RESTRICTED = frozenset({"BUSL-1.1", "SSPL-1.0", "Elastic-2.0", "Proprietary"})


@dataclass(frozen=True, slots=True)
class Offering:
    """One entry of the catalogue. The first version is the default. `trademarks` are (name, owner)
    of the product names that its texts use.
    """

    slug: str
    prefix: str
    symbol: str
    name: str
    family: Family
    summary: str
    description: str
    licence: str
    price_class: str
    sla_class: Literal["compute", "database", "storage", "kubernetes", "api-gateway"]
    plans: tuple[Plan, ...]
    versions: tuple[Version, ...]
    parameters: tuple[Parameter, ...] = ()
    secrets: tuple[str, ...] = ("password",)
    meters: tuple[Meter, ...] = (
        Meter("vcpu", "hour"),
        Meter("memory_gib", "hour"),
        Meter("storage_gib", "hour"),
    )
    popular: bool = False
    one_version_at_a_time: bool = False  # an upgrade may not leave one out
    upgrade_stops: bool = False  # a newer version converts the data while nothing runs
    # What `Credentials.database` names.
    database_label: str = gettext_noop("Database")
    trademarks: tuple[tuple[str, str], ...] = ()
    fixed_nodes: bool = False  # nothing leads from a plan to one of more or fewer nodes
    probe: Probe = Probe()

    @property
    def default_version(self) -> str:
        return self.versions[0].id

    @property
    def free_software(self) -> bool:
        """Whether anybody may use, study, change and pass on what runs."""
        return self.licence not in _RESTRICTED

    def plan(self, plan_id: str) -> Plan:
        """Raises: KeyError if this offering has no such plan."""
        return {p.id: p for p in self.plans}[plan_id]

    def version(self, version_id: str) -> Version:
        """Raises: KeyError if this offering has no such version."""
        return {v.id: v for v in self.versions}[version_id]


# Source: the layer's SLA classes. A plan on one node promises less, and a dev plan least; both say
# so.
_PROMISED = {
    "compute": Decimal("99.95"),
    "database": Decimal("99.99"),
    "storage": Decimal("99.99"),
    "kubernetes": Decimal("99.95"),
    "api-gateway": Decimal("99.99"),
}


def promised_availability(offering: Offering, plan: Plan) -> Decimal:
    """Per cent of a calendar month."""
    if plan.ha:
        return _PROMISED[offering.sla_class]
    return Decimal("99.0") if plan.id.startswith("dev-") else Decimal("99.5")


# Milliseconds. Source: the layer's objectives (databases 10, APIs 100, delivery of messages 1,000).
_ANSWERS_WITHIN = {"database": 10, "storage": 100, "kubernetes": 100, "api-gateway": 100}
_DELIVERS_WITHIN = 1000


def promised_latency(offering: Offering, plan: Plan) -> int | None:
    """Milliseconds within which 95 of 100 probes of five minutes are answered. None where nothing
    is promised: on a dev plan, and where the tenant's own program answers.
    """
    if plan.id.startswith("dev-"):
        return None
    if offering.family == Family.INTEGRATION:
        return _DELIVERS_WITHIN
    return _ANSWERS_WITHIN.get(offering.sla_class)


# -- what a backend is told and what it tells -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restore:
    """Where the data of a new instance come from: the backups of `source`, by its public id, as
    they were at `at` (aware), or as they are newest. Its project, version and parameters are those
    of the new one; it may be gone.
    """

    source: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InstanceSpec:
    """Everything a renderer may know about one instance: its desired state."""

    name: str  # the public id, which is the name of all its backend objects
    namespace: str
    version: str
    plan: Plan
    parameters: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    generation: int = 1
    paused: bool = False
    rotation: str = ""  # while passwords change: the name of that change, so that it is made once
    repair: str = ""  # while it is repaired: the name of that operation, so that it is asked once
    labels: Mapping[str, str] = field(default_factory=dict)  # organisation, project, offering …
    restore: Restore | None = None  # stays for life: it is how the instance came to be


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a client connects. `uri` carries no password."""

    name: str
    protocol: str
    host: str
    port: int
    uri: str
    tls: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client needs to log in. `uri` and `env` carry the password, so the value is shown
    audited.
    """

    username: str
    password: Secret
    uri: Secret
    host: str
    port: int
    database: str = ""
    ca_certificate: str = ""
    env: Mapping[str, Secret] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """What the backend shows. `code` names a text, `detail` is the engine's own word.
    `data_as_before` says that an upgrade has not changed the data yet, so that there is a way back.
    """

    observed: Observed
    code: str = ""
    detail: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    storage_used_mib: int | None = None
    data_as_before: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Of a backend. `unavailable` maps an offering's slug to (reason code, params) why it cannot be
    ordered; `facts` is what staff may want to know besides, such as a version.
    """

    ok: bool
    detail: str = ""
    unavailable: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One object or file of an instance that today's renderers would make other than it was
    applied. `fields` are paths within it. `restart` says whether a server restarts by it; None
    where that is decided elsewhere (by an operator, or by what reads it).
    """

    kind: str
    name: str
    change: Literal["new", "changed", "gone"]
    fields: tuple[str, ...] = ()
    restart: bool | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What an instance takes at this moment: of its busiest node, since that is what a plan must
    hold. None where it cannot be told.

    Of its processor time a backend tells one of two: `millicores` in use on average of late, or the
    `cpu_milliseconds` that it has used since it began, which the caller compares with the last
    ones. `connections` are those of its clients; Polder's own are not counted.
    """

    memory_mib: int
    millicores: int | None = None
    cpu_milliseconds: int | None = None
    connections: int | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What an instance used of `meter` since a moment that the caller named, in base units: seconds
    of one piece or one GiB, GiB, or pieces. With `kept`, `quantity` is what it holds right now
    beyond its plan, in pieces or GiB; the caller knows for how long.
    """

    meter: str
    quantity: Decimal
    kept: bool = False


UsageAsked = Sequence[tuple["Entry", "InstanceSpec", datetime]]  # since when
UsageTold = Mapping[str, tuple[Counted, ...]]  # by the name of the instance


class Report(Protocol):
    """Told by a backend as it goes: step `code` is being done now. Renews the lease of the caller.

    `percent` (0–100) and `params` refine the step's text. Raises: StaleState when the caller has
    lost its claim.
    """

    def __call__(self, code: str, *, percent: int | None = None, **params: Any) -> None: ...


class Backend(Protocol):
    """Where instances run. All I/O of the service side is behind these calls; each is idempotent
    and may be repeated after a crash at any line. Each raises Temporary (come back later) or
    Permanent (give up).

    `poll_seconds` is how long to wait between two looks while something is under way. `correct`
    puts back what was applied, as it was applied; `behind` tells what `apply` would change of it,
    and changes nothing. With `force`, `destroy` does not wait for what holds an object back.
    `readings` asks for many at once, by name; those that do not run are left out, and a backend
    that can measure nothing raises Permanent("metrics-not-served").
    `usage` asks of many, each with the moment since when, what they used until another beyond what
    the time of their plans counts. What it cannot tell now is left out, to be asked again.
    """

    poll_seconds: float

    def check(self) -> Health: ...
    def steps(self, entry: Entry, spec: InstanceSpec, kind: str) -> tuple[str, ...]: ...
    def effect(self, entry: Entry, before: InstanceSpec, after: InstanceSpec) -> Effect: ...
    def apply(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def observe(self, entry: Entry, spec: InstanceSpec) -> Observation: ...
    def credentials(self, entry: Entry, spec: InstanceSpec) -> Credentials: ...
    def pause(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def rotate(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def stop(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def destroy(
        self, entry: Entry, spec: InstanceSpec, report: Report, *, force: bool = False
    ) -> None: ...
    def correct(self, entry: Entry, spec: InstanceSpec, report: Report) -> None: ...
    def behind(self, entry: Entry, spec: InstanceSpec) -> tuple[Difference, ...]: ...
    def logs(self, entry: Entry, spec: InstanceSpec, lines: int) -> str: ...
    def readings(self, wanted: Sequence[tuple[Entry, InstanceSpec]]) -> Mapping[str, Reading]: ...
    def usage(self, wanted: UsageAsked, until: datetime) -> UsageTold: ...


Effect = Literal["none", "rolling", "restart", "replace"]


# -- engines: real server programs of the process backend -----------------------------------------


@dataclass(frozen=True, slots=True)
class Wheel:
    """From PyPI: a requirements file with hashes, installed into an environment of its own.

    `home` is the engine's directory inside that environment; `*` matches the Python version.
    """

    lock: Path
    home: str = ""


@dataclass(frozen=True, slots=True)
class Maven:
    """From Maven: exactly the files of a JSON lock (coordinate, sha256, size); no POM is read.

    With `unpack` the one locked archive is opened, and what lies under that path inside it becomes
    the engine's home (`*` matches within a name; a `.txz`/`.tar.gz`/`.zip` inside the archive is
    opened too). `leave_out` names path prefixes inside it that are not needed. `executable` names
    globs that get the x bit.
    """

    lock: Path
    unpack: str | None = None
    leave_out: tuple[str, ...] = ()
    executable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Debian:
    """Found on this machine, never installed by Polder. `program` is looked for on PATH and in
    `directories`.
    """

    package: str
    program: str
    directories: tuple[str, ...] = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")


@dataclass(frozen=True, slots=True)
class Engine:
    """A server program of an exact version. `toolchain` names another engine it needs (a JRE).

    `size_mib` is what it takes installed, `download_mib` what is fetched.
    """

    name: str
    title: str
    version: str
    source: Wheel | Maven | Debian
    licence: str
    size_mib: int
    download_mib: int
    toolchain: str = ""


# -- a real server on this machine ----------------------------------------------------------------


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
    action, or "restart".
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


# -- objects of a Kubernetes cluster --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects, as `Kind("postgresql.cnpg.io/v1", "Cluster")`."""

    api: str
    name: str


@dataclass(frozen=True, slots=True)
class Ref:
    """One object in the instance's namespace."""

    kind: Kind
    name: str


# Objects as they are in the cluster, by kind and name; what is not there is not in it.
Live = Mapping[Ref, Manifest]


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Objects that an operator leaves behind: those of `kind` with these labels go at purge."""

    kind: Kind
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of `kind` with these labels in the instance's namespace."""

    kind: Kind
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pods:
    """`count` equal pods of one role and what each asks for, side-cars included."""

    role: str
    count: int
    vcpu: Decimal
    memory_mib: int
    storage_gib: int = 0


@dataclass(frozen=True, slots=True)
class BackupStore:
    """A bucket that backups go to. Its keys lie in the Secret `polder-backup-store` of each
    namespace, as AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION.
    """

    endpoint: str
    bucket: str
    region: str = ""
    secret: str = "polder-backup-store"  # noqa: S105  # its name


@dataclass(frozen=True, slots=True)
class RegionSettings:
    """What staff set for a Kubernetes region, as far as renderers may know. What is empty is off.

    `issuer` names a ClusterIssuer of cert-manager, `domain` is what public names end with, `zones`
    are values of topology.kubernetes.io/zone, `external` says that endpoints can be public.
    """

    storage_class: str = ""
    issuer: str = ""
    domain: str = ""
    zones: tuple[str, ...] = ()
    backup_store: BackupStore | None = None
    external: bool = False


# What the bin means: pods are gone and objects kept; nothing can reach it and objects are kept; or
# there is no bin.
Bin = Literal["stopped", "isolated", "none"]


# -- renderers ------------------------------------------------------------------------------------


class Kubernetes(Protocol):
    """`kubernetes.py` of an offering: pure functions.

    `KINDS` are the operator's kinds that a cluster must serve (plain ones need no mention);
    `VERSIONS` are those of the offering that run there; `NEEDS` names settings of the region that
    must be set ("issuer", "domain", "backup_store", "external").
    `manifests` come in the order they are made in; they are destroyed in the opposite one. With
    `spec.paused` they are the paused service. They carry name and no labels of ours: the backend
    adds namespace, labels and generation. Secrets of the instance are in `spec.secrets`.
    `TELLS_GENERATION` says whether the operator's status names the generation it is about; without
    it, "ready" right after a change is about what was before.
    `selectors` are the labels of its pods, one mapping a role; none where it has no pods.
    `watched` names the objects that tell how it is, `observe` reads them (see services.manifests
    for what all share), `revealed` names the operator's Secrets that `credentials` needs.
    """

    KINDS: tuple[Kind, ...]
    VERSIONS: tuple[str, ...]
    NEEDS: frozenset[str]
    CAPABILITIES: frozenset[Capability]
    BIN: Bin
    TELLS_GENERATION: bool

    def pods(self, spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]: ...
    def manifests(self, spec: InstanceSpec, region: RegionSettings) -> list[Manifest]: ...
    def selectors(self, spec: InstanceSpec) -> tuple[Mapping[str, str], ...]: ...
    def watched(self, spec: InstanceSpec) -> tuple[Ref, ...]: ...
    def observe(self, spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation: ...
    def revealed(self, spec: InstanceSpec) -> tuple[Ref, ...]: ...
    def credentials(
        self, spec: InstanceSpec, region: RegionSettings, live: Live
    ) -> Credentials: ...
    def leftovers(self, spec: InstanceSpec) -> tuple[Leftovers, ...]: ...


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


class Usage(Protocol):
    """`usage.py` of an offering: what it uses in a cluster beyond what the time of its plan counts.
    Pure.

    `listings` names the objects that tell; none where nothing can come beyond the plan. `counted`
    reads them: what was used in [`since`, `until`), each of `METERS` that can have been.
    """

    METERS: tuple[str, ...]

    def listings(self, spec: InstanceSpec) -> tuple[Listing, ...]: ...
    def counted(
        self, spec: InstanceSpec, found: Sequence[Manifest], since: datetime, until: datetime
    ) -> tuple[Counted, ...]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """An offering with the renderers it has; None where a backend cannot run it."""

    offering: Offering
    kubernetes: Kubernetes | None = None
    process: Process | None = None
    folder: Path = Path()
    snippets: tuple[Snippet, ...] = ()
    usage: Usage | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do somewhere; where it runs may lack some of it."""
        known = (r.CAPABILITIES for r in (self.kubernetes, self.process) if r is not None)
        return frozenset[Capability]().union(*known)

    def versions(self, backend: str) -> tuple[Version, ...]:
        """Those that run on a backend ("kubernetes", "process"), the default there first; all on
        one that has no renderer.
        """
        known = self.offering.versions
        if backend == "kubernetes" and self.kubernetes:
            return tuple(v for v in known if v.id in self.kubernetes.VERSIONS)
        if backend == "process" and self.process:
            return tuple(v for v in known if _has_engine(self.process, v.id))
        return known


def _has_engine(process: Process, version: str) -> bool:
    try:
        return bool(process.engine(version))
    except KeyError:
        return False
