"""Objects of a Kubernetes cluster: what the `kubernetes.py` of an offering is written in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, Protocol

from services.spec.catalogue import Capability
from services.spec.instance import Credentials, InstanceSpec, Observation

Manifest = dict[str, Any]  # one Kubernetes object


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
