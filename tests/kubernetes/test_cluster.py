"""The harness itself: what the tests of the Kubernetes backend stand on is real."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.kubernetes.assets import build
from tests.kubernetes.cluster import Cluster

QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "one"},
    "spec": {"hard": {"configmaps": "2"}},  # one is there already: the cluster's certificate
}


def test_it_is_the_version_that_is_pinned(cluster: Cluster) -> None:
    said = json.loads(cluster.get("/version"))
    assert said["gitVersion"] == build.kubernetes_version()


def until(check, seconds: float = 120) -> None:
    """Controllers act a moment later, and much later on a machine with other work."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not so after {seconds:g} s"
        time.sleep(0.1)


def test_quotas_are_enforced(cluster: Cluster, namespace: str) -> None:
    def used() -> str:
        found = json.loads(cluster.kubectl("-n", namespace, "get", "quota", "one", "-o", "json"))
        return str(found.get("status", {}).get("used", {}).get("configmaps", ""))

    cluster.kubectl("-n", namespace, "apply", "-f", "-", text=json.dumps(QUOTA))
    until(lambda: used() == "1")
    cluster.kubectl("-n", namespace, "create", "configmap", "first")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        cluster.kubectl("-n", namespace, "create", "configmap", "second")
    assert "exceeded quota: one" in refused.value.stderr


def test_what_belongs_to_what_is_gone_is_collected(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("-n", namespace, "create", "configmap", "owner")
    owner = json.loads(cluster.kubectl("-n", namespace, "get", "configmap", "owner", "-o", "json"))
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    owned = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "owned", "ownerReferences": [reference]},
    }
    cluster.kubectl("-n", namespace, "apply", "-f", "-", text=json.dumps(owned))
    cluster.kubectl("-n", namespace, "delete", "configmap", "owner")
    until(lambda: "owned" not in cluster.kubectl("-n", namespace, "get", "secrets", "-o", "name"))


def test_a_field_that_is_not_in_the_schema_is_refused(
    cluster: Cluster, namespace: str, crds: Path
) -> None:
    for file in sorted((crds / "cloudnative-pg").glob("*.yaml")):
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))
    cluster.kubectl(
        "wait", "--for=condition=Established", "crd/clusters.postgresql.cnpg.io", "--timeout=120s"
    )
    wanted = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "pg", "namespace": namespace},
        "spec": {"instances": 1, "storage": {"size": "1Gi"}},
    }
    apply = ("apply", "--server-side", "--field-manager=polder", "--validate=strict", "-f", "-")
    cluster.kubectl(*apply, text=json.dumps(wanted))
    wanted["spec"] = {"instances": 1, "storage": {"size": "1Gi"}, "colour": "blue"}
    with pytest.raises(subprocess.CalledProcessError) as refused:
        cluster.kubectl(*apply, text=json.dumps(wanted))
    assert "colour" in refused.value.stderr


def test_a_killed_api_server_comes_back_with_everything(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("-n", namespace, "create", "configmap", "kept")
    cluster.kill("kube-apiserver")
    assert cluster.get("/readyz") == ""
    cluster.start_api_server()
    until(lambda: "kept" in cluster.kubectl("-n", namespace, "get", "configmaps", "-o", "name"))
