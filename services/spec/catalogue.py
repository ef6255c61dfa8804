"""What a tenant can order: an `Offering` with its versions, plans and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from services.spec.texts import gettext_noop


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


# What the time of a plan counts.
METERS_OF_PLANS = (Meter("vcpu", "hour"), Meter("memory_gib", "hour"), Meter("storage_gib", "hour"))


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
    meters: tuple[Meter, ...] = METERS_OF_PLANS
    popular: bool = False
    one_version_at_a_time: bool = False  # an upgrade may not leave one out
    upgrade_stops: bool = False  # a newer version converts the data while nothing runs
    # What `Credentials.database` names.
    database_label: str = gettext_noop("Database")
    trademarks: tuple[tuple[str, str], ...] = ()
    fixed_nodes: bool = False  # nothing leads from a plan to one of more or fewer nodes
    probe: Probe = Probe()
    # Kinds of plans (`dev`, `single`) that may run on spare capacity, where they can be paused:
    # what nobody depends on, and what clients can do without for hours.
    spot: tuple[str, ...] = ()

    @property
    def default_version(self) -> str:
        return self.versions[0].id

    @property
    def free_software(self) -> bool:
        """Whether anybody may use, study, change and pass on what runs."""
        return self.licence not in _RESTRICTED

    def may_be_spot(self, plan: Plan) -> bool:
        """Whether a plan may run on spare capacity, where it can be paused."""
        return plan.nodes == 1 and plan.id.partition("-")[0] in self.spot

    def plan(self, plan_id: str) -> Plan:
        """Raises: KeyError if this offering has no such plan."""
        return {p.id: p for p in self.plans}[plan_id]

    def version(self, version_id: str) -> Version:
        """Raises: KeyError if this offering has no such version."""
        return {v.id: v for v in self.versions}[version_id]
