"""Valkey on Kubernetes: redis-operator 0.26 with the image of Valkey, which answers to the names
of Redis' programs, too. The operator must run with its feature GenerateConfigInInitContainer.

Replicated, one server takes writes, and from three nodes on Sentinel chooses another when it is
lost. As a cluster, three leaders share the plan, and their followers where it has three nodes.
The operator tells little of how it is: what runs is read from its StatefulSets, which bear a digest
of all that a pod starts with. Tenants cannot speak with Sentinel: whoever can, commands it.
Source: the operator's API reference and code, 0.26; Valkey 9 documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from services.catalog.databases.redis import acl
from services.catalog.databases.redis.acl import USER
from services.manifests import conditions, objects
from services.manifests.conditions import degraded, progressing
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

_API = "redis.redis.opstreelabs.in/v1beta2"
REPLICATION = Kind(_API, "RedisReplication")
SENTINEL = Kind(_API, "RedisSentinel")
CLUSTER = Kind(_API, "RedisCluster")

KINDS = (REPLICATION, SENTINEL, CLUSTER)
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset({Capability.RESIZE, Capability.ROTATE})
BIN: Bin = "isolated"  # the operator cannot stop its pods
TELLS_GENERATION = False
PORT = 6379

_IMAGES = {"9": "docker.io/valkey/valkey:9.1.1"}
VERSIONS = tuple(_IMAGES)
_EXPORTER_IMAGE = "quay.io/opstree/redis-exporter:v1.44.0"
_EXPORTER = Pods("exporter", 1, Decimal("0.05"), 64)
_SENTINELS = Pods("sentinel", 3, Decimal("0.05"), 128)
_USABLE_SHARE = 3 / 4  # of a server's memory; the rest is for buffers and the copy while saving
_NODE_FILES_GIB = 1
_LEADERS = 3
_APPEND = {
    "every-second": ("yes", "everysec"),
    "every-write": ("yes", "always"),
    "off": ("no", "everysec"),
}


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    server = _server(spec)
    disk = server.storage_gib + (_NODE_FILES_GIB if _clustered(spec) else 0)
    servers = replace(
        server,
        vcpu=server.vcpu + _EXPORTER.vcpu,
        memory_mib=server.memory_mib + _EXPORTER.memory_mib,
        storage_gib=disk,
    )
    return (servers, _SENTINELS) if _has_sentinel(spec) else (servers,)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    made = _files(spec, region)
    if region.issuer:
        made.append(objects.certificate(spec, region, _services(spec), secret=f"{spec.name}-tls"))
    made += [_cluster(spec, region)] if _clustered(spec) else _replicated(spec, region)
    return [*made, _monitor(spec)]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return tuple({"app": name} for name in _stateful_sets(spec))


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    seen = [Ref(CLUSTER if _clustered(spec) else REPLICATION, spec.name)]
    return (*seen, *(Ref(objects.STATEFUL_SET, name) for name in _stateful_sets(spec)))


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(objects.SECRET, f"{spec.name}-tls"),)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return tuple(Leftovers(objects.VOLUME_CLAIM, labels) for labels in selectors(spec))


# -- which objects there are ----------------------------------------------------------------------


def _clustered(spec: InstanceSpec) -> bool:
    return bool(spec.parameters["mode"] == "cluster")


def _has_sentinel(spec: InstanceSpec) -> bool:
    return spec.plan.ha and not _clustered(spec)


def _server(spec: InstanceSpec) -> Pods:
    """A node of the plan; in a cluster, an equal share of all its nodes, rounded up."""
    plan = spec.plan
    if not _clustered(spec):
        return Pods("server", plan.nodes, plan.vcpu, plan.memory_mib, plan.storage_gib)
    count = _LEADERS + _followers(spec)
    milli = -(-int(plan.vcpu * 1000 * plan.nodes) // count)
    memory, disk = (-(-n * plan.nodes // count) for n in (plan.memory_mib, plan.storage_gib))
    return Pods("server", count, Decimal(milli) / 1000, memory, disk)


def _followers(spec: InstanceSpec) -> int:
    return _LEADERS if spec.plan.ha else 0


def _stateful_sets(spec: InstanceSpec) -> dict[str, int]:
    """Those of the operator, with the pods of each; their pods bear the name as label `app`."""
    if _clustered(spec):
        return {f"{spec.name}-leader": _LEADERS, f"{spec.name}-follower": _followers(spec)}
    servers = {spec.name: spec.plan.nodes}
    sentinels = {f"{spec.name}-sentinel": _SENTINELS.count}
    return {**servers, **sentinels} if _has_sentinel(spec) else servers


def _service(spec: InstanceSpec) -> str:
    """Where writes go. A lone server never gets the role that `-master` looks for."""
    if _clustered(spec):
        return f"{spec.name}-leader"
    return f"{spec.name}-master" if _has_sentinel(spec) else spec.name


def _services(spec: InstanceSpec) -> list[str]:
    """Names that a certificate must bear; servers know each other by those of the pods."""
    sets = _stateful_sets(spec)
    more = (f"{spec.name}-master", f"{spec.name}-replica")
    return [*sets, *(f"*.{name}-headless" for name in sets), *more]


def _is_public(spec: InstanceSpec, region: RegionSettings) -> bool:
    """Only with TLS; and a cluster sends its clients on to names of pods."""
    return objects.is_public(spec, region) and bool(region.issuer) and not _clustered(spec)


# -- what is made ---------------------------------------------------------------------------------


def _files(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    """Operator, Sentinel and servers log in as the user `default`. Settings are read at the end, so
    that they have the last word.
    """
    settings = {"redis-additional.conf": _conf(spec, region)}
    if _has_sentinel(spec):
        settings["redis-sentinel-additional.conf"] = _reload(region)
    return [
        objects.secret(f"{spec.name}-auth", {"password": spec.secrets["admin_password"]}),
        objects.secret(f"{spec.name}-acl", {"user.acl": _acl(spec)}),
        manifest(objects.CONFIG_MAP, f"{spec.name}-settings", data=settings),
    ]


def _acl(spec: InstanceSpec) -> str:
    """Without a line of its own `default` would be open to everybody."""
    admin = acl.superuser("default", spec.secrets["admin_password"])
    return f"{admin}\n{acl.user(spec.secrets['password'])}\n"


def _conf(spec: InstanceSpec, region: RegionSettings) -> str:
    values = spec.parameters
    appending, sync = _APPEND[values["persistence"]]
    lines = {
        "maxmemory": f"{int(_server(spec).memory_mib * _USABLE_SHARE)}mb",
        "maxmemory-policy": values["eviction"],
        "maxclients": values["max_connections"],
        "appendonly": appending,
        "appendfsync": sync,
        "save": '""',
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items()) + _reload(region)


def _reload(region: RegionSettings) -> str:
    """Takes a renewed certificate over within the hour."""
    return "tls-auto-reload-interval 3600\n" if region.issuer else ""


def _annotations(spec: InstanceSpec, region: RegionSettings) -> dict[str, str]:
    """The operator puts them on its pods: what they start with is new when this is."""
    server = _server(spec)
    size = f"{server.count} {server.vcpu} {server.memory_mib} {server.storage_gib}"
    reads = (_IMAGES[spec.version], size, _conf(spec, region), _acl(spec))
    return {objects.RESTART: objects.digest(reads)}


def _common(spec: InstanceSpec, region: RegionSettings, kubernetes: Manifest) -> dict[str, Any]:
    """What all three kinds have. Our other annotations must not restart anything."""
    key = {"name": f"{spec.name}-auth", "key": "password"}
    body = {
        "podSecurityContext": {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000},
        "kubernetesConfig": {
            "image": _IMAGES[spec.version],
            "imagePullPolicy": "IfNotPresent",
            "ignoreAnnotations": ["polder.eu/generation"],
            "redisSecret": key,
            **kubernetes,
        },
    }
    if region.issuer:
        files = {"ca": "ca.crt", "cert": "tls.crt", "key": "tls.key"}
        body["TLS"] = {**files, "secret": {"secretName": f"{spec.name}-tls"}}
    return body


def _serving(spec: InstanceSpec, region: RegionSettings) -> dict[str, Any]:
    """What servers have, of whatever kind."""
    server = _server(spec)
    amount = objects.resources(server.vcpu, server.memory_mib)
    exporter = objects.resources(_EXPORTER.vcpu, _EXPORTER.memory_mib)
    disk = {"spec": objects.claim(server.storage_gib, region)}
    return {
        **_common(spec, region, {"resources": amount, "updateStrategy": {"type": "RollingUpdate"}}),
        "acl": {"secret": {"secretName": f"{spec.name}-acl"}},
        "redisExporter": {"enabled": True, "image": _EXPORTER_IMAGE, "resources": exporter},
        "storage": {"keepAfterDelete": True, "volumeClaimTemplate": disk},
    }


def _spread(name: str) -> dict[str, Any]:
    budget = {"enabled": True, "maxUnavailable": 1}
    return {"pdb": budget, "topologySpreadConstraints": objects.spread({"app": name})}


def _replicated(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    annotations = _annotations(spec, region)
    body = {
        "clusterSize": spec.plan.nodes,
        **_serving(spec, region),
        "redisConfig": {"additionalRedisConfig": f"{spec.name}-settings"},
        **(_spread(spec.name) if spec.plan.ha else {}),
    }
    made = [manifest(REPLICATION, spec.name, body, annotations=annotations)]
    if _has_sentinel(spec):
        made.append(_sentinel(spec, region))
    if _is_public(spec, region):
        made.append(_public(spec, region))
    return made


def _sentinel(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    """On its own: the one within RedisReplication has no TLS."""
    amount = objects.resources(_SENTINELS.vcpu, _SENTINELS.memory_mib)
    key = {"secretKeyRef": {"name": f"{spec.name}-auth", "key": "password"}}
    body = {
        "clusterSize": _SENTINELS.count,
        **_common(spec, region, {"resources": amount}),
        "redisSentinelConfig": {
            "redisReplicationName": spec.name,
            "masterGroupName": "myMaster",
            "quorum": "2",
            "downAfterMilliseconds": "5000",
            "failoverTimeout": "10000",
            "resolveHostnames": "yes",
            "announceHostnames": "yes",
            "redisReplicationPassword": key,
            "additionalSentinelConfig": f"{spec.name}-settings",
        },
        **_spread(f"{spec.name}-sentinel"),
    }
    return manifest(SENTINEL, spec.name, body, annotations=_annotations(spec, region))


def _public(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    """To the server that takes writes."""
    servers = {"app": spec.name}
    selector = {**servers, "redis-role": "master"} if _has_sentinel(spec) else servers
    body = {
        "type": "LoadBalancer",
        "selector": selector,
        "ports": [{"name": "redis", "port": PORT, "targetPort": PORT}],
    }
    names = {objects.PUBLIC_NAME: objects.public_host(spec, region)}
    return manifest(objects.SERVICE, f"{spec.name}-public", body, annotations=names)


def _cluster(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    body = _serving(spec, region)
    files = {"spec": objects.claim(_NODE_FILES_GIB, region)}
    body["storage"] |= {"nodeConfVolume": True, "nodeConfVolumeClaimTemplate": files}
    settings = {"redisConfig": {"additionalRedisConfig": f"{spec.name}-settings"}}
    for role, count in (("leader", _LEADERS), ("follower", _followers(spec))):
        spread = _spread(f"{spec.name}-{role}") if spec.plan.ha else {}
        body[f"redis{role.title()}"] = {"replicas": count, **settings, **spread}
    # The version is that of the protocol: hostnames, TLS between nodes.
    body |= {"clusterSize": _LEADERS, "clusterVersion": "v7", "persistenceEnabled": True}
    return manifest(CLUSTER, spec.name, body, annotations=_annotations(spec, region))


def _monitor(spec: InstanceSpec) -> Manifest:
    names = [name for name in _stateful_sets(spec) if not name.endswith("-sentinel")]
    body = {
        "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": names}]},
        "podMetricsEndpoints": [{"port": "redis-exporter", "interval": "30s"}],
    }
    return manifest(objects.POD_MONITOR, spec.name, body)


# -- what is seen ---------------------------------------------------------------------------------


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    """The operator has no conditions, and its one word is about what it did last: so its
    StatefulSets must be made of what stands, of new pods, all ready, and its word must agree.
    """
    mine = live.get(Ref(CLUSTER if _clustered(spec) else REPLICATION, spec.name))
    if mine is None:
        return Observation(Observed.ABSENT)
    word, ready, whole = mine.get("status") or {}, 0, True
    said = word.get("reason", "")
    for name, count in _stateful_sets(spec).items():
        found = live.get(Ref(objects.STATEFUL_SET, name), {})
        if not _as_asked(found, count, mine):
            return progressing("operator-works", said)
        here, _ = conditions.replicas(found)
        ready, whole = ready + here, whole and here == count
    if whole and _agrees(spec, word):
        return replace(_endpoints(spec, region), observed=Observed.READY)
    if (whole and word.get("state") in _FORMING) or not ready or not spec.plan.ha:
        return progressing("operator-works", said)
    lacks = said or ("No server takes writes." if whole else f"{ready} ready")
    return replace(degraded(lacks), endpoints=_endpoints(spec, region).endpoints)


_FORMING = ("Initializing", "Bootstrap")


def _as_asked(found: Manifest, count: int, mine: Manifest) -> bool:
    """Made from the object as it stands, and every pod renewed, ready or not."""
    template = found.get("spec", {}).get("template", {}).get("metadata", {})
    of_pods, asked = (
        one.get("annotations", {}).get(objects.RESTART) for one in (template, mine["metadata"])
    )
    said = found.get("status") or {}
    renewed = said.get("updatedReplicas", 0) >= count and conditions.up_to_date(found)
    return of_pods == asked and renewed and found["spec"].get("replicas") == count


def _agrees(spec: InstanceSpec, word: Mapping[str, Any]) -> bool:
    """A lone server has no master to speak of."""
    if _clustered(spec):
        return bool(word.get("state") == "Ready")
    return bool(word.get("masterNode")) or not _has_sentinel(spec)


def _endpoints(spec: InstanceSpec, region: RegionSettings) -> Observation:
    hosts = {"client": objects.host(spec, _service(spec))}
    if _has_sentinel(spec):
        hosts["read"] = objects.host(spec, f"{spec.name}-replica")
    if _is_public(spec, region):
        hosts["public"] = objects.public_host(spec, region)
    endpoints = (
        Endpoint(name, "redis", host, PORT, _uri(region, USER, host), bool(region.issuer))
        for name, host in hosts.items()
    )
    return Observation(Observed.READY, endpoints=tuple(endpoints))


def _uri(region: RegionSettings, login: str, host: str) -> str:
    return f"{'rediss' if region.issuer else 'redis'}://{login}@{host}:{PORT}/0"


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    public = _is_public(spec, region)
    host = objects.public_host(spec, region) if public else objects.host(spec, _service(spec))
    password = spec.secrets["password"]
    uri = Secret(_uri(region, f"{USER}:{password}", host))
    tls = Ref(objects.SECRET, f"{spec.name}-tls")
    return Credentials(
        username=USER,
        password=password,
        uri=uri,
        host=host,
        port=PORT,
        database="0",
        ca_certificate=conditions.authority(live, tls) if region.issuer else "",
        env={"REDIS_URL": uri},
    )
