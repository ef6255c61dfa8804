"""Valkey on Kubernetes: how it is read, and what a tenant gets to know."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.catalog.databases.redis import kubernetes
from services.manifests import objects
from services.spec import InstanceSpec, Kind, Live, Manifest, Observed, Ref
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE, RICH

ENTRY = ENTRIES["redis"]
ONE = made_up_spec(ENTRY)
THREE = replace(ONE, plan=ENTRY.offering.plan("ha-2x8"))
CLUSTER = replace(THREE, parameters={**ONE.parameters, "mode": "cluster"})
SMALL_CLUSTER = replace(ONE, parameters=CLUSTER.parameters)
MASTER: dict[str, Any] = {
    "masterNode": "rd-7f3a9c21-0",
    "connectionInfo": {"host": "rd-7f3a9c21-master.polder-pj-00000001.svc", "port": 6379},
}


def stateful_set(
    wanted: int, ready: int, *, updated: int | None = None, mark: str = "new", seen: int = 1
) -> Manifest:
    """As its controller leaves it; zeros are left out."""
    counted = {"readyReplicas": ready, "updatedReplicas": wanted if updated is None else updated}
    return {
        "metadata": {"generation": 1},
        "spec": {
            "replicas": wanted,
            "template": {"metadata": {"annotations": {objects.RESTART: mark}}},
        },
        "status": {"observedGeneration": seen, **{k: n for k, n in counted.items() if n}},
    }


def live(kind: Kind, status: dict[str, Any], **sets: Manifest) -> Live:
    """`sets` by the end of their names."""
    mine = {"metadata": {"annotations": {objects.RESTART: "new"}}, "status": status}
    names = {end: f"{ONE.name}-{end}" for end in sets} | {"servers": ONE.name}
    made = {Ref(objects.STATEFUL_SET, names[end]): found for end, found in sets.items()}
    return {Ref(kind, ONE.name): mine, **made}


@pytest.mark.parametrize(
    ("spec", "status", "sets", "observed"),
    [
        (ONE, {}, {}, "progressing"),
        (ONE, {}, {"servers": stateful_set(1, 0)}, "progressing"),
        (ONE, {}, {"servers": stateful_set(1, 1)}, "ready"),  # it never has a master
        (ONE, {}, {"servers": stateful_set(1, 1, mark="old")}, "progressing"),
        (ONE, {}, {"servers": stateful_set(1, 1, updated=0)}, "progressing"),
        (ONE, {}, {"servers": stateful_set(1, 1, seen=0)}, "progressing"),
        (THREE, MASTER, {"servers": stateful_set(3, 3)}, "progressing"),  # Sentinel comes later
        (THREE, MASTER, {"servers": stateful_set(1, 1)}, "progressing"),  # another plan, unseen
    ],
)
def test_replication_on_its_way(
    spec: InstanceSpec, status: dict[str, Any], sets: dict[str, Manifest], observed: str
) -> None:
    seen = kubernetes.observe(spec, BARE, live(kubernetes.REPLICATION, status, **sets))
    assert seen.observed == observed


@pytest.mark.parametrize(
    ("status", "servers", "sentinels", "observed", "detail"),
    [
        (MASTER, stateful_set(3, 3), stateful_set(3, 3), "ready", ""),
        (MASTER, stateful_set(3, 2), stateful_set(3, 3), "degraded", "5 ready"),
        (MASTER, stateful_set(3, 3), stateful_set(3, 2), "degraded", "5 ready"),
        ({}, stateful_set(3, 3), stateful_set(3, 3), "degraded", "No server takes writes."),
        (MASTER, stateful_set(3, 3, updated=1), stateful_set(3, 3), "progressing", ""),
        (MASTER, stateful_set(3, 3, mark="old"), stateful_set(3, 3), "progressing", ""),
        (MASTER, stateful_set(3, 3), stateful_set(3, 3, mark="old"), "progressing", ""),
        ({}, stateful_set(3, 0), stateful_set(3, 0), "progressing", ""),
    ],
)
def test_replication_with_sentinel(
    status: dict[str, Any], servers: Manifest, sentinels: Manifest, observed: str, detail: str
) -> None:
    found = live(kubernetes.REPLICATION, status, servers=servers, sentinel=sentinels)
    seen = kubernetes.observe(THREE, BARE, found)
    assert (seen.observed, seen.detail) == (observed, detail)


def said(state: str, reason: str) -> dict[str, Any]:
    return {"state": state, "reason": reason, "readyLeaderReplicas": 3, "readyFollowerReplicas": 3}


@pytest.mark.parametrize(
    ("status", "leaders", "followers", "observed"),
    [
        (said("Bootstrap", "is bootstrapping"), 3, 3, "progressing"),
        (said("Ready", "RedisCluster is ready"), 3, 3, "ready"),
        (said("Failed", "StatefulSet not ready"), 3, 2, "degraded"),  # it comes back by itself
        (said("Failed", "has too many unhealthy nodes"), 3, 3, "degraded"),
        (said("Initializing", "Pod count changed"), 0, 0, "progressing"),
    ],
)
def test_a_cluster(status: dict[str, Any], leaders: int, followers: int, observed: str) -> None:
    sets = {"leader": stateful_set(3, leaders), "follower": stateful_set(3, followers)}
    seen = kubernetes.observe(CLUSTER, BARE, live(kubernetes.CLUSTER, status, **sets))
    assert seen.observed == observed
    assert seen.detail in ("", status["reason"])


def test_a_small_cluster_has_no_followers() -> None:
    sets = {"leader": stateful_set(3, 3), "follower": stateful_set(0, 0)}
    found = live(kubernetes.CLUSTER, said("Ready", ""), **sets)
    assert kubernetes.observe(SMALL_CLUSTER, BARE, found).observed == Observed.READY


@pytest.mark.parametrize(
    ("spec", "servers"),
    [
        (ONE, (1, "1.05", 1088, 2)),
        (THREE, (3, "2.05", 8256, 16)),
        (CLUSTER, (6, "1.05", 4160, 9)),
        (SMALL_CLUSTER, (3, "0.384", 406, 2)),
    ],
)
def test_a_cluster_shares_the_plan(spec: InstanceSpec, servers: tuple[int, str, int, int]) -> None:
    first, *_ = kubernetes.pods(spec, BARE)
    told = (first.count, first.vcpu, first.memory_mib, first.storage_gib)
    assert told == (servers[0], Decimal(servers[1]), *servers[2:])


def settings(spec: InstanceSpec, region: Any = RICH) -> str:
    made = kubernetes.manifests(spec, region)
    (found,) = (m["data"] for m in made if m["kind"] == "ConfigMap")
    text: str = found["redis-additional.conf"]
    return text


def test_settings_follow_parameters_and_plan() -> None:
    off = replace(ONE, parameters={**ONE.parameters, "persistence": "off"})
    assert "appendonly no\n" in settings(off)
    assert "maxmemory 768mb\n" in settings(ONE)
    assert "maxmemory 3072mb\n" in settings(CLUSTER)
    assert "tls-auto-reload-interval" not in settings(ONE, replace(RICH, issuer=""))


@pytest.mark.parametrize(
    "changed",
    [
        {"secrets": {**ONE.secrets, "password": "another"}},
        {"parameters": {**ONE.parameters, "max_connections": 7}},
        {"plan": ENTRY.offering.plan("single-2x4")},
    ],
)
def test_what_pods_start_with_restarts_them(changed: dict[str, Any]) -> None:
    def mark(spec: InstanceSpec) -> str:
        made = kubernetes.manifests(spec, RICH)
        (found,) = (m["metadata"] for m in made if m["kind"] == "RedisReplication")
        value: str = found["annotations"][objects.RESTART]
        return value

    assert mark(replace(ONE, **changed)) != mark(ONE) == mark(replace(ONE, generation=7))


TLS = Ref(objects.SECRET, f"{ONE.name}-tls")
CERTIFICATE = {"tls.key": b64encode(b"PRIVATE").decode(), "ca.crt": b64encode(b"CA").decode()}


@pytest.mark.parametrize(
    ("spec", "region", "uri", "ca"),
    [
        (ONE, RICH, "rediss://app:{}@rd-7f3a9c21.polder-pj-00000001.svc:6379/0", "CA"),
        (THREE, RICH, "rediss://app:{}@rd-7f3a9c21-master.polder-pj-00000001.svc:6379/0", "CA"),
        (CLUSTER, RICH, "rediss://app:{}@rd-7f3a9c21-leader.polder-pj-00000001.svc:6379/0", "CA"),
        (
            ONE,
            replace(RICH, issuer=""),
            "redis://app:{}@rd-7f3a9c21.polder-pj-00000001.svc:6379/0",
            "",
        ),
        (
            replace(ONE, parameters={**ONE.parameters, "public": True}),
            RICH,
            "rediss://app:{}@rd-7f3a9c21.eu-1.example.eu:6379/0",
            "CA",
        ),
    ],
)
def test_credentials(spec: InstanceSpec, region: Any, uri: str, ca: str) -> None:
    told = kubernetes.credentials(spec, region, {TLS: {"data": CERTIFICATE}})
    assert told.uri == uri.format(spec.secrets["password"])
    assert told.ca_certificate == ca
    assert "PRIVATE" not in str([*told.env.values(), told.uri, told.ca_certificate])
    assert spec.secrets["admin_password"] not in told.uri


def test_nothing_is_public_without_tls_or_as_a_cluster() -> None:
    public = {**ONE.parameters, "public": True}
    for spec, region in (
        (replace(ONE, parameters=public), replace(RICH, issuer="")),
        (replace(THREE, parameters={**public, "mode": "cluster"}), RICH),
    ):
        assert "Service" not in {m["kind"] for m in kubernetes.manifests(spec, region)}
