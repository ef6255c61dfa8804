"""OpenSearch on Kubernetes: how it is read, and what a tenant gets to know."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from services.catalog.databases.opensearch import kubernetes
from services.manifests import objects
from services.spec import InstanceSpec, Live, Manifest, Observed, Ref, RegionSettings, Secret
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE, RICH

ENTRY = ENTRIES["opensearch"]
ONE = made_up_spec(ENTRY, version="3")
PAGES = replace(ONE, parameters={**ONE.parameters, "dashboards": True})
PENDING = {"phase": "PENDING", "componentsStatus": [], "health": "unknown"}
RUNNING: dict[str, Any] = {
    "phase": "RUNNING",
    "initialized": True,
    "health": "green",
    "availableNodes": 3,
    "version": "3.7.0",
    "componentsStatus": [],
}
UPGRADING = {
    **RUNNING,
    "phase": "UPGRADING",
    "health": "yellow",
    "availableNodes": 2,
    "version": "2.19.4",
    "componentsStatus": [
        {"component": "Upgrader", "status": "Upgrading", "description": "nodes"},
    ],
}
RESTARTING = {
    **RUNNING,
    "componentsStatus": [{"component": "RollingRestart", "status": "InProgress"}],
}
DONE = {"state": "CREATED"}
WAITS = {"state": "PENDING", "reason": "waiting for opensearch cluster status to be running"}
REFUSED = {"state": "ERROR", "reason": "failed to get user status from Opensearch API"}
STRANGER = {"state": "ERROR", "reason": "cannot change the cluster a user refers to"}
THERE = {"state": "IGNORED", "reason": "role already exists in Opensearch; not modifying"}


def nodes(ready: int = 3, *, updated: int = 3, mark: str = "new", seen: int = 1) -> Manifest:
    return {
        "metadata": {"generation": 1},
        "spec": {
            "replicas": 3,
            "template": {"metadata": {"annotations": {objects.RESTART: mark}}},
        },
        "status": {
            "observedGeneration": seen,
            "readyReplicas": ready,
            "updatedReplicas": updated,
        },
    }


def pages(ready: int, wanted: int = 1) -> Manifest:
    counted = {"observedGeneration": 1, "readyReplicas": ready, "updatedReplicas": wanted}
    status = {**counted, "replicas": max(ready, wanted)}
    return {"metadata": {"generation": 1}, "spec": {"replicas": wanted}, "status": status}


NO_PAGES = pages(0, wanted=0)


def live(
    status: dict[str, Any] | None,
    pods: Manifest | None = None,
    user: dict[str, str] = DONE,
    role: dict[str, str] = DONE,
    dashboards: Manifest | None = NO_PAGES,
) -> Live:
    pool = {"annotations": {objects.RESTART: "new"}}
    cluster: Manifest = {"spec": {"nodePools": [pool]}}
    found = {
        Ref(kubernetes.CLUSTER, ONE.name): {**cluster, **({"status": status} if status else {})},
        Ref(kubernetes.USER, ONE.name): {"status": user},
        Ref(kubernetes.ROLE, ONE.name): {"status": role},
        Ref(kubernetes.BINDING, ONE.name): {"status": DONE},
        Ref(objects.STATEFUL_SET, f"{ONE.name}-nodes"): pods,
        Ref(objects.DEPLOYMENT, f"{ONE.name}-dashboards"): dashboards,
    }
    return {ref: one for ref, one in found.items() if one is not None}


WORKS, RETRIES = ("progressing", "operator-works"), ("progressing", "operator-retries")
LACKS, READY, FAILED = (
    ("degraded", "operator-degraded"),
    ("ready", ""),
    ("failed", "operator-failed"),
)


@pytest.mark.parametrize(
    ("spec", "found", "told"),
    [
        (ONE, live(None), WORKS),
        (ONE, live(PENDING, user=WAITS), WORKS),
        (ONE, live(RUNNING), WORKS),
        (ONE, live({**RUNNING, "initialized": False}, nodes(0), user=REFUSED), WORKS),
        (ONE, live(RUNNING, nodes(), user=WAITS), WORKS),
        (ONE, live(RUNNING, nodes(), user=REFUSED), RETRIES),
        (ONE, live(RUNNING, nodes(), user=STRANGER), FAILED),
        (ONE, live(RUNNING, nodes()), READY),
        (ONE, live(RUNNING, nodes(), role=THERE), READY),
        # Of before: another digest, or the StatefulSet's controller has not looked.
        (ONE, live(RUNNING, nodes(mark="old")), WORKS),
        (ONE, live(RUNNING, nodes(seen=0)), WORKS),
        (ONE, live(RESTARTING, nodes(updated=1)), WORKS),
        (ONE, live({**RUNNING, "version": "2.19.4"}, nodes()), WORKS),
        (ONE, live(UPGRADING, nodes(2)), WORKS),
        (ONE, live(RUNNING, nodes(2)), LACKS),
        (ONE, live({**RUNNING, "health": "yellow"}, nodes()), LACKS),
        (ONE, live({**RUNNING, "availableNodes": 2}, nodes()), LACKS),
        (ONE, live(RUNNING, nodes(), dashboards=None), WORKS),
        (ONE, live(RUNNING, nodes(), dashboards=pages(1)), WORKS),
        (ONE, live(RUNNING, nodes(), dashboards=pages(1, wanted=0)), WORKS),
        (PAGES, live(RUNNING, nodes()), WORKS),
        (PAGES, live(RUNNING, nodes(), dashboards=pages(0)), WORKS),
        (PAGES, live(RUNNING, nodes(), dashboards=pages(1)), READY),
    ],
)
def test_how_it_is(spec: InstanceSpec, found: Live, told: tuple[str, str]) -> None:
    seen = kubernetes.observe(spec, BARE, found)
    assert (seen.observed, seen.code) == told


def test_what_the_operator_does_is_told() -> None:
    seen = kubernetes.observe(ONE, BARE, live(UPGRADING, nodes(2)))
    assert seen.detail == "UPGRADING, yellow, Upgrader Upgrading"
    seen = kubernetes.observe(ONE, BARE, live(RUNNING, nodes(), user=REFUSED))
    assert seen.detail == "OpensearchUser: failed to get user status from Opensearch API"


def test_it_comes_back() -> None:
    broken = live(RUNNING, nodes(), user=STRANGER)
    assert kubernetes.observe(ONE, BARE, broken).observed == Observed.FAILED
    assert kubernetes.observe(ONE, BARE, live(RUNNING, nodes())).observed == Observed.READY


def made(spec: InstanceSpec, kind: str, region: RegionSettings = RICH) -> list[Manifest]:
    return [m for m in kubernetes.manifests(spec, region) if m["kind"] == kind]


def test_a_new_password_restarts_nothing() -> None:
    rotated = replace(ONE, secrets={**ONE.secrets, "password": Secret("another")})
    assert made(rotated, "OpenSearchCluster") == made(ONE, "OpenSearchCluster")
    assert made(rotated, "Secret") != made(ONE, "Secret")


@pytest.mark.parametrize(
    ("changes", "another"),
    [
        ({"plan": ENTRY.offering.plan("ha-2x8")}, True),
        ({"version": "2.19"}, True),
        ({"parameters": {**ONE.parameters, "max_shards": 500}}, True),
        ({"parameters": {**ONE.parameters, "backup_days": 14}}, False),
        ({"parameters": {**ONE.parameters, "dashboards": True}}, False),
    ],
)
def test_nodes_restart_when_they_must(changes: dict[str, Any], another: bool) -> None:
    def mark(spec: InstanceSpec) -> str:
        (cluster,) = made(spec, "OpenSearchCluster")
        return str(cluster["spec"]["nodePools"][0]["annotations"][objects.RESTART])

    assert (mark(replace(ONE, **changes)) != mark(ONE)) is another


def test_snapshots_only_where_there_is_a_store() -> None:
    kept = replace(ONE, parameters={**ONE.parameters, "backup_days": 14})
    (policy,) = made(kept, "OpensearchSnapshotPolicy")
    assert policy["spec"]["deletion"]["deleteCondition"]["maxAge"] == "14d"
    assert made(ONE, "OpensearchSnapshotPolicy", BARE) == []
    (cluster,) = made(ONE, "OpenSearchCluster", BARE)
    assert "snapshotRepositories" not in cluster["spec"]["general"]


@pytest.mark.parametrize(
    ("public", "host"),
    [(False, "os-7f3a9c21.polder-pj-00000001.svc"), (True, "os-7f3a9c21.eu-1.example.eu")],
)
def test_credentials(public: bool, host: str) -> None:
    spec = replace(ONE, parameters={**ONE.parameters, "public": public})
    (certificate,) = kubernetes.revealed(spec)
    names = ("ca.crt", "tls.crt", "tls.key")
    data = {name: b64encode(f"the {name}".encode()).decode() for name in names}
    told = kubernetes.credentials(spec, RICH, {certificate: {"data": data}})
    assert told.uri == f"https://{ONE.name}:{spec.secrets['password']}@{host}:9200"
    assert told.ca_certificate == "the ca.crt"
    shown = str([told.uri, told.ca_certificate, *told.env.values()])
    hidden = [*spec.secrets.values()][1:]
    assert not [secret for secret in (*hidden, "tls.key") if secret in shown]
