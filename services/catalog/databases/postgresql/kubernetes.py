"""PostgreSQL on Kubernetes: CloudNativePG 1.30 with the barman-cloud plugin 0.14.

Source: the operator's documentation and API reference, 1.30; what was seen of it stands in the
tests. Its backups: backups.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from services.catalog.databases.postgresql import backups
from services.manifests import conditions, objects
from services.manifests.conditions import condition, progressing
from services.manifests.objects import manifest
from services.spec import (
    Bin,
    Capability,
    Credentials,
    Endpoint,
    InstanceSpec,
    Kind,
    Leftovers,
    Live,
    Manifest,
    Observation,
    Observed,
    Pods,
    Ref,
    RegionSettings,
    Secret,
)

CLUSTER = Kind("postgresql.cnpg.io/v1", "Cluster")
POOLER = Kind("postgresql.cnpg.io/v1", "Pooler")

KINDS = (CLUSTER, POOLER, backups.SCHEDULED_BACKUP, backups.OBJECT_STORE)
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset(
    {Capability.PAUSE, Capability.RESIZE, Capability.ROTATE, Capability.UPGRADE}
)
BIN: Bin = "stopped"
TELLS_GENERATION = False
USER, PORT = "app", 5432

# The newest fixes of each major that are known to be published.
_IMAGES = {
    "14": "ghcr.io/cloudnative-pg/postgresql:14.20-standard-trixie",
    "15": "ghcr.io/cloudnative-pg/postgresql:15.15-standard-trixie",
    "16": "ghcr.io/cloudnative-pg/postgresql:16.11-standard-trixie",
    "17": "ghcr.io/cloudnative-pg/postgresql:17.7-standard-trixie",
    "18": "ghcr.io/cloudnative-pg/postgresql:18.1-standard-trixie",
}
VERSIONS = tuple(_IMAGES)
_POOLERS = Pods("pooler", 2, Decimal("0.25"), 128)


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    plan = spec.plan
    vcpu, memory = plan.vcpu, plan.memory_mib
    if region.backup_store:
        vcpu, memory = vcpu + backups.SIDECAR.vcpu, memory + backups.SIDECAR.memory_mib
    servers = Pods("server", plan.nodes, vcpu, memory, plan.storage_gib)
    return (servers, _POOLERS) if _has_pooler(spec) else (servers,)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    made = [_owner(spec), *backups.stores(spec, region)]
    made.append(_cluster(spec, region))
    if region.backup_store:
        made.append(backups.nightly(spec))
    if _has_pooler(spec):
        made.append(_pooler(spec))
    return [*made, objects.pod_monitor(spec, selectors(spec)[0], "metrics")]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    servers = {"cnpg.io/cluster": spec.name, "cnpg.io/podRole": "instance"}
    poolers = {"cnpg.io/poolerName": _pooler_name(spec)}
    return (servers, poolers) if _has_pooler(spec) else (servers,)


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(CLUSTER, spec.name), Ref(POOLER, _pooler_name(spec)))


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(objects.SECRET, f"{spec.name}-ca"),)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return ()


# -- what is made ---------------------------------------------------------------------------------


def _owner(spec: InstanceSpec) -> Manifest:
    """The tenant's user; with the label, the operator takes a new password over at once."""
    return objects.secret(
        f"{spec.name}-owner",
        {"username": USER, "password": spec.secrets["password"]},
        type="kubernetes.io/basic-auth",
        labels={"cnpg.io/reload": "true"},
    )


def _cluster(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    plan = spec.plan
    body: dict[str, Any] = {
        "instances": plan.nodes,
        "imageName": _IMAGES[spec.version],
        "primaryUpdateStrategy": "unsupervised",
        "primaryUpdateMethod": "switchover" if plan.nodes > 1 else "restart",
        "enableSuperuserAccess": False,
        "enablePDB": plan.nodes > 1,
        "smartShutdownTimeout": 60,
        "stopDelay": 600,
        "switchoverDelay": 600,
        "bootstrap": _first(spec),
        "storage": {
            "size": f"{plan.storage_gib}Gi",
            "resizeInUseVolumes": True,
            **objects.storage_class(region, "storageClass"),
        },
        "resources": objects.resources(plan.vcpu, plan.memory_mib),
        "postgresql": _postgresql(spec),
        "inheritedMetadata": {"labels": dict(spec.labels)},
    }
    if plan.nodes > 1:
        host = {"podAntiAffinityType": "required", "topologyKey": objects.HOST}
        body["affinity"] = {"enablePodAntiAffinity": True, **host}
        body["topologySpreadConstraints"] = objects.spread(selectors(spec)[0])[:1]
        body["replicationSlots"] = {"highAvailability": {"enabled": True}}
    if region.backup_store:
        body["plugins"] = [backups.archiver(spec)]
    if spec.restore:
        body["externalClusters"] = [backups.origin(spec, spec.restore)]
    if objects.is_public(spec, region):
        body["certificates"] = {"serverAltDNSNames": [objects.public_host(spec, region)]}
        body["managed"] = {"services": {"additional": [_public(spec, region)]}}
    hibernation = {"cnpg.io/hibernation": "on" if spec.paused else "off"}
    return manifest(CLUSTER, spec.name, body, annotations=hibernation)


def _first(spec: InstanceSpec) -> dict[str, Any]:
    """Where the data come from. Either way the tenant's user gets the password of this instance."""
    owned = {
        "database": spec.parameters["database"],
        "owner": USER,
        "secret": {"name": f"{spec.name}-owner"},
    }
    if spec.restore:
        return {"recovery": {**owned, **backups.recovery(spec.restore)}}
    grants = [f"GRANT pg_monitor TO {USER}", f"ALTER ROLE {USER} CREATEDB"]
    how = {"dataChecksums": True, "encoding": "UTF8", "postInitSQL": grants}
    return {"initdb": {**owned, **how}}


def _postgresql(spec: InstanceSpec) -> dict[str, Any]:
    """Memory settings follow the plan: the operator refuses one without the other."""
    memory, values = spec.plan.memory_mib, spec.parameters
    settings: dict[str, Any] = {
        "parameters": {
            "max_connections": str(values["max_connections"]),
            "shared_buffers": f"{memory // 4}MB",
            "effective_cache_size": f"{memory * 3 // 4}MB",
            "maintenance_work_mem": f"{max(memory // 16, 64)}MB",
            "work_mem": f"{values['work_mem_mib']}MB",
            "statement_timeout": f"{values['statement_timeout_seconds']}s",
            "timezone": values["time_zone"],
        },
        "pg_hba": ["hostssl all all all scram-sha-256"],
    }
    if spec.plan.ha:
        # "preferred": with both standbys away it goes on writing instead of standing still.
        settings["synchronous"] = {"method": "any", "number": 1, "dataDurability": "preferred"}
    return settings


def _public(spec: InstanceSpec, region: RegionSettings) -> dict[str, Any]:
    names = {objects.PUBLIC_NAME: objects.public_host(spec, region)}
    return {
        "selectorType": "rw",
        "updateStrategy": "patch",
        "serviceTemplate": {
            "metadata": {"name": f"{spec.name}-public", "annotations": names},
            "spec": {"type": "LoadBalancer"},
        },
    }


def _pooler(spec: InstanceSpec) -> Manifest:
    """Keeps few connections to the server for many clients; its own pods, two of them."""
    amount = objects.resources(_POOLERS.vcpu, _POOLERS.memory_mib)
    container = {"name": "pgbouncer", "resources": amount}
    labels = {"cnpg.io/poolerName": _pooler_name(spec)}
    template = {
        "metadata": {"labels": dict(spec.labels)},
        "spec": {
            "containers": [container],
            "topologySpreadConstraints": objects.spread(labels)[:1],
        },
    }
    most = {"max_client_conn": "1000", "default_pool_size": "20"}
    return manifest(
        POOLER,
        _pooler_name(spec),
        {
            "cluster": {"name": spec.name},
            "type": "rw",
            "instances": 0 if spec.paused else _POOLERS.count,
            "pgbouncer": {"poolMode": "transaction", "parameters": most},
            "template": template,
        },
    )


def _has_pooler(spec: InstanceSpec) -> bool:
    return spec.plan.ha


def _pooler_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-pooler"


# -- what is seen ---------------------------------------------------------------------------------

_HEALTHY = "Cluster in healthy state"
# What the operator does not leave by itself. That a plugin is unknown, or an object cannot be made,
# it says for a moment after its own start, too, and tries again.
_FAILED = (
    "Cluster is unrecoverable",
    "Invalid cluster definition",
    "Cluster has incomplete or invalid image catalog",
    "Cluster cannot execute instance online upgrade",
)
_RETRIED = ("Cluster cannot proceed", "Unable to create required cluster objects")
_CHANGING = (
    "Setting up primary",
    "Creating a new replica",
    "Applying configuration",
    "Upgrading",
    "Online upgrade",
    "Switchover in progress",
    "Primary instance is being restarted",
)


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    found = live.get(Ref(CLUSTER, spec.name))
    if found is None:
        return Observation(Observed.ABSENT)
    status = found.get("status") or {}
    as_before = _runs(spec, status) != spec.version
    return replace(_judged(spec, region, found, status), data_as_before=as_before)


def _judged(
    spec: InstanceSpec, region: RegionSettings, found: Manifest, status: dict[str, Any]
) -> Observation:
    """`Ready` of the operator says only that its phase is "healthy", which it also is while nothing
    runs: so pause is judged first, and what runs is compared with what was asked for.
    """
    phase, why = status.get("phase", ""), status.get("phaseReason", "")
    said = f"{phase}: {why}" if why else phase
    if phase.startswith(_FAILED):
        return conditions.failed(said)
    if spec.paused:
        return _observe_pause(found, said)
    if phase.startswith(_RETRIED):
        return progressing("operator-retries", said)
    if condition(found, "cnpg.io/hibernation").status or phase == "Waiting for user action":
        return progressing("operator-works", said)
    ready, wanted = status.get("readyInstances", 0), spec.plan.nodes
    if phase == _HEALTHY and ready == wanted == status.get("instances") and _as_asked(spec, status):
        return replace(_endpoints(spec, region), observed=Observed.READY)
    if phase != _HEALTHY and not phase.startswith(_CHANGING) and 0 < ready < wanted:
        return replace(_endpoints(spec, region), observed=Observed.DEGRADED, detail=said)
    return progressing("operator-works", said)


def _observe_pause(found: Manifest, said: str) -> Observation:
    hibernation = condition(found, "cnpg.io/hibernation")
    if hibernation.status == "True" and hibernation.reason == "Hibernated":
        return Observation(Observed.PAUSED)
    return progressing("operator-works", hibernation.message or said)


def _as_asked(spec: InstanceSpec, status: dict[str, Any]) -> bool:
    """Disks grown, the major that runs, and the primary where it shall be."""
    settled = status.get("targetPrimary") == status.get("currentPrimary")
    grown = not status.get("resizingPVC")
    return settled and grown and _runs(spec, status) == spec.version


def _runs(spec: InstanceSpec, status: dict[str, Any]) -> str:
    """The major version that the data are of; `status.image` says only which is wanted."""
    runs = (status.get("pgDataImageInfo") or {}).get("majorVersion")
    return str(runs or spec.version)


def _endpoints(spec: InstanceSpec, region: RegionSettings) -> Observation:
    named = {"client": f"{spec.name}-rw"}
    if spec.plan.nodes > 1:
        named["read"] = f"{spec.name}-ro"
    if _has_pooler(spec):
        named["pooler"] = _pooler_name(spec)
    hosts = {name: objects.host(spec, service) for name, service in named.items()}
    if objects.is_public(spec, region):
        hosts["public"] = objects.public_host(spec, region)
    return Observation(
        Observed.READY,
        endpoints=tuple(
            Endpoint(name, "postgresql", host, PORT, f"postgresql://{USER}@{_at(spec, host)}", True)
            for name, host in hosts.items()
        ),
    )


def _at(spec: InstanceSpec, host: str) -> str:
    return f"{host}:{PORT}/{spec.parameters['database']}?sslmode=verify-full"


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """The CA's certificate is the tenant's to see; its key, in the same Secret, is not."""
    public = objects.is_public(spec, region)
    host = objects.public_host(spec, region) if public else objects.host(spec, f"{spec.name}-rw")
    password, database = spec.secrets["password"], spec.parameters["database"]
    authority = conditions.secret_value(live, Ref(objects.SECRET, f"{spec.name}-ca"), "ca.crt")
    return Credentials(
        username=USER,
        password=password,
        uri=Secret(f"postgresql://{USER}:{password}@{_at(spec, host)}"),
        host=host,
        port=PORT,
        database=database,
        ca_certificate=str(authority),
        env={
            "PGHOST": Secret(host),
            "PGPORT": Secret(str(PORT)),
            "PGUSER": Secret(USER),
            "PGPASSWORD": password,
            "PGDATABASE": Secret(database),
            "PGSSLMODE": Secret("verify-full"),
        },
    )
