"""RabbitMQ on Kubernetes: cluster operator 2.22 with the messaging topology operator 1.20.

The operator's default user is its own, for the topology operator; tenants have a user of ours, in
a virtual host of ours, with the rights and limits that they have elsewhere. Users, rights and
virtual host are made after the cluster, so that they go before it: their finalizers would wait for
ever. A node is never taken away, and nothing can be paused. Source: both operators' documentation
and API reference; RabbitMQ 4.2 documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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

CLUSTER = Kind("rabbitmq.com/v1beta1", "RabbitmqCluster")
VHOST = Kind("rabbitmq.com/v1beta1", "Vhost")
USER_OF = Kind("rabbitmq.com/v1beta1", "User")
PERMISSION = Kind("rabbitmq.com/v1beta1", "Permission")
_TOPOLOGY = (VHOST, USER_OF, PERMISSION)

KINDS = (CLUSTER, *_TOPOLOGY)
NEEDS = frozenset({"issuer"})
CAPABILITIES = frozenset({Capability.RESIZE, Capability.ROTATE})
BIN: Bin = "isolated"
TELLS_GENERATION = True
USER, PORT, PAGES_PORT = "app", 5671, 15671

_IMAGES = {"4.2": "docker.io/library/rabbitmq:4.2.6-management"}
VERSIONS = tuple(_IMAGES)
_MEMORY_SHARE = 0.6  # of the plan's memory; above it publishers wait
_SPARE_DISK_MIB = 256  # below it publishers wait
_STOP_SECONDS = 3600  # at most, until queues have moved to other nodes
# The operator's words for what it does not get over by itself.
_FINAL = frozenset({"InvalidConfiguration", "UnsupportedOperation", "FailedReconcilePVC"})


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    plan = spec.plan
    return (Pods("server", plan.nodes, plan.vcpu, plan.memory_mib, plan.storage_gib),)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    login = {"username": USER, "password": spec.secrets["password"]}
    names = (spec.name, f"*.{spec.name}-nodes")
    named = {"amqps": PORT, "management-tls": PAGES_PORT}
    return [
        objects.secret(_login_name(spec), login),
        objects.certificate(spec, region, names, secret=_tls_name(spec)),
        _cluster(spec, region),
        *objects.public_service(spec, region, selectors(spec)[0], named),
        _vhost(spec),
        _user(spec),
        _permission(spec),
        _monitor(spec),
    ]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    servers = {"app.kubernetes.io/name": spec.name, "app.kubernetes.io/component": "rabbitmq"}
    return (servers,)


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    topology = (Ref(kind, _app(spec)) for kind in _TOPOLOGY)
    return (Ref(CLUSTER, spec.name), _stateful_set(spec), *topology)


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(objects.SECRET, _tls_name(spec)),)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    """The operator destroys disks with the cluster."""
    return ()


# -- what is made ---------------------------------------------------------------------------------


def _cluster(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    """Memory asked for and allowed must be the same: the broker counts on all of it."""
    plan = spec.plan
    body: dict[str, Any] = {
        "image": _IMAGES[spec.version],
        "replicas": plan.nodes,
        "autoEnableAllFeatureFlags": True,
        "terminationGracePeriodSeconds": _STOP_SECONDS,
        "persistence": {"storage": f"{plan.storage_gib}Gi", **objects.storage_class(region)},
        "resources": objects.resources(plan.vcpu, plan.memory_mib),
        "tls": {"secretName": _tls_name(spec), "disableNonTLSListeners": True},
        "rabbitmq": {"additionalConfig": _configuration(spec)},
    }
    if plan.ha:
        apart = {"labelSelector": {"matchLabels": dict(selectors(spec)[0])}}
        term = {"topologyKey": objects.HOST, **apart}
        rule = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        zones = {"topologyKey": objects.ZONE, **apart}
        even = {"preferredDuringSchedulingIgnoredDuringExecution": [_weighed(zones)]}
        body["affinity"] = {"podAntiAffinity": {**rule, **even}}
    return manifest(CLUSTER, spec.name, body)


def _weighed(term: Mapping[str, Any]) -> dict[str, Any]:
    return {"weight": 100, "podAffinityTerm": dict(term)}


def _configuration(spec: InstanceSpec) -> str:
    wanted = spec.parameters
    lines = {
        "cluster_partition_handling": "pause_minority" if spec.plan.ha else "ignore",
        "vm_memory_high_watermark.relative": _MEMORY_SHARE,
        "disk_free_limit.absolute": f"{_SPARE_DISK_MIB}MiB",
        "max_message_size": wanted["max_message_mib"] * 2**20,
        "consumer_timeout": wanted["consumer_timeout_minutes"] * 60_000,
        "ssl_options.versions.1": "tlsv1.3",
        "ssl_options.versions.2": "tlsv1.2",
    }
    return "".join(f"{name} = {value}\n" for name, value in lines.items())


def _vhost(spec: InstanceSpec) -> Manifest:
    """On three nodes a queue is kept on all, unless its client says otherwise."""
    wanted = spec.parameters
    body = {
        "name": wanted["vhost"],
        "defaultQueueType": "quorum" if spec.plan.ha else "classic",
        "limits": {"connections": wanted["max_connections"], "queues": wanted["max_queues"]},
    }
    return manifest(VHOST, _app(spec), {**body, **_of(spec)})


def _user(spec: InstanceSpec) -> Manifest:
    """The operator does not look at our Secret by itself: a changed annotation makes it."""
    seen = {objects.RESTART: objects.digest([spec.secrets["password"]])}
    body = {"tags": ["management"], "importCredentialsSecret": {"name": _login_name(spec)}}
    return manifest(USER_OF, _app(spec), {**body, **_of(spec)}, annotations=seen)


def _permission(spec: InstanceSpec) -> Manifest:
    body = {
        "vhost": spec.parameters["vhost"],
        "userReference": {"name": _app(spec)},
        "permissions": {"configure": ".*", "write": ".*", "read": ".*"},
    }
    return manifest(PERMISSION, _app(spec), {**body, **_of(spec)})


def _of(spec: InstanceSpec) -> dict[str, Any]:
    return {"rabbitmqClusterReference": {"name": spec.name}}


def _monitor(spec: InstanceSpec) -> Manifest:
    """Its numbers are told over TLS only."""
    authority = {"secret": {"name": _tls_name(spec), "key": "ca.crt"}}
    tls = {"ca": authority, "serverName": objects.host(spec, spec.name)}
    found = objects.pod_monitor(spec, selectors(spec)[0], "prometheus-tls")
    found["spec"]["podMetricsEndpoints"][0] |= {"scheme": "https", "tlsConfig": tls}
    return found


def _app(spec: InstanceSpec) -> str:
    return f"{spec.name}-app"


def _login_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-login"


def _tls_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-tls"


def _stateful_set(spec: InstanceSpec) -> Ref:
    return Ref(objects.STATEFUL_SET, f"{spec.name}-server")


# -- what is seen ---------------------------------------------------------------------------------


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    """What it refuses leaves the other conditions as they were, "ready" included."""
    found = live.get(Ref(CLUSTER, spec.name))
    if found is None:
        return Observation(Observed.ABSENT)
    if not conditions.up_to_date(found):
        return progressing("operator-works")
    made, all_ready = condition(found, "ReconcileSuccess"), condition(found, "AllReplicasReady")
    if made.false:
        if made.reason in _FINAL:
            return conditions.failed(made.message)
        return progressing("operator-retries", made.message)
    ready, wanted = conditions.replicas(live.get(_stateful_set(spec), {}))
    if wanted == spec.plan.nodes and 0 < ready < wanted and _was_ready(found):
        seen, detail = _endpoints(spec, region), all_ready.message
        return replace(seen, observed=Observed.DEGRADED, code="operator-degraded", detail=detail)
    available = condition(found, "ClusterAvailable")
    settled = made.true and all_ready.true and available.true and ready == wanted
    if not settled or wanted != spec.plan.nodes:
        return progressing("operator-works", all_ready.message or available.message)
    return _topology(spec, live) or _endpoints(spec, region)


def _was_ready(found: Manifest) -> bool:
    """The operator names its default user once the cluster was made."""
    return "defaultUser" in (found.get("status") or {})


def _topology(spec: InstanceSpec, live: Live) -> Observation | None:
    """Unless virtual host, user and rights are what was asked for."""
    for kind in _TOPOLOGY:
        found = live.get(Ref(kind, _app(spec)), {})
        ready = condition(found, "Ready")
        if not (ready.true and conditions.up_to_date(found)):
            retries = ready.false and conditions.up_to_date(found)
            return progressing("operator-retries" if retries else "operator-works", ready.message)
    return None


def _endpoints(spec: InstanceSpec, region: RegionSettings) -> Observation:
    hosts = {"": objects.host(spec, spec.name)}
    if objects.is_public(spec, region):
        hosts["public-"] = objects.public_host(spec, region)
    vhost, made = spec.parameters["vhost"], []
    for prefix, host in hosts.items():
        uri, pages = f"amqps://{USER}@{host}:{PORT}/{vhost}", f"https://{host}:{PAGES_PORT}/"
        made.append(Endpoint(f"{prefix}amqps", "amqps", host, PORT, uri, tls=True))
        made.append(Endpoint(f"{prefix}management", "https", host, PAGES_PORT, pages, tls=True))
    return Observation(Observed.READY, endpoints=tuple(made))


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """Of the certificate's Secret the authority alone: the server's key lies beside it."""
    public = objects.is_public(spec, region)
    host = objects.public_host(spec, region) if public else objects.host(spec, spec.name)
    password, vhost = spec.secrets["password"], spec.parameters["vhost"]
    uri = Secret(f"amqps://{USER}:{password}@{host}:{PORT}/{vhost}")
    return Credentials(
        username=USER,
        password=password,
        uri=uri,
        host=host,
        port=PORT,
        database=vhost,
        ca_certificate=conditions.authority(live, *revealed(spec)),
        env={
            "AMQP_URL": uri,
            "RABBITMQ_HOST": Secret(host),
            "RABBITMQ_PORT": Secret(str(PORT)),
            "RABBITMQ_VHOST": Secret(vhost),
            "RABBITMQ_USERNAME": Secret(USER),
            "RABBITMQ_PASSWORD": password,
        },
    )
