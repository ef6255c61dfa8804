"""Apache Kafka on Kubernetes: Strimzi 1.2, KRaft and node pools only.

A plan on one node is one pool that is broker and controller; a plan on three has three brokers of
the plan's size, and three small controllers beside them. The tenant's user has the rights that it
has elsewhere, and makes its own topics; there is no operator for topics. Made in this order, so
that in the opposite one the user goes before the server, and that before its pools. Source:
Strimzi 1.2 documentation and API reference; Kafka 4.2 documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
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

KAFKA = Kind("kafka.strimzi.io/v1", "Kafka")
NODE_POOL = Kind("kafka.strimzi.io/v1", "KafkaNodePool")
KAFKA_USER = Kind("kafka.strimzi.io/v1", "KafkaUser")
POD_SET = Kind("core.strimzi.io/v1", "StrimziPodSet")
KINDS = (KAFKA, NODE_POOL, KAFKA_USER, POD_SET)
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset({Capability.RESIZE, Capability.ROTATE})
BIN: Bin = "isolated"
TELLS_GENERATION = True
PORT, PUBLIC_PORT = 9093, 9094

_RELEASES = {"4.2": "4.2.1"}
VERSIONS = tuple(_RELEASES)
_CLUSTER = "strimzi.io/cluster"
_HEAP_SHARE = 0.4  # of the plan's memory; the rest is for buffers outside the heap and the cache
_PARTITION_SHARE = 10  # a partition may take a tenth of the plan's storage unless its topic says so
_CONTROLLERS = Pods("controller", 3, Decimal("0.5"), 1024, 10)
_USERS = Pods("users", 1, Decimal("0.2"), 512)
_INTERNAL = ("__consumer_offsets", "__transaction_state", "__share_group_state")
_ALLOWED = {
    "topic": "Create Read Write Delete Describe Alter DescribeConfigs AlterConfigs",
    "group": "Read Describe Delete",
    "transactionalId": "Write Describe",
}
_DENIED = "Write Delete Alter AlterConfigs"
_COUNTED = ["kafka_server.*", "kafka_controller.*", "kafka_network.*", "kafka_log.*"]


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    plan = spec.plan
    brokers = Pods("broker", plan.nodes, plan.vcpu, plan.memory_mib, plan.storage_gib)
    return (brokers, _CONTROLLERS, _USERS) if plan.ha else (brokers, _USERS)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    servers = selectors(spec)[0]
    return [
        objects.secret(_login_name(spec), {"password": spec.secrets["password"]}),
        *(_pool(spec, region, role, which) for role, which in _pools(spec).items()),
        _kafka(spec, region),
        _user(spec),
        objects.pod_monitor(spec, servers, "tcp-prometheus"),
    ]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    servers = {_CLUSTER: spec.name, "strimzi.io/name": f"{spec.name}-kafka"}
    users = {_CLUSTER: spec.name, "strimzi.io/name": f"{spec.name}-entity-operator"}
    return (servers, users)


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    sets = (_pod_set(spec, role) for role in _pools(spec))
    return (Ref(KAFKA, spec.name), Ref(KAFKA_USER, _user_name(spec)), *sets)


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    """Of the authority, the Secret without its key."""
    names = (_user_name(spec), f"{spec.name}-cluster-ca-cert")
    return tuple(Ref(objects.SECRET, name) for name in names)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return (Leftovers(objects.VOLUME_CLAIM, {_CLUSTER: spec.name}),)


# -- what is made ---------------------------------------------------------------------------------


def _pools(spec: InstanceSpec) -> dict[str, Pods]:
    """By the end of their names."""
    brokers, *others = pods(spec, RegionSettings())
    return {"controller": others[0], "broker": brokers} if spec.plan.ha else {"node": brokers}


def _pool(spec: InstanceSpec, region: RegionSettings, role: str, which: Pods) -> Manifest:
    heap = f"{int(which.memory_mib * _HEAP_SHARE)}m"
    disk = {
        "id": 0,
        "type": "persistent-claim",
        "size": f"{which.storage_gib}Gi",
        "deleteClaim": False,
        "kraftMetadata": "shared",
        **objects.storage_class(region, "class"),
    }
    pod: dict[str, Any] = {"metadata": {"labels": dict(spec.labels)}}
    if spec.plan.ha:
        mine = {_CLUSTER: spec.name, "strimzi.io/pool-name": f"{spec.name}-{role}"}
        pod["topologySpreadConstraints"] = objects.spread(mine)
    body = {
        "replicas": which.count,
        "roles": ["controller", "broker"] if role == "node" else [role],
        "resources": objects.resources(which.vcpu, which.memory_mib),
        "jvmOptions": {"-Xms": heap, "-Xmx": heap},
        "storage": {"type": "jbod", "volumes": [disk]},
        "template": {"pod": pod},
    }
    return manifest(NODE_POOL, f"{spec.name}-{role}", body, labels={_CLUSTER: spec.name})


def _kafka(spec: InstanceSpec, region: RegionSettings) -> Manifest:
    server: dict[str, Any] = {
        "version": _RELEASES[spec.version],
        "authorization": {"type": "simple"},
        "listeners": _listeners(spec, region),
        "config": _settings(spec),
        "metricsConfig": {
            "type": "strimziMetricsReporter",
            "values": {"allowList": list(_COUNTED)},
        },
    }
    if spec.plan.ha:
        server["rack"] = {"topologyKey": objects.ZONE}
    users = {"resources": objects.resources(_USERS.vcpu, _USERS.memory_mib)}
    template = {"pod": {"metadata": {"labels": dict(spec.labels)}}}
    return manifest(
        KAFKA,
        spec.name,
        {"kafka": server, "entityOperator": {"userOperator": users, "template": template}},
    )


def _listeners(spec: InstanceSpec, region: RegionSettings) -> list[dict[str, Any]]:
    """The operator opens the network for each: to the project, and in the bin to nobody."""
    login = {"tls": True, "authentication": {"type": "scram-sha-512"}}
    most = {"maxConnections": spec.parameters["max_connections"]}
    nobody = {"matchLabels": {_CLUSTER: f"{spec.name}-nobody"}}
    project = [{"podSelector": nobody if spec.paused else {}}]
    made: list[dict[str, Any]] = [
        {
            "name": "client",
            "port": PORT,
            "type": "internal",
            **login,
            "configuration": dict(most),
            "networkPolicyPeers": project,
        }
    ]
    if objects.is_public(spec, region):
        host = objects.public_host(spec, region)
        names = {"annotations": {objects.PUBLIC_NAME: host}, "alternativeNames": [host]}
        public = {"name": "public", "port": PUBLIC_PORT, "type": "loadbalancer", **login}
        closed = {"networkPolicyPeers": project} if spec.paused else {}
        made.append({**public, "configuration": {**most, "bootstrap": names}, **closed})
    return made


def _settings(spec: InstanceSpec) -> dict[str, Any]:
    wanted, copies = spec.parameters, min(spec.plan.nodes, 3)
    least = max(1, copies - 1)
    return {
        "default.replication.factor": copies,
        "min.insync.replicas": least,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": least,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": least,
        "auto.create.topics.enable": wanted["auto_create_topics"],
        "num.partitions": wanted["default_partitions"],
        "log.retention.hours": wanted["retention_hours"],
        "log.retention.bytes": spec.plan.storage_gib * 1024**3 // _PARTITION_SHARE,
        "message.max.bytes": wanted["max_message_kib"] * 1024,
        "replica.fetch.max.bytes": wanted["max_message_kib"] * 1024,
    }


def _user(spec: InstanceSpec) -> Manifest:
    """The operator does not look at our Secret by itself: a changed annotation makes it."""
    name = {"name": _login_name(spec), "key": "password"}
    rights = [_right(kind, "*", operations) for kind, operations in _ALLOWED.items()]
    rights += [_right("topic", name, _DENIED, "deny") for name in _INTERNAL]
    body = {
        "authentication": {
            "type": "scram-sha-512",
            "password": {"valueFrom": {"secretKeyRef": name}},
        },
        "authorization": {"type": "simple", "acls": rights},
    }
    seen = {objects.RESTART: objects.digest([spec.secrets["password"]])}
    return manifest(
        KAFKA_USER, _user_name(spec), body, labels={_CLUSTER: spec.name}, annotations=seen
    )


def _right(kind: str, name: str, operations: str, type: str = "allow") -> dict[str, Any]:
    resource = {"type": kind, "name": name, "patternType": "literal"}
    return {"type": type, "resource": resource, "operations": operations.split(), "host": "*"}


def _user_name(spec: InstanceSpec) -> str:
    """Also what the user is called when it logs in."""
    return f"{spec.name}-app"


def _login_name(spec: InstanceSpec) -> str:
    return f"{spec.name}-login"


def _pod_set(spec: InstanceSpec, role: str) -> Ref:
    return Ref(POD_SET, f"{spec.name}-{spec.name}-{role}")


# -- what is seen ---------------------------------------------------------------------------------


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    """The operator tells of its own work only; whether pods run, its sets of pods tell."""
    found, user = live.get(Ref(KAFKA, spec.name)), live.get(Ref(KAFKA_USER, _user_name(spec)), {})
    if found is None:
        return Observation(Observed.ABSENT)
    ready, not_ready = condition(found, "Ready"), condition(found, "NotReady")
    if not conditions.up_to_date(found):
        return progressing("operator-works")
    if not_ready.true and not_ready.reason == "InvalidResourceException":
        return conditions.failed(not_ready.message)
    if not_ready.true and not_ready.reason != "Creating":
        return _lacking(spec, region, live) or progressing("operator-retries", not_ready.message)
    runs = (found.get("status") or {}).get("kafkaVersion")
    if not ready.true or runs != _RELEASES[spec.version]:
        return progressing("operator-works", not_ready.message)
    if lacking := _lacking(spec, region, live):
        return lacking
    if not (condition(user, "Ready").true and conditions.up_to_date(user)):
        return progressing("operator-works", condition(user, "NotReady").message)
    return _endpoints(spec, region) if _all_run(spec, live) else progressing("operator-works")


def _sets(spec: InstanceSpec, live: Live) -> list[tuple[int, Mapping[str, int]]]:
    """Pods that are wanted, and what the operator counts of them."""
    found = ((which, live.get(_pod_set(spec, role), {})) for role, which in _pools(spec).items())
    return [(which.count, one.get("status") or {}) for which, one in found]


def _all_run(spec: InstanceSpec, live: Live) -> bool:
    """All there, ready, and of the newest kind."""
    named = ("pods", "readyPods", "currentPods")
    return all(said.get(name) == n for n, said in _sets(spec, live) for name in named)


def _lacking(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation | None:
    """All were made, some are away, and some still serve."""
    sets = _sets(spec, live)
    ready, wanted = sum(said.get("readyPods", 0) for _, said in sets), sum(n for n, _ in sets)
    made = all(said.get("pods") == said.get("currentPods") == n for n, said in sets)
    if not made or not 0 < ready < wanted:
        return None
    seen = _endpoints(spec, region)
    detail = f"{ready}/{wanted}"
    return replace(seen, observed=Observed.DEGRADED, code="operator-degraded", detail=detail)


def _endpoints(spec: InstanceSpec, region: RegionSettings) -> Observation:
    named = {"client": _at(spec)}
    if objects.is_public(spec, region):
        named["public"] = (objects.public_host(spec, region), PUBLIC_PORT)
    return Observation(
        Observed.READY,
        endpoints=tuple(
            Endpoint(
                name,
                "kafka",
                host,
                port,
                f"kafka://{_user_name(spec)}@{host}:{port}?{_QUERY}",
                tls=True,
            )
            for name, (host, port) in named.items()
        ),
    )


_QUERY = "security_protocol=SASL_SSL&sasl_mechanism=SCRAM-SHA-512"


def _at(spec: InstanceSpec) -> tuple[str, int]:
    return objects.host(spec, f"{spec.name}-kafka-bootstrap"), PORT


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """The password that the operator has set, which for a moment may still be the old one."""
    login, authority = revealed(spec)
    password, user = conditions.secret_value(live, login, "password"), _user_name(spec)
    public = objects.is_public(spec, region)
    host, port = (objects.public_host(spec, region), PUBLIC_PORT) if public else _at(spec)
    where = f"{host}:{port}"
    return Credentials(
        username=user,
        password=password,
        uri=Secret(f"kafka://{user}:{password}@{where}?{_QUERY}"),
        host=host,
        port=port,
        ca_certificate=conditions.authority(live, authority),
        env={
            "KAFKA_BOOTSTRAP_SERVERS": Secret(where),
            "KAFKA_SECURITY_PROTOCOL": Secret("SASL_SSL"),
            "KAFKA_SASL_MECHANISM": Secret("SCRAM-SHA-512"),
            "KAFKA_USERNAME": Secret(user),
            "KAFKA_PASSWORD": password,
        },
    )
