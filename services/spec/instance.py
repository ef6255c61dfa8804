"""One instance: what it shall be, and what its backend shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.spec.catalogue import Plan
from services.spec.texts import Secret


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


class Observed(StrEnum):
    """What the backend shows right now; never what we hope for."""

    ABSENT = "absent"
    PROGRESSING = "progressing"
    READY = "ready"
    PAUSED = "paused"
    DEGRADED = "degraded"
    FAILED = "failed"


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
