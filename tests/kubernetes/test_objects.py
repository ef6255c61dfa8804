"""`services.backends.kubernetes.objects` against a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.config import incluster_config

from portal.kernel.errors import Permanent, Temporary
from services.backends.kubernetes.objects import Objects
from tests.kubernetes.assets import build
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.test_cluster import QUOTA, until


@pytest.fixture
def objects(cluster: Cluster) -> Objects:
    return Objects(json.loads(cluster.kubeconfig.read_text()))


def config_map(namespace: str, **data: str) -> dict[str, Any]:
    metadata = {"name": "app", "namespace": namespace, "labels": {"polder.eu/instance": "pg-1"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def test_what_is_wanted_stands_and_what_is_left_out_goes(objects: Objects, namespace: str) -> None:
    first = objects.apply(config_map(namespace, one="1", two="2"))
    again = objects.apply(config_map(namespace, one="1", two="2"))
    assert first["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]
    changed = objects.apply(config_map(namespace, one="1"))
    assert changed["data"] == {"one": "1"}
    managers = {entry["manager"] for entry in changed["metadata"]["managedFields"]}
    assert managers == {"polder"}


def test_a_dry_run_writes_nothing(objects: Objects, namespace: str) -> None:
    assert objects.apply(config_map(namespace, one="1"), dry_run=True)["data"] == {"one": "1"}
    assert objects.get("v1", "ConfigMap", "app", namespace) is None


def test_a_field_of_somebody_else_is_not_taken(
    objects: Objects, cluster: Cluster, namespace: str
) -> None:
    theirs = json.dumps(config_map(namespace, one="theirs"))
    cluster.kubectl("apply", "--server-side", "--field-manager=somebody", "-f", "-", text=theirs)
    with pytest.raises(Permanent) as refused:
        objects.apply(config_map(namespace, one="ours"))
    assert (refused.value.code, refused.value.params["manager"]) == ("field-conflict", "somebody")
    assert objects.apply(config_map(namespace, two="2"))["data"] == {"one": "theirs", "two": "2"}


def test_an_unknown_field_is_refused_with_its_name(objects: Objects, namespace: str) -> None:
    wrong = {**config_map(namespace), "colour": "blue"}
    with pytest.raises(Permanent) as refused:
        objects.apply(wrong)
    assert refused.value.code == "object-refused"
    assert "colour" in refused.value.detail


def test_quota_of_the_cluster_is_told_apart(
    objects: Objects, cluster: Cluster, namespace: str
) -> None:
    quota = {**QUOTA, "metadata": {"name": "one", "namespace": namespace}}
    quota["spec"] = {"hard": {"configmaps": "1"}}
    objects.apply(quota)

    def used() -> str:
        found = objects.get("v1", "ResourceQuota", "one", namespace) or {}
        return str(found.get("status", {}).get("used", {}).get("configmaps"))

    until(lambda: used() == "1")
    with pytest.raises(Permanent) as refused:
        objects.apply(config_map(namespace))
    assert refused.value.code == "cluster-quota"


def test_a_kind_that_is_not_served_is_named(objects: Objects) -> None:
    with pytest.raises(Permanent) as refused:
        objects.get("nobody.example/v1", "Nothing", "x")
    assert (refused.value.code, refused.value.detail) == (
        "kind-not-served",
        "nobody.example/v1 Nothing",
    )


def test_lists_go_by_label_and_deletion_is_told_once(objects: Objects, namespace: str) -> None:
    objects.apply(config_map(namespace))
    found = objects.list("v1", "ConfigMap", namespace, {"polder.eu/instance": "pg-1"})
    assert [one["metadata"]["name"] for one in found] == ["app"]
    assert objects.list("v1", "ConfigMap", namespace, {"polder.eu/instance": "pg-2"}) == []
    assert objects.delete("v1", "ConfigMap", "app", namespace) is True
    until(lambda: objects.get("v1", "ConfigMap", "app", namespace) is None)
    assert objects.delete("v1", "ConfigMap", "app", namespace) is False


def test_whoever_may_nothing_is_told_so(cluster: Cluster, namespace: str) -> None:
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "nobody")
    token = cluster.kubectl("-n", namespace, "create", "token", "nobody").strip()
    stranger = Objects(json.loads(cluster.write_kubeconfig("nobody", token).read_text()))
    with pytest.raises(Permanent) as refused:
        stranger.apply(config_map(namespace))
    assert refused.value.code == "not-allowed-there"


def test_a_webhook_that_is_away_is_waited_for(
    objects: Objects, cluster: Cluster, namespace: str
) -> None:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    hook = {
        "name": "away.polder.test",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{**rule, "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 1,
    }
    name = f"away-{namespace}"
    kind = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
    }
    objects.apply({**kind, "metadata": {"name": name}, "webhooks": [hook]})

    def told() -> str:
        try:
            objects.apply(config_map(namespace))
        except Temporary as error:
            return error.code
        objects.delete("v1", "ConfigMap", "app", namespace)
        return ""

    until(lambda: told() == "webhook-away")
    objects.delete(kind["apiVersion"], kind["kind"], name)


@pytest.fixture
def away(cluster: Cluster) -> Iterator[None]:
    cluster.kill("kube-apiserver")
    yield
    cluster.start_api_server()


def test_a_server_that_is_away_is_waited_for(objects: Objects, namespace: str, away: None) -> None:
    with pytest.raises(Temporary) as waits:
        objects.version()
    assert waits.value.code == "region-unreachable"


def test_it_works_on_once_the_server_is_back(objects: Objects, cluster: Cluster) -> None:
    assert objects.version() == build.kubernetes_version()
    cluster.kill("kube-apiserver")
    cluster.start_api_server()
    assert objects.version() == build.kubernetes_version()


def test_a_kubeconfig_that_is_none_is_named() -> None:
    with pytest.raises(Permanent) as refused:
        Objects({"kind": "Config"})
    assert refused.value.code == "kubeconfig-wrong"


def test_without_a_kubeconfig_it_is_the_cluster_that_this_runs_in(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Permanent) as refused:
        Objects({})
    assert refused.value.code == "kubeconfig-wrong"
    (cluster.home / "token").write_text(cluster.token)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(cluster.home / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(cluster.home / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(cluster.network.port))
    assert Objects({}).version() == build.kubernetes_version()
