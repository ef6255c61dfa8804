"""`deploy/`: the real API server takes every manifest, the programs' pods pass Pod Security, and in
a region's cluster Polder may do what it needs and nothing more.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client, config

from portal.kernel.errors import BackendError, Permanent
from services.backends.kubernetes import rights
from services.backends.kubernetes.objects import Objects
from tests.kubernetes.assets import build
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.test_cluster import until

DEPLOY = Path(__file__).parents[2] / "deploy"
SYSTEM = "polder-system"
PROJECT = "polder-pj-0badcafe"
BUDGET = "PodDisruptionBudget"
POLICY = "polder-stays-in-its-namespaces"
APPLY = ("apply", "--server-side", "--validate=strict", "-f", "-")

Manifest = dict[str, Any]


def built(cluster: Cluster, folder: str) -> list[Manifest]:
    """What kustomize makes of a folder of deploy/."""
    return list(yaml.safe_load_all(cluster.kubectl("kustomize", str(DEPLOY / folder))))


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


LEVEL = "pod-security.kubernetes.io/enforce"


def namespace_of_project(name: str = PROJECT, level: str = "restricted") -> Manifest:
    labels = {LEVEL: level}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def plain(kind: str, namespace: str, api: str = "v1") -> Manifest:
    metadata = {"name": "one", "namespace": namespace}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


# -- Polder's own programs -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(cluster: Cluster) -> Iterator[list[Manifest]]:
    """The example, running as far as a cluster without nodes can run it."""
    manifests = built(cluster, "overlays/example")
    text = yaml.safe_dump_all(manifests)
    cluster.kubectl(*APPLY, text=text)
    yield manifests
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", text=text)


def test_pods_of_all_programs_are_admitted(cluster: Cluster, example: list[Manifest]) -> None:
    def pods() -> set[str]:
        found = json.loads(cluster.kubectl("-n", SYSTEM, "get", "pods", "-o", "json"))["items"]
        return {pod["spec"]["containers"][0]["name"] for pod in found}

    until(lambda: pods() == {"web", "worker", "beat", "watch", "probe", "migrate"})


def test_other_pods_are_not(cluster: Cluster, example: list[Manifest]) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        cluster.kubectl("-n", SYSTEM, "run", "careless", "--image=polder")
    assert 'violates PodSecurity "restricted' in refused.value.stderr


def test_a_second_application_changes_nothing(cluster: Cluster, example: list[Manifest]) -> None:
    """A controller that writes a status between the two readings of a diff shows in it: that is
    not there the next time, and what an application would change is.
    """
    text, said = yaml.safe_dump_all(example), [""]

    def unchanged() -> bool:
        try:
            said.append(cluster.kubectl("diff", "--server-side", "-f", "-", text=text))
        except subprocess.CalledProcessError as differs:
            if differs.returncode != 1:
                raise
            said.append(differs.stdout)
        return said[-1] == ""

    try:
        until(unchanged, 30)
    except AssertionError as error:
        raise AssertionError(said[-1]) from error


def test_no_pod_counts_in_two_disruption_budgets(example: list[Manifest], cluster: Cluster) -> None:
    """Such a pod could not be evicted at all."""
    budgets = [set(b["spec"]["selector"]["matchLabels"].items()) for b in of_kind(example, BUDGET)]
    pods = [d["spec"]["template"]["metadata"]["labels"] for d in of_kind(example, "Deployment")]
    counted = [sum(budget <= set(labels.items()) for budget in budgets) for labels in pods]
    assert sorted(counted) == [0, 0, 1, 1, 1, 1]  # beat and probe are one each, and have none


def test_every_program_is_probed_and_each_that_may_be_many_scales(example: list[Manifest]) -> None:
    programs = of_kind(example, "Deployment")
    for program in programs:
        (container,) = program["spec"]["template"]["spec"]["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    scaled = {
        a["spec"]["scaleTargetRef"]["name"] for a in of_kind(example, "HorizontalPodAutoscaler")
    }
    assert scaled == {"web", "worker", "worker-eu-de-1"}
    assert all("replicas" not in p["spec"] for p in programs if p["metadata"]["name"] in scaled)


def test_each_region_has_a_queue_a_watch_and_a_prober_of_its_own(example: list[Manifest]) -> None:
    programs = {d["metadata"]["name"]: d for d in of_kind(example, "Deployment")}
    maps = {m["metadata"]["name"]: m["data"] for m in of_kind(example, "ConfigMap")}
    for name in ("worker-eu-de-1", "watch-eu-de-1", "probe-eu-de-1"):
        container = programs[name]["spec"]["template"]["spec"]["containers"][0]
        reference = container["env"][0]["valueFrom"]["configMapKeyRef"]
        assert maps[reference["name"]] == {"POLDER_REGION": "eu-de-1"}


def test_no_secret_lies_among_the_manifests(example: list[Manifest]) -> None:
    assert of_kind(example, "Secret") == []


# -- Polder in a region's cluster ------------------------------------------------------------------


@pytest.fixture(scope="module")
def region(cluster: Cluster) -> Iterator[Path]:
    """A kubeconfig of Polder's account; the namespace of one project is there."""
    manifests = built(cluster, "region")
    cluster.kubectl(*APPLY, text=yaml.safe_dump_all(manifests))
    file = cluster.home / "polder.kubeconfig"
    given = ("-n", SYSTEM, "get", "secret", "polder-token", "-o", "jsonpath={.data.token}")
    until(lambda: cluster.kubectl(*given) != "")
    file.write_text(own_kubeconfig(cluster))
    polder = Objects(yaml.safe_load(file.read_text()))
    until(lambda: refusal(polder, namespace_of_project("polder-other")))  # as of when it rules
    polder.apply(namespace_of_project())
    polder.apply(rights.binding(PROJECT))
    until(lambda: allowed(file, "create", "secrets", PROJECT))
    yield file
    cluster.kubectl("delete", "namespace", PROJECT)
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", text=yaml.safe_dump_all(manifests))


def own_kubeconfig(cluster: Cluster) -> str:
    """As whoever adds the region makes it."""
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}
    kubectl = build.program("kubectl")
    assert kubectl is not None
    environment["PATH"] = f"{kubectl.parent}:{environment['PATH']}"
    script = ["sh", str(DEPLOY / "region" / "kubeconfig.sh")]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def polder(region: Path) -> Objects:
    return Objects(yaml.safe_load(region.read_text()))


def refusal(objects: Objects, manifest: Manifest) -> str:
    """What was said where the API server refused it; empty where it took it."""
    try:
        objects.apply(manifest)
    except BackendError as error:
        return error.detail
    return ""


def allowed(kubeconfig: Path, verb: str, resource: str, namespace: str = "") -> bool:
    """As the API server answers Polder's account itself."""
    name, _, group = resource.partition(".")
    plural, _, part = name.partition("/")
    attributes = client.V1ResourceAttributes(
        verb=verb, group=group, resource=plural, subresource=part, namespace=namespace
    )
    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    )
    with config.new_client_from_config(str(kubeconfig)) as api:
        answer = client.AuthorizationV1Api(api).create_self_subject_access_review(review)
    return bool(answer.status.allowed)


WHOLE = ("get", "list", "create", "patch", "delete")
READ = ("get", "list", "watch")

NEEDED = [
    ("namespaces", "", (*READ, "create", "patch", "delete")),
    ("rolebindings.rbac.authorization.k8s.io", PROJECT, ("get", "create", "patch")),
    ("leases.coordination.k8s.io", SYSTEM, ("get", "create", "patch", "update")),
    ("storageclasses.storage.k8s.io", "", ("get", "list")),
    *((f"{kind}.apps", "", READ) for kind in ("deployments", "statefulsets")),
    *((kind, "", READ) for kind in ("pods", "services", "persistentvolumeclaims")),
    ("jobs.batch", "", READ),
    ("clusters.postgresql.cnpg.io", "", ("watch", *WHOLE)),
    ("secrets", PROJECT, ("get", "create", "patch", "delete")),
    *((kind, PROJECT, WHOLE) for kind in ("configmaps", "services", "serviceaccounts")),
    *((kind, PROJECT, WHOLE) for kind in ("resourcequotas", "limitranges")),
    *((f"{kind}.apps", PROJECT, WHOLE) for kind in ("deployments", "statefulsets")),
    *((f"{kind}.batch", PROJECT, WHOLE) for kind in ("jobs", "cronjobs")),
    ("networkpolicies.networking.k8s.io", PROJECT, WHOLE),
    ("poddisruptionbudgets.policy", PROJECT, WHOLE),
    ("persistentvolumeclaims", PROJECT, WHOLE),
    ("pods", PROJECT, ("get", "list")),
    ("pods/log", PROJECT, ("get",)),
    ("events", PROJECT, ("get", "list")),
]

NOT_NEEDED = [
    ("secrets", "", READ),
    ("secrets", PROJECT, ("list", "watch", "deletecollection")),
    *(("secrets", namespace, ("get", "create", "patch")) for namespace in (SYSTEM, "kube-system")),
    *((kind, "kube-system", ("get", "list", "patch")) for kind in ("configmaps", "events")),
    ("pods/log", "kube-system", ("get",)),
    ("pods", PROJECT, ("create", "patch", "delete")),
    *((f"pods/{part}", PROJECT, ("get", "create")) for part in ("exec", "attach", "portforward")),
    *((f"{kind}/proxy", PROJECT, ("get", "create")) for kind in ("pods", "services")),
    ("serviceaccounts/token", PROJECT, ("create",)),
    ("serviceaccounts/token", SYSTEM, ("create",)),
    ("nodes", "", ("get", "list", "patch", "delete")),
    ("persistentvolumes", "", ("get", "patch", "delete")),
    ("customresourcedefinitions.apiextensions.k8s.io", "", ("create", "patch", "delete")),
    *(
        (f"{kind}.admissionregistration.k8s.io", "", ("get", "create", "patch", "delete"))
        for kind in (
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
            "mutatingwebhookconfigurations",
        )
    ),
    *(
        (f"{kind}.rbac.authorization.k8s.io", "", ("create", "patch", "delete", "escalate"))
        for kind in ("clusterroles", "clusterrolebindings", "roles")
    ),
    ("clusterroles.rbac.authorization.k8s.io", "", ("bind",)),
    ("rolebindings.rbac.authorization.k8s.io", PROJECT, ("delete", "list")),
    *((kind, "", ("impersonate",)) for kind in ("users", "groups", "serviceaccounts")),
    ("certificatesigningrequests.certificates.k8s.io", "", ("create",)),
]


@pytest.mark.parametrize(("resource", "namespace", "verbs"), NEEDED)
def test_what_is_needed_is_allowed(
    region: Path, resource: str, namespace: str, verbs: tuple[str, ...]
) -> None:
    assert [verb for verb in verbs if not allowed(region, verb, resource, namespace)] == []


@pytest.mark.parametrize(("resource", "namespace", "verbs"), NOT_NEEDED)
def test_what_is_not_needed_is_refused(
    region: Path, resource: str, namespace: str, verbs: tuple[str, ...]
) -> None:
    assert [verb for verb in verbs if allowed(region, verb, resource, namespace)] == []


def test_a_namespace_of_a_project_is_polders_from_first_to_last(polder: Objects) -> None:
    name = "polder-pj-00c0ffee"
    polder.apply(namespace_of_project(name))
    polder.apply(rights.binding(name))
    until(lambda: not refusal(polder, plain("Secret", name)))
    assert polder.get("v1", "Secret", "one", name) is not None
    assert polder.delete("v1", "Namespace", name)
    until(lambda: polder.get("v1", "Namespace", name) is None)


@pytest.mark.parametrize(
    "name",
    ["tenant", "kube-system", SYSTEM, "polder-pj-0badcafe-2", "polder-pj-0badcafg", "polder"],
)
def test_no_other_namespace_can_be_made_or_changed(polder: Objects, name: str) -> None:
    assert POLICY in refusal(polder, namespace_of_project(name))


@pytest.mark.parametrize("name", ["kube-node-lease", SYSTEM])
def test_no_other_namespace_can_be_deleted(polder: Objects, name: str) -> None:
    with pytest.raises(Permanent) as refused:
        polder.delete("v1", "Namespace", name)
    assert POLICY in refused.value.detail


@pytest.mark.parametrize("labels", [{LEVEL: "privileged"}, {}])
def test_pod_security_of_a_namespace_stays(polder: Objects, labels: dict[str, str]) -> None:
    manifest = namespace_of_project()
    manifest["metadata"]["labels"] = labels
    assert "baseline or restricted" in refusal(polder, manifest)


@pytest.mark.parametrize("field", ["roleRef", "subjects"])
def test_it_binds_nobody_else_and_to_nothing_else(
    polder: Objects, almighty: None, field: str
) -> None:
    wrong = {
        "roleRef": {**rights.binding(PROJECT)["roleRef"], "name": "admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": PROJECT}],
    }
    manifest = {**rights.binding(PROJECT), field: wrong[field]}
    manifest["metadata"] = {"name": "another", "namespace": PROJECT}
    assert "bind nobody but itself" in refusal(polder, manifest)


def test_it_binds_itself_only_where_a_project_is(polder: Objects) -> None:
    assert POLICY in refusal(polder, rights.binding("kube-system"))


@pytest.fixture
def almighty(cluster: Cluster, region: Path) -> Iterator[None]:
    """Polder's account may do everything, so that only the admission policy holds it."""
    cluster.kubectl(
        *("create", "clusterrolebinding", "almighty", "--clusterrole=cluster-admin"),
        f"--serviceaccount={SYSTEM}:polder",
    )
    until(lambda: allowed(region, "delete", "nodes"))
    yield
    cluster.kubectl("delete", "clusterrolebinding", "almighty")
    until(lambda: not allowed(region, "delete", "nodes"))


def test_even_with_all_rights_it_stays_in_its_namespaces(polder: Objects, almighty: None) -> None:
    lease = plain("Lease", SYSTEM, "coordination.k8s.io/v1")
    assert refusal(polder, lease) == ""
    assert refusal(polder, plain("ConfigMap", PROJECT)) == ""
    for elsewhere in ("default", "kube-system", SYSTEM):
        assert POLICY in refusal(polder, plain("ConfigMap", elsewhere))
    assert POLICY in refusal(polder, {**lease, "metadata": {"name": "one", "namespace": "default"}})
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}}
    assert "not into the cluster" in refusal(polder, node)
