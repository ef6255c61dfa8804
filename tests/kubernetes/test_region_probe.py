"""`deploy/region-probe`: the real API server takes it, its pod passes Pod Security, and by the API
server's own selection the policies on both sides let it through.

No network plugin runs here, so that nothing is sent: which packets pass is not shown by this.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import yaml

from services.backends.kubernetes.namespaces import guard_rails
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.test_cluster import until
from tests.kubernetes.test_deploy import APPLY, Manifest, built, of_kind

SPACE, PROJECT, STRANGER = "polder-probe", "polder-pj-0c0ffee0", "strangers"


@pytest.fixture(scope="module")
def manifests(cluster: Cluster) -> Iterator[list[Manifest]]:
    made = built(cluster, "overlays/example-probe")
    text = yaml.safe_dump_all(made)
    cluster.kubectl(*APPLY, text=text)
    yield made
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", text=text)


@pytest.fixture(scope="module")
def project(cluster: Cluster) -> Iterator[list[Manifest]]:
    """The namespace of a project with its guard rails, as Polder makes them, and a stranger's."""
    labels = {"polder.eu/project": "pj-0c0ffee0", "polder.eu/organisation": "og-0c0ffee0"}
    spec = made_up_spec(ENTRIES["postgresql"], namespace=PROJECT, labels=labels)
    made = guard_rails(spec, {"vcpu": Decimal(4)}, {})
    for manifest in made[1:]:  # all but the namespace itself
        manifest["metadata"]["namespace"] = PROJECT
    stranger = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": STRANGER}}
    cluster.kubectl(*APPLY, text=yaml.safe_dump_all([*made, stranger]))
    yield made
    cluster.kubectl("delete", "namespace", PROJECT, STRANGER)


def test_its_pod_is_admitted(cluster: Cluster, manifests: list[Manifest]) -> None:
    def pods() -> list[str]:
        found = json.loads(cluster.kubectl("-n", SPACE, "get", "pods", "-o", "json"))["items"]
        return [pod["spec"]["containers"][0]["name"] for pod in found]

    until(lambda: pods() == ["probe"])


def test_other_pods_are_not(cluster: Cluster, manifests: list[Manifest]) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        cluster.kubectl("-n", SPACE, "run", "careless", "--image=polder")
    assert 'violates PodSecurity "restricted' in refused.value.stderr


def test_a_second_application_changes_nothing(cluster: Cluster, manifests: list[Manifest]) -> None:
    text = yaml.safe_dump_all(manifests)
    assert cluster.kubectl("diff", "--server-side", "-f", "-", text=text) == ""


def test_it_holds_no_secret_no_database_and_no_account(manifests: list[Manifest]) -> None:
    assert {manifest["kind"] for manifest in manifests} == {
        *("Namespace", "NetworkPolicy", "ConfigMap", "Deployment")
    }
    (program,) = of_kind(manifests, "Deployment")
    pod = program["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert "envFrom" not in container
    assert {one["name"] for one in container["env"]} == {
        "POLDER_REGION",
        "POLDER_URL",
        "POLDER_PROBER_KEY_FILE",
        "POLDER_ALIVE_FILE",
    }


def selected(cluster: Cluster, selector: dict[str, Any]) -> set[str]:
    """The namespaces that a selector means, as the API server finds them."""
    words = [f"{key}={value}" for key, value in selector.get("matchLabels", {}).items()]
    words += [
        one["key"] for one in selector.get("matchExpressions", ()) if one["operator"] == "Exists"
    ]
    assert words, "a selector of nothing selects all"
    found = cluster.kubectl("get", "namespaces", "-l", ",".join(words), "-o", "json")
    return {item["metadata"]["name"] for item in json.loads(found)["items"]}


def policies(cluster: Cluster, namespace: str) -> list[Manifest]:
    found = cluster.kubectl("-n", namespace, "get", "networkpolicies", "-o", "json")
    return list(json.loads(found)["items"])


def passing(cluster: Cluster, namespace: str, way: str, end: str) -> set[str]:
    """Namespaces that the policies for all pods of a namespace let through, whatever the port."""
    return {
        name
        for policy in policies(cluster, namespace)
        if policy["spec"]["podSelector"] == {}
        for rule in policy["spec"].get(way) or ()
        if "ports" not in rule
        for peer in rule[end]
        if "namespaceSelector" in peer and "podSelector" not in peer
        for name in selected(cluster, peer["namespaceSelector"])
    }


def test_services_let_it_in_and_no_stranger(
    cluster: Cluster, manifests: list[Manifest], project: list[Manifest]
) -> None:
    into = passing(cluster, PROJECT, "ingress", "from")
    assert SPACE in into
    assert STRANGER not in into
    assert PROJECT not in into  # services open themselves to their project, not all to all


def test_it_goes_out_to_services_and_to_no_stranger(
    cluster: Cluster, manifests: list[Manifest], project: list[Manifest]
) -> None:
    out = passing(cluster, SPACE, "egress", "to")
    assert PROJECT in out
    assert not {STRANGER, "default", "kube-system"} & out
    assert passing(cluster, SPACE, "ingress", "from") == set()


def test_beyond_the_cluster_it_reaches_polder_and_api_servers_alone(
    cluster: Cluster, manifests: list[Manifest]
) -> None:
    blocks = [
        (peer["ipBlock"]["cidr"], sorted(port["port"] for port in rule["ports"]))
        for policy in of_kind(manifests, "NetworkPolicy")
        for rule in policy["spec"].get("egress") or ()
        for peer in rule["to"]
        if "ipBlock" in peer and policy["metadata"]["name"] != "names"
    ]
    assert sorted(blocks) == [
        *(("0.0.0.0/0", [port]) for port in (443, 6443)),
        *(("::/0", [port]) for port in (443, 6443)),
    ]


@pytest.mark.parametrize("folder", ["region-probe", "base"])
def test_names_are_found_wherever_a_cluster_keeps_them(cluster: Cluster, folder: str) -> None:
    """CoreDNS, NodeLocal DNSCache on the node's own address, OpenShift's servers behind 5353."""
    (rule,) = (
        rule
        for policy in of_kind(built(cluster, folder), "NetworkPolicy")
        if policy["metadata"]["name"].endswith("names")
        for rule in policy["spec"]["egress"]
        if "to" in rule
    )
    ports = {(port["port"], port["protocol"]) for port in rule["ports"]}
    assert ports == {(port, protocol) for port in (53, 5353) for protocol in ("UDP", "TCP")}
    spaces, cache = rule["to"]
    (names,) = spaces["namespaceSelector"]["matchExpressions"]
    assert names["values"] == ["kube-system", "openshift-dns"]
    assert cache == {"ipBlock": {"cidr": "169.254.20.10/32"}}
