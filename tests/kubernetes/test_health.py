"""What can be ordered in a cluster and why not the rest, against a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from portal.kernel.errors import Temporary
from services import registry
from services.backends.kubernetes import health
from services.backends.kubernetes.objects import Objects
from services.spec import BackupStore, Entry, Kind, RegionSettings
from tests.kubernetes.assets import build
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.test_cluster import until

THING = Kind("polder.test/v1", "Thing")
STORE = BackupStore("https://s3.test", "backups")


@pytest.fixture
def objects(cluster: Cluster) -> Objects:
    return Objects(json.loads(cluster.kubeconfig.read_text()))


def entry(slug: str, *kinds: Kind, needs: frozenset[str] = frozenset()) -> Entry:
    """An offering of the catalogue as if it were made of these kinds."""
    renderer: Any = SimpleNamespace(KINDS=kinds, NEEDS=needs)
    return replace(registry.entries()[slug], kubernetes=renderer)


def reasons(
    objects: Objects, *entries: Entry, **settings: Any
) -> dict[str, tuple[str, dict[str, str]]]:
    found = health.check(objects, RegionSettings(**settings), entries)
    assert found.ok
    return {slug: (code, dict(params)) for slug, (code, params) in found.unavailable.items()}


def test_what_operators_serve_can_be_ordered(objects: Objects, definitions: Definitions) -> None:
    postgresql = registry.entries()["postgresql"]
    assert postgresql.kubernetes is not None
    definitions.load(kind.api for kind in postgresql.kubernetes.KINDS)
    found = health.check(objects, RegionSettings(), [postgresql])
    assert (found.ok, found.unavailable) == (True, {})
    assert found.facts["version"] == build.kubernetes_version()
    assert set(found.facts["served"].split()) == {
        f"{kind.api}/{kind.name}" for kind in postgresql.kubernetes.KINDS
    }


@pytest.fixture
def things(objects: Objects) -> Iterator[dict[str, Any]]:
    """The definition of a kind that no operator has."""
    schema = {"openAPIV3Schema": {"type": "object"}}
    yield {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.polder.test"},
        "spec": {
            "group": "polder.test",
            "names": {"kind": "Thing", "plural": "things"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    objects.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.polder.test")


def test_an_operator_is_missed_and_seen_as_soon_as_it_is_there(
    objects: Objects, things: dict[str, Any]
) -> None:
    offered = entry("postgresql", THING, Kind("apps/v1", "Deployment"))
    missing = {"postgresql": ("operator-missing", {"kinds": "Thing (polder.test/v1)"})}
    assert reasons(objects, offered) == missing
    objects.apply(things)
    until(lambda: reasons(objects, offered) == {})
    objects.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "things.polder.test")
    until(lambda: reasons(objects, offered) == missing)


def test_what_lacks_a_setting_is_off_and_says_which(objects: Objects) -> None:
    plain = entry("redis")
    public = entry("nats", needs=frozenset({"external", "domain"}))
    kept = entry("postgresql", needs=frozenset({"backup_store"}))
    assert reasons(objects, plain, public, kept) == {
        "nats": ("setting-missing", {"settings": "domain,external"}),
        "postgresql": ("setting-missing", {"settings": "backup_store"}),
    }
    filled_in = {"domain": "eu1.test", "external": True, "backup_store": STORE}
    assert reasons(objects, plain, public, kept, **filled_in) == {}


def test_what_has_no_renderer_does_not_run_here(objects: Objects) -> None:
    assert reasons(objects, replace(registry.entries()["redis"], kubernetes=None)) == {
        "redis": ("needs-process", {})
    }


def storage_class(name: str, **annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": annotations},
        "provisioner": "polder.test/none",
    }


def test_a_storage_class_must_be_there(objects: Objects) -> None:
    stored, stateless = entry("postgresql"), entry("memcached")
    assert reasons(objects, stored, stateless, storage_class="health-fast") == {
        "postgresql": ("storage-class-missing", {"name": "health-fast"})
    }
    objects.apply(storage_class("health-fast"))
    assert reasons(objects, stored, stateless, storage_class="health-fast") == {}
    objects.delete("storage.k8s.io/v1", "StorageClass", "health-fast")


def test_the_default_class_is_named(objects: Objects) -> None:
    objects.apply(
        storage_class("health-usual", **{"storageclass.kubernetes.io/is-default-class": "true"})
    )
    found = health.check(objects, RegionSettings(), [])
    assert found.facts["storage_class"] == "health-usual"
    objects.delete("storage.k8s.io/v1", "StorageClass", "health-usual")


def answers(objects: Objects, api: str, kind: str) -> bool:
    """A kind that was just defined is busy for a moment."""
    try:
        objects.list(api, kind)
    except Temporary:
        return False
    return True


def test_an_issuer_must_be_there(objects: Objects, definitions: Definitions) -> None:
    definitions.load(["cert-manager.io/v1"])
    until(lambda: answers(objects, "cert-manager.io/v1", "ClusterIssuer"))
    secured = entry("postgresql", needs=frozenset({"issuer"}))
    assert reasons(objects, secured, issuer="health") == {
        "postgresql": ("issuer-missing", {"name": "health"})
    }
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer"}
    objects.apply({**issuer, "metadata": {"name": "health"}, "spec": {"selfSigned": {}}})
    assert reasons(objects, secured, issuer="health") == {}
    objects.delete("cert-manager.io/v1", "ClusterIssuer", "health")


def account(cluster: Cluster, namespace: str, *rules: dict[str, Any]) -> Objects:
    """A service account with these rights in the whole cluster."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": namespace},
        "rules": list(rules),
    }
    cluster.kubectl("apply", "-f", "-", text=json.dumps(role))
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "portal")
    subject = f"--serviceaccount={namespace}:portal"
    cluster.kubectl(
        "create", "clusterrolebinding", namespace, f"--clusterrole={namespace}", subject
    )
    token = cluster.kubectl("-n", namespace, "create", "token", "portal").strip()
    return Objects(json.loads(cluster.write_kubeconfig(namespace, token).read_text()))


def test_a_right_that_is_missing_is_named(cluster: Cluster, namespace: str) -> None:
    offered = entry("redis", Kind("apps/v1", "Deployment"))
    verbs = ["get", "list", "watch", "create", "patch", "delete"]
    portal = account(
        cluster,
        namespace,
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": verbs},
        {"apiGroups": ["apps"], "resources": ["*"], "verbs": verbs[:1]},
    )
    lacking = {"rights": "list deployments.apps, watch deployments.apps"}
    until(lambda: reasons(portal, offered) == {"redis": ("right-missing", lacking)})
    # It may not look at storage classes, so nothing is said of them.
    assert "postgresql" not in reasons(portal, entry("postgresql"), storage_class="nowhere")


def test_whoever_may_nothing_misses_all(cluster: Cluster, namespace: str) -> None:
    lacking = "create namespaces, patch namespaces"
    assert reasons(account(cluster, namespace), entry("redis")) == {
        "redis": ("right-missing", {"rights": lacking})
    }


def test_a_token_that_is_none_says_so(cluster: Cluster) -> None:
    stranger = Objects(json.loads(cluster.write_kubeconfig("stranger", "no-token").read_text()))
    with pytest.raises(Temporary) as refused:
        health.check(stranger, RegionSettings(), [])
    assert refused.value.code == "not-allowed-there"


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("v1.30.9", True),
        ("v1.31.0", False),
        ("v1.36.3+k3s1", False),
        ("v2.0.0", False),
        ("?", False),
    ],
)
def test_an_old_api_server_is_refused(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, version: str, old: bool
) -> None:
    monkeypatch.setattr(objects, "version", lambda: version)
    too_old = {"redis": ("kubernetes-old", {"version": version, "minimum": "1.31"})}
    assert (reasons(objects, entry("redis")) == too_old) is old
