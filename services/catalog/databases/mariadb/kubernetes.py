"""MariaDB on Kubernetes: mariadb-operator 26.6. Three nodes are a primary and two replicas that get
each change before it is acknowledged, and the operator makes another the primary when it is lost.

Backups are physical ones, each night, to the region's store where it has one. The operator writes
`primary.podIndex` itself, so it never stands here; it has no pause, and it does not say which
generation its status is about: a digest on the pods tells whether they are made of what stands.
Source: the operator's documentation and code, 26.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from services.catalog.databases.mariadb import settings
from services.manifests import conditions, objects
from services.manifests.conditions import condition, degraded, progressing
from services.manifests.objects import manifest
from services.spec import (
    BackupStore,
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

_API = "k8s.mariadb.com/v1alpha1"
MARIADB = Kind(_API, "MariaDB")
DATABASE = Kind(_API, "Database")
SQL_USER = Kind(_API, "User")
GRANT = Kind(_API, "Grant")
BACKUP = Kind(_API, "PhysicalBackup")

KINDS = (MARIADB, DATABASE, SQL_USER, GRANT, BACKUP)
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset({Capability.RESIZE, Capability.ROTATE, Capability.UPGRADE})
BIN: Bin = "isolated"
TELLS_GENERATION = False
USER, PORT = "app", 3306

_IMAGES = {
    "10.11": "docker.io/library/mariadb:10.11.18",
    "11.4": "docker.io/library/mariadb:11.4.12",
}
VERSIONS = tuple(_IMAGES)
_COLLATIONS = {
    "utf8mb4": "utf8mb4_unicode_ci",
    "utf8mb3": "utf8mb3_unicode_ci",
    "latin1": "latin1_swedish_ci",
    "ascii": "ascii_general_ci",
}
_NIGHTLY = "0 2 * * *"
_AGENT = Pods("agent", 1, Decimal("0.1"), 128)
_EXPORTER = Pods("exporter", 1, Decimal("0.05"), 64)
_BACKUP = Pods("backup", 1, Decimal("0.5"), 512)


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    """A backup takes the room of a node's disk while it is made."""
    plan = spec.plan
    vcpu, memory = plan.vcpu, plan.memory_mib
    if plan.ha:
        vcpu, memory = vcpu + _AGENT.vcpu, memory + _AGENT.memory_mib
    servers = Pods("server", plan.nodes, vcpu, memory, plan.storage_gib)
    if region.backup_store:
        return (servers, _EXPORTER, replace(_BACKUP, storage_gib=plan.storage_gib))
    return (servers, _EXPORTER)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    made = [_logins(spec), _server(spec, region), _database(spec), _user(spec), _grant(spec)]
    if region.backup_store:
        made.append(_nightly(spec, region, region.backup_store))
        if spec.plan.ha:
            made.append(_template(spec, region, region.backup_store))
    return made


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    exporter = {"app.kubernetes.io/instance": f"{spec.name}-metrics"}
    return (_labels(spec), exporter, _backup_labels(spec))


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    sql = (Ref(kind, spec.name) for kind in (DATABASE, SQL_USER, GRANT))
    return (Ref(MARIADB, spec.name), Ref(objects.STATEFUL_SET, spec.name), *sql)


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(objects.SECRET, f"{spec.name}-ca-bundle"),)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return (Leftovers(objects.VOLUME_CLAIM, _labels(spec)),)


def _labels(spec: InstanceSpec) -> dict[str, str]:
    return {"app.kubernetes.io/name": "mariadb", "app.kubernetes.io/instance": spec.name}


def _backup_labels(spec: InstanceSpec) -> dict[str, str]:
    return {"polder.eu/backup-of": spec.name}


# -- what is made ---------------------------------------------------------------------------------


def _logins(spec: InstanceSpec) -> Manifest:
    """With the label, the operator takes a new password over at once."""
    passwords = {
        "password": spec.secrets["password"],
        "root-password": spec.secrets["root_password"],
    }
    watch = {"k8s.mariadb.com/watch": ""}
    return objects.secret(f"{spec.name}-logins", passwords, labels=watch)


def _key(spec: InstanceSpec, key: str) -> dict[str, str]:
    return {"name": f"{spec.name}-logins", "key": key}


def _server(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    plan = spec.plan
    exporter = objects.resources(_EXPORTER.vcpu, _EXPORTER.memory_mib)
    body: dict[str, Any] = {
        "image": _IMAGES[spec.version],
        "imagePullPolicy": "IfNotPresent",
        "rootPasswordSecretKeyRef": _key(spec, "root-password"),
        "replicas": plan.nodes,
        "storage": {
            "size": f"{plan.storage_gib}Gi",
            "resizeInUseVolumes": True,
            "waitForVolumeResize": True,
            "pvcRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            **objects.storage_class(region),
        },
        "tls": _tls(spec, region),
        "resources": objects.resources(plan.vcpu, plan.memory_mib),
        "myCnf": _cnf(spec),
        "podMetadata": {"annotations": {objects.RESTART: _mark(spec)}},
        "inheritMetadata": {"labels": dict(spec.labels)},
        "updateStrategy": {"type": "ReplicasFirstPrimaryLast"},
        "metrics": {"enabled": True, "exporter": {"resources": exporter}},
    }
    if plan.ha:
        body["replication"] = _replication(spec, region)
        body["affinity"] = {"antiAffinityEnabled": True}
        body["topologySpreadConstraints"] = objects.spread(_labels(spec))[:1]
        body["podDisruptionBudget"] = {"maxUnavailable": 1}
    if objects.is_public(spec, region):
        names = {objects.PUBLIC_NAME: objects.public_host(spec, region)}
        service = {"type": "LoadBalancer", "metadata": {"annotations": names}}
        body["primaryService" if plan.ha else "service"] = service
    return manifest(MARIADB, spec.name, body)


def _tls(spec: InstanceSpec, region: RegionSettings) -> dict[str, Any]:
    """Without an issuer of the region the operator is one itself."""
    tls: dict[str, Any] = {"enabled": True, "required": True}
    if region.issuer:
        issuer = {"name": region.issuer, "kind": "ClusterIssuer", "group": "cert-manager.io"}
        tls |= {"serverCertIssuerRef": issuer, "clientCertIssuerRef": dict(issuer)}
    if objects.is_public(spec, region):
        tls["serverCertAdditionalNames"] = [objects.public_host(spec, region)]
    return tls


def _cnf(spec: InstanceSpec) -> str:
    lines = {
        "bind-address": "*",
        "default_storage_engine": "InnoDB",
        "binlog_format": "row",
        **settings.fixed(spec),
        **settings.limits(spec),
        **settings.dynamic(spec),
    }
    return "[mariadb]\n" + "".join(f"{name}={value}\n" for name, value in lines.items())


def _mark(spec: InstanceSpec) -> str:
    """Stands on the pods: another when they must be made anew."""
    plan = spec.plan
    size = f"{plan.nodes} {plan.vcpu} {plan.memory_mib} {plan.storage_gib}"
    return objects.digest((_IMAGES[spec.version], size, _cnf(spec)))


def _replication(spec: InstanceSpec, region: RegionSettings) -> dict[str, Any]:
    """A replica that is beyond repair is made anew from a backup of that moment, where there is a
    store for it.
    """
    key = {"name": f"{spec.name}-replication", "key": "password", "generate": True}
    replica: dict[str, Any] = {"replPasswordSecretKeyRef": key}
    if region.backup_store:
        template = {"physicalBackupTemplateRef": {"name": _template_name(spec)}}
        replica |= {"bootstrapFrom": template, "recovery": {"enabled": True}}
    return {
        "enabled": True,
        "gtidStrictMode": True,
        "semiSyncEnabled": True,
        "primary": {"autoFailover": True, "autoFailoverDelay": "5s"},
        "replica": replica,
        "agent": {"resources": objects.resources(_AGENT.vcpu, _AGENT.memory_mib)},
    }


def _in(spec: InstanceSpec, more: Mapping[str, Any]) -> dict[str, Any]:
    """What stays when its object goes: the data goes with the server or not at all."""
    return {"mariaDbRef": {"name": spec.name}, **more, "cleanupPolicy": "Skip"}


def _database(spec: InstanceSpec) -> Manifest:
    letters = spec.parameters["character_set"]
    more = {"characterSet": letters, "collate": _COLLATIONS[letters]}
    return manifest(DATABASE, spec.name, _in(spec, {"name": spec.parameters["database"], **more}))


def _user(spec: InstanceSpec) -> Manifest:
    more = {
        "name": USER,
        "host": "%",
        "passwordSecretKeyRef": _key(spec, "password"),
        "maxUserConnections": spec.parameters["max_connections"],
        "require": {"ssl": True},
    }
    return manifest(SQL_USER, spec.name, _in(spec, more))


def _grant(spec: InstanceSpec) -> Manifest:
    more = {
        "privileges": ["ALL PRIVILEGES"],
        "database": spec.parameters["database"],
        "table": "*",
        "username": USER,
        "host": "%",
    }
    return manifest(GRANT, spec.name, _in(spec, more))


def _nightly(spec: InstanceSpec, region: RegionSettings, store: BackupStore) -> Manifest:
    more = {
        "schedule": {"cron": _NIGHTLY, "suspend": False, "immediate": True},
        "maxRetention": f"{spec.parameters['backup_days'] * 24}h",
    }
    return manifest(BACKUP, f"{spec.name}-daily", _physical(spec, region, store, "daily", more))


def _template(spec: InstanceSpec, region: RegionSettings, store: BackupStore) -> Manifest:
    """Never made by itself: how a replica gets its data."""
    body = _physical(spec, region, store, "replica", {"schedule": {"suspend": True}})
    body["mariaDbRef"]["waitForIt"] = False
    return manifest(BACKUP, _template_name(spec), body)


def _template_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-replica"


def _physical(
    spec: InstanceSpec,
    region: RegionSettings,
    store: BackupStore,
    what: str,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    scheme, _, host = store.endpoint.rpartition("://")
    bucket = {
        "bucket": store.bucket,
        "prefix": f"{spec.namespace}/{spec.name}/{what}",
        "endpoint": host.rstrip("/"),
        "accessKeyIdSecretKeyRef": {"name": store.secret, "key": "AWS_ACCESS_KEY_ID"},
        "secretAccessKeySecretKeyRef": {"name": store.secret, "key": "AWS_SECRET_ACCESS_KEY"},
        "tls": {"enabled": scheme != "http"},
        **({"region": store.region} if store.region else {}),
    }
    return {
        "mariaDbRef": {"name": spec.name},
        "target": "PreferReplica",
        "compression": "gzip",
        "podAffinity": True,
        "podMetadata": {"labels": _backup_labels(spec)},
        "resources": objects.resources(_BACKUP.vcpu, _BACKUP.memory_mib),
        "stagingStorage": {"persistentVolumeClaim": objects.claim(spec.plan.storage_gib, region)},
        "storage": {"s3": bucket},
        **more,
    }


# -- what is seen ---------------------------------------------------------------------------------

_FAILED = ("InitError", "ReplayBinlogsError", "ScaleOutError", "ReplicaRecoverError")
_LACKING = ("StatefulSetNotReady", "ReplicaRecovering", "SwitchPrimary")


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    """`Ready` is also true of a server that the operator does not look after; and for a moment it
    is about the object of before. So the pods must be made of what stands, and the tenant's user
    must have its rights.
    """
    found = live.get(Ref(MARIADB, spec.name))
    if found is None:
        return Observation(Observed.ABSENT)
    ready = condition(found, "Ready")
    said = f"{ready.reason}: {ready.message}" if ready.reason else ""
    if ready.false and ready.reason in _FAILED:
        return conditions.failed(said)
    servers = live.get(Ref(objects.STATEFUL_SET, spec.name), {})
    refused = _refused(spec, live)
    if not _as_asked(spec, found, servers) or refused is None:
        return progressing("operator-works", said)
    if refused:
        return progressing("operator-retries", refused)
    up, _ = conditions.replicas(servers)
    if ready.true and ready.reason == "StatefulSetReady" and up == spec.plan.nodes:
        return replace(_endpoints(spec, region), observed=Observed.READY)
    if up and spec.plan.ha and (ready.true or ready.reason in _LACKING):
        return replace(degraded(said), endpoints=_endpoints(spec, region).endpoints)
    return progressing("operator-works", said)


def _as_asked(spec: InstanceSpec, found: Manifest, servers: Manifest) -> bool:
    """Every pod renewed, ready or not."""
    template = servers.get("spec", {}).get("template", {}).get("metadata", {})
    asked = found.get("spec", {}).get("podMetadata", {}).get("annotations", {})
    same = template.get("annotations", {}).get(objects.RESTART) == asked.get(objects.RESTART)
    renewed = (servers.get("status") or {}).get("updatedReplicas", 0) >= spec.plan.nodes
    return same and renewed and conditions.up_to_date(servers)


def _refused(spec: InstanceSpec, live: Live) -> str | None:
    """What the server said to the first statement that it did not take; empty when it took all,
    None while one was not tried.
    """
    for kind in (DATABASE, SQL_USER, GRANT):
        ready = condition(live.get(Ref(kind, spec.name), {}), "Ready")
        if not ready.status:
            return None
        if not ready.true:
            return f"{kind.name}: {ready.message}"
    return ""


def _endpoints(spec: InstanceSpec, region: RegionSettings) -> Observation:
    hosts = {"client": objects.host(spec, _service(spec))}
    if spec.plan.ha:
        hosts["read"] = objects.host(spec, f"{spec.name}-secondary")
    if objects.is_public(spec, region):
        hosts["public"] = objects.public_host(spec, region)
    return Observation(
        Observed.READY,
        endpoints=tuple(
            Endpoint(name, "mysql", host, PORT, f"mysql://{USER}@{_at(spec, host)}", True)
            for name, host in hosts.items()
        ),
    )


def _service(spec: InstanceSpec) -> str:
    """Where writes go."""
    return f"{spec.name}-primary" if spec.plan.ha else spec.name


def _at(spec: InstanceSpec, host: str) -> str:
    return f"{host}:{PORT}/{spec.parameters['database']}"


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    public = objects.is_public(spec, region)
    host = objects.public_host(spec, region) if public else objects.host(spec, _service(spec))
    password, database = spec.secrets["password"], spec.parameters["database"]
    authority = Ref(objects.SECRET, f"{spec.name}-ca-bundle")
    return Credentials(
        username=USER,
        password=password,
        uri=Secret(f"mysql://{USER}:{password}@{_at(spec, host)}?ssl-mode=VERIFY_IDENTITY"),
        host=host,
        port=PORT,
        database=database,
        ca_certificate=conditions.authority(live, authority),
        env={
            "MYSQL_HOST": Secret(host),
            "MYSQL_TCP_PORT": Secret(str(PORT)),
            "MYSQL_USER": Secret(USER),
            "MYSQL_PWD": password,
            "MYSQL_DATABASE": Secret(database),
        },
    )
