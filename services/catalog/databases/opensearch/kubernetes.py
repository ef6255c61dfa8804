"""OpenSearch on Kubernetes: opensearch-operator 3.

Three equal nodes that are managers, too. The operator makes the certificates and its own CA, and
keeps users and rights through the REST API: the tenant's user may do everything with indices and
nothing with users, nodes or snapshots. Its webhook wants the cluster before them, and their
finalizers want it to answer: they come after it and go before it. Nodes read files instead of
mapping them into memory: mapping needs a setting of the machine, which no pod of a tenant may
change. The operator does not say which generation its status is about: a digest on the pods tells
whether they are made of what stands. Source: the operator's user guide and code; OpenSearch 3
documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from services.manifests import conditions, objects
from services.manifests.conditions import degraded, progressing
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

_API = "opensearch.org/v1"
CLUSTER = Kind(_API, "OpenSearchCluster")
USER = Kind(_API, "OpensearchUser")
ROLE = Kind(_API, "OpensearchRole")
BINDING = Kind(_API, "OpensearchUserRoleBinding")
POLICY = Kind(_API, "OpensearchSnapshotPolicy")

KINDS = (CLUSTER, USER, ROLE, BINDING, POLICY)
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset({Capability.RESIZE, Capability.ROTATE, Capability.UPGRADE})
BIN: Bin = "isolated"  # the operator has no pause
TELLS_GENERATION = False
PORT, PAGES_PORT = 9200, 5601

_RELEASES = {"2.19": "2.19.4", "3": "3.7.0"}  # of server and Dashboards alike
VERSIONS = tuple(_RELEASES)
_BOOTSTRAP = Pods("bootstrap", 1, Decimal("0.5"), 1536)
_DASHBOARDS = Pods("dashboards", 1, Decimal("0.25"), 1024)
_JOB = Pods("job", 1, Decimal("0.5"), 512)
_REPOSITORY, _PLUGINS = "backup", ["repository-s3"]
_DAILY, _CLEARING = "0 2 * * *", "0 5 * * *"
_RIGHTS = (
    "cluster_monitor",
    "cluster_composite_ops",
    "cluster_manage_index_templates",
    "cluster_manage_pipelines",
    "indices:data/read/scroll*",
    "cluster:admin/script/*",
)


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    """One more is there for the first minutes, so that the nodes find each other, and one while
    the administrator's password is set.
    """
    plan = spec.plan
    nodes = Pods("server", plan.nodes, plan.vcpu, plan.memory_mib, plan.storage_gib)
    more = (_DASHBOARDS,) if spec.parameters["dashboards"] else ()
    return (nodes, _BOOTSTRAP, _JOB, *more)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    made = [*_logins(spec), _cluster(spec, region), _user(spec), _role(spec), _binding(spec)]
    if region.backup_store:
        made.append(_policy(spec))
    return [*made, *objects.public_service(spec, region, _nodes(spec), {"http": PORT})]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return (_labels(spec), _job_labels(spec), {"opensearch.cluster.dashboards": spec.name})


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    """Dashboards' Deployment also where it must have no pods."""
    mine = (Ref(kind, spec.name) for kind in (CLUSTER, USER, ROLE, BINDING))
    pods = Ref(objects.STATEFUL_SET, f"{spec.name}-nodes")
    return (*mine, pods, Ref(objects.DEPLOYMENT, _dashboards_name(spec)))


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(objects.SECRET, f"{spec.name}-http-cert"),)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return (Leftovers(objects.VOLUME_CLAIM, _labels(spec)),)


def _labels(spec: InstanceSpec) -> dict[str, str]:
    return {"opensearch.org/opensearch-cluster": spec.name}


def _nodes(spec: InstanceSpec) -> dict[str, str]:
    """Without the pod of the first minutes."""
    return {**_labels(spec), "opensearch.org/opensearch-nodepool": "nodes"}


def _job_labels(spec: InstanceSpec) -> dict[str, str]:
    return {"polder.eu/job-of": spec.name}


def _dashboards_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-dashboards"


# -- what is made ---------------------------------------------------------------------------------


def _logins(spec: InstanceSpec) -> list[Manifest]:
    """The image refuses an administrator's password without a capital, a digit and a sign. What
    Dashboards logs in with is ours: the operator would leave its own behind.
    """
    admin = {"username": "admin", "password": f"{spec.secrets['admin_password']}-Aa1"}
    pages = {"username": "kibanaserver", "password": spec.secrets["dashboards_password"]}
    return [
        objects.secret(f"{spec.name}-admin", admin),
        objects.secret(f"{spec.name}-pages", pages),
        objects.secret(f"{spec.name}-login", {"password": spec.secrets["password"]}),
    ]


def _cluster(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    small = objects.resources(_JOB.vcpu, _JOB.memory_mib)
    job = {"labels": _job_labels(spec), "resources": small}
    body = {
        "general": _general(spec, region),
        "security": {
            "tls": _tls(spec, region),
            "config": {"adminCredentialsSecret": {"name": f"{spec.name}-admin"}, "updateJob": job},
        },
        "initHelper": {"resources": dict(small)},
        "bootstrap": _bootstrap(region),
        "nodePools": [_pool(spec, region)],
        "dashboards": _dashboards(spec),
    }
    return manifest(CLUSTER, spec.name, body)


def _general(spec: InstanceSpec, region: RegionSettings) -> dict[str, Any]:
    general: dict[str, Any] = {
        "serviceName": spec.name,
        "version": _RELEASES[spec.version],
        "httpPort": PORT,
        "vendor": "opensearch",
        "setVMMaxMapCount": False,
        "drainDataNodes": True,
        "additionalConfig": _settings(spec, region),
    }
    if store := region.backup_store:
        keys = {
            "AWS_ACCESS_KEY_ID": "s3.client.default.access_key",
            "AWS_SECRET_ACCESS_KEY": "s3.client.default.secret_key",
        }
        where = {"bucket": store.bucket, "base_path": f"{spec.namespace}/{spec.name}"}
        general |= {
            "pluginsList": list(_PLUGINS),
            "keystore": [{"secret": {"name": store.secret}, "keyMappings": keys}],
            "snapshotRepositories": [{"name": _REPOSITORY, "type": "s3", "settings": where}],
        }
    return general


def _bootstrap(region: RegionSettings) -> dict[str, Any]:
    """It reads the nodes' settings, so that it needs their plugins."""
    resources = objects.resources(_BOOTSTRAP.vcpu, _BOOTSTRAP.memory_mib)
    plugins = {"pluginsList": list(_PLUGINS)} if region.backup_store else {}
    return {"jvm": "-Xms512m -Xmx512m", "resources": resources, **plugins}


def _settings(spec: InstanceSpec, region: RegionSettings) -> dict[str, str]:
    """All as text, as the operator wants them."""
    settings = {
        "node.store.allow_mmap": "false",
        "action.auto_create_index": str(spec.parameters["create_indices"]).lower(),
        "cluster.max_shards_per_node": str(spec.parameters["max_shards"]),
    }
    return settings | (_store(region.backup_store) if region.backup_store else {})


def _store(store: BackupStore) -> dict[str, str]:
    scheme, _, host = store.endpoint.rpartition("://")
    named = {
        "endpoint": host.rstrip("/"),
        "protocol": scheme or "https",
        "path_style_access": "true",
        **({"region": store.region} if store.region else {}),
    }
    return {f"s3.client.default.{name}": value for name, value in named.items()}


def _tls(spec: InstanceSpec, region: RegionSettings) -> dict[str, Any]:
    """Renewed a month ahead, and taken over by nodes that run."""
    renewed = {"generate": True, "rotateDaysBeforeExpiry": 30, "enableHotReload": True}
    public = objects.is_public(spec, region)
    http = {**renewed, **({"customFQDN": objects.public_host(spec, region)} if public else {})}
    return {"transport": {**renewed, "perNode": True}, "http": http}


def _pool(spec: InstanceSpec, region: RegionSettings) -> dict[str, Any]:
    """Half of the memory is the heap's; the other half caches files."""
    plan, heap = spec.plan, spec.plan.memory_mib // 2
    disk = {"accessModes": ["ReadWriteOnce"], **objects.storage_class(region, "storageClass")}
    return {
        "component": "nodes",
        "replicas": plan.nodes,
        "diskSize": f"{plan.storage_gib}Gi",
        "roles": ["cluster_manager", "data", "ingest"],
        "jvm": f"-Xms{heap}m -Xmx{heap}m",
        "resources": objects.resources(plan.vcpu, plan.memory_mib),
        "persistence": {"pvc": disk},
        "pdb": {"enable": True, "maxUnavailable": 1},
        "topologySpreadConstraints": objects.spread(_nodes(spec)),
        "labels": dict(spec.labels),
        "annotations": {objects.RESTART: _mark(spec, region)},
    }


def _mark(spec: InstanceSpec, region: RegionSettings) -> str:
    """Stands on the pods: another when they must be made anew."""
    plan = spec.plan
    size = f"{plan.nodes} {plan.vcpu} {plan.memory_mib} {plan.storage_gib}"
    settings = (f"{name}={value}" for name, value in _settings(spec, region).items())
    return objects.digest((_RELEASES[spec.version], size, *settings))


def _dashboards(spec: InstanceSpec) -> dict[str, Any]:
    """Of no pods where they are not wanted: the operator would leave behind what it made once."""
    return {
        "enable": True,
        "version": _RELEASES[spec.version],
        "replicas": _DASHBOARDS.count if spec.parameters["dashboards"] else 0,
        "opensearchCredentialsSecret": {"name": f"{spec.name}-pages"},
        "tls": {"enable": True, "generate": True},
        "resources": objects.resources(_DASHBOARDS.vcpu, _DASHBOARDS.memory_mib),
    }


def _in(spec: InstanceSpec, more: Mapping[str, Any]) -> dict[str, Any]:
    return {"opensearchCluster": {"name": spec.name}, **more}


def _user(spec: InstanceSpec) -> Manifest:
    """Its name in OpenSearch is that of the object."""
    key = {"name": f"{spec.name}-login", "key": "password"}
    return manifest(USER, spec.name, _in(spec, {"passwordFrom": key}))


def _role(spec: InstanceSpec) -> Manifest:
    indices = {"indexPatterns": ["*"], "allowedActions": ["indices_all"]}
    rights = {"clusterPermissions": list(_RIGHTS), "indexPermissions": [indices]}
    return manifest(ROLE, spec.name, _in(spec, rights))


def _binding(spec: InstanceSpec) -> Manifest:
    """`kibana_user` is what Dashboards asks of those who use it."""
    roles = {"users": [spec.name], "roles": [spec.name, "kibana_user"]}
    return manifest(BINDING, spec.name, _in(spec, roles))


def _policy(spec: InstanceSpec) -> Manifest:
    keep = {"maxAge": f"{spec.parameters['backup_days']}d", "minCount": 1}
    snapshot = {"repository": _REPOSITORY, "includeGlobalState": False}
    dated = {"dateFormat": "yyyy-MM-dd-HH-mm", "dateFormatTimezone": "UTC"}
    body = {
        "policyName": "nightly",
        "enabled": True,
        "creation": {"schedule": _at(_DAILY), "timeLimit": "2h"},
        "deletion": {"schedule": _at(_CLEARING), "timeLimit": "1h", "deleteCondition": keep},
        "snapshotConfig": {**snapshot, **dated},
    }
    return manifest(POLICY, spec.name, _in(spec, body))


def _at(cron: str) -> dict[str, Any]:
    return {"cron": {"expression": cron, "timezone": "UTC"}}


# -- what is seen ---------------------------------------------------------------------------------

_DONE = ("CREATED", "IGNORED")  # or there already, and so was made here before
_OF_ANOTHER = "cannot change the cluster"  # the cluster was made anew: they must be, too


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    """The operator says RUNNING also of a cluster that never had its nodes or lacks some, and for a
    moment of the one of before. With the tenant's user made, what is not whole lacks something.
    """
    found = live.get(Ref(CLUSTER, spec.name))
    if found is None:
        return Observation(Observed.ABSENT)
    status = found.get("status") or {}
    phase, health = status.get("phase", ""), status.get("health", "")
    said = ", ".join(filter(None, (phase, health, _component(status))))
    refused = _refused(live, spec)
    if refused and _OF_ANOTHER in refused:
        return conditions.failed(refused)
    nodes = live.get(Ref(objects.STATEFUL_SET, f"{spec.name}-nodes"), {})
    settled = phase == "RUNNING" and status.get("version") == _RELEASES[spec.version]
    begun = status.get("initialized") and refused is not None
    if not settled or not begun or not _as_asked(spec, found, nodes):
        return progressing("operator-works", said)
    if refused:
        return progressing("operator-retries", refused)
    up, _ = conditions.replicas(nodes)
    whole = up == spec.plan.nodes == status.get("availableNodes") and health == "green"
    if whole and _dashboards_ready(spec, live):
        return _endpoints(spec, region)
    if whole:
        return progressing("operator-works", "dashboards")
    return replace(degraded(said), endpoints=_endpoints(spec, region).endpoints)


def _component(status: Mapping[str, Any]) -> str:
    """What the operator does at the moment, as "Upgrader Upgrading"."""
    rows = status.get("componentsStatus") or ()
    return "; ".join(f"{row.get('component', '')} {row.get('status', '')}" for row in rows)


def _refused(live: Live, spec: InstanceSpec) -> str | None:
    """What could not be done about user and rights; empty when all is done, None until then."""
    for kind in (USER, ROLE, BINDING):
        status = conditions.status(live, Ref(kind, spec.name))
        if status.get("state") == "ERROR":
            return f"{kind.name}: {status.get('reason', '')}"
        if status.get("state") not in _DONE:
            return None
    return ""


def _as_asked(spec: InstanceSpec, found: Manifest, nodes: Manifest) -> bool:
    """Every pod renewed, ready or not."""
    (pool,) = found.get("spec", {}).get("nodePools") or ({},)
    template = nodes.get("spec", {}).get("template", {}).get("metadata", {})
    parts: tuple[Manifest, ...] = (template, pool)
    of_pods, asked = (part.get("annotations", {}).get(objects.RESTART) for part in parts)
    renewed = (nodes.get("status") or {}).get("updatedReplicas", 0) >= spec.plan.nodes
    return of_pods == asked and renewed and conditions.up_to_date(nodes)


def _dashboards_ready(spec: InstanceSpec, live: Live) -> bool:
    found = live.get(Ref(objects.DEPLOYMENT, _dashboards_name(spec)), {})
    if not spec.parameters["dashboards"]:
        return conditions.paused(found)
    return conditions.replicas(found) == (_DASHBOARDS.count, _DASHBOARDS.count)


def _endpoints(spec: InstanceSpec, region: RegionSettings) -> Observation:
    hosts = {"client": (objects.host(spec, spec.name), PORT)}
    if spec.parameters["dashboards"]:
        hosts["dashboards"] = (objects.host(spec, _dashboards_name(spec)), PAGES_PORT)
    if objects.is_public(spec, region):
        hosts["public"] = (objects.public_host(spec, region), PORT)
    return Observation(
        Observed.READY,
        endpoints=tuple(
            Endpoint(name, "https", host, port, f"https://{host}:{port}", True)
            for name, (host, port) in hosts.items()
        ),
    )


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """The CA's certificate is the tenant's to see; the server's key, beside it, is not."""
    public = objects.is_public(spec, region)
    host = objects.public_host(spec, region) if public else objects.host(spec, spec.name)
    password = spec.secrets["password"]
    return Credentials(
        username=spec.name,
        password=password,
        uri=Secret(f"https://{spec.name}:{password}@{host}:{PORT}"),
        host=host,
        port=PORT,
        ca_certificate=conditions.authority(live, revealed(spec)[0]),
        env={
            "OPENSEARCH_URL": Secret(f"https://{host}:{PORT}"),
            "OPENSEARCH_USERNAME": Secret(spec.name),
            "OPENSEARCH_PASSWORD": password,
        },
    )
