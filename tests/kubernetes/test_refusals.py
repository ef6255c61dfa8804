"""What a cluster refuses: a full quota, an operator's webhook. People are told before the order
where it can be known, else in words, and nothing is left.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation

from portal.kernel.errors import QuotaExceeded
from services.backends.kubernetes import backend
from services.backends.models import Applied
from services.instances import texts
from services.instances.models import Instance, Operation
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.keys import Authority
from tests.kubernetes.lives import Life
from tests.kubernetes.nodes import run_module
from tests.kubernetes.test_cluster import until
from tests.kubernetes.test_trouble import begun, place, turn, waited_for
from tests.makers import make_quota, order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
PORT = 9543  # 9443 is the operator's of PostgreSQL
WORDS = "caches are closed on Thursdays"


@pytest.fixture(autouse=True)
def certificates(definitions: Definitions) -> None:
    definitions.load({"cert-manager.io/v1"})


@pytest.fixture
def life(nodes: Cluster, prices: None) -> Life:
    """One that runs, so that the project has its place in the cluster."""
    made = begun(nodes)
    make_quota(made.project, made.region, instances=5, vcpu=8, memory_mib=65536)
    made.done()
    return made


def another(life: Life, **words: Any) -> Life:
    """A second service of the project, ordered."""
    made = order(life.project, life.region, **{"offering": "memcached", "plan": "dev-1x1", **words})
    return Life(life.cluster, life.project, life.region, made.instance)


def limit(cluster: Cluster, life: Life, **hard: str) -> None:
    """A quota of the cluster's own people, in force when it returns."""
    wanted = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "theirs", "namespace": place(life)},
        "spec": {"hard": hard},
    }
    cluster.apply(wanted)
    until(lambda: life.read(cluster, "resourcequota", "theirs").get("status", {}).get("hard"))


def said(operation: Operation) -> str:
    with translation.override("en"):
        return " ".join(texts.error_text(operation.error_code, operation.error_params))


def left(cluster: Cluster, life: Life) -> list[str]:
    """What bears the name of the service in its project's namespace."""
    kinds = "statefulsets,services,secrets,configmaps,networkpolicies,poddisruptionbudgets,pods"
    found = life.read(cluster, f"{kinds},certificates.cert-manager.io")["items"]
    names = (one["metadata"]["name"] for one in found)
    return [name for name in names if name.startswith(life.instance.public_id)]


def test_what_would_not_fit_is_refused_before_the_order(nodes: Cluster, life: Life) -> None:
    another(life, plan="ha-2x8")  # takes 6 of 8
    with pytest.raises(QuotaExceeded) as refused:
        another(life, plan="ha-2x8")
    assert refused.value.params == {"name": "vcpu", "wanted": "6", "left": "2"}
    assert Instance.objects.count() == Operation.objects.count() == 2
    assert len(life.read(nodes, "statefulsets")["items"]) == 1


def test_the_cluster_holds_the_project_to_the_same_limits(nodes: Cluster, life: Life) -> None:
    another(life).done()
    hard = life.read(nodes, "resourcequota", "polder")["spec"]["hard"]
    assert hard == {"requests.cpu": "8", "requests.memory": "64Gi"}


def test_what_the_cluster_s_own_quota_refuses_is_undone_and_said(
    nodes: Cluster, life: Life
) -> None:
    limit(nodes, life, **{"count/statefulsets.apps": "1"})
    second = another(life)
    ended = second.drive()
    assert (ended.state, ended.error_code) == ("failed", "cluster-quota")
    assert "exceeded quota: theirs" in ended.error_detail
    assert said(ended) == (
        "The project's place in the cluster is full. "
        "Delete what is not needed, or ask for more quota, then try again."
    )
    until(lambda: left(nodes, second) == [])
    assert not Applied.objects.filter(instance=second.instance.public_id).exists()
    assert second.project.quotas.get(name="instances").used == 0  # the first came before the quota
    assert life.look().observed == "ready"


def test_pods_that_a_quota_refuses_are_waited_for_and_said(
    nodes: Cluster, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "_LONG", timedelta(0))
    limit(nodes, life, pods="1")
    second = another(life)
    until(lambda: "exceeded quota: theirs" in turn(second.operation).error_detail)
    waiting = second.operation
    assert waiting.state == "running"
    assert waited_for(waiting) == "The operator tries again after a failure."
    limit(nodes, life, pods="9")
    second.done()
    assert second.operation.error_detail == ""


@pytest.fixture
def closed(nodes: Cluster, life: Life) -> Iterator[None]:
    """A webhook that refuses each new StatefulSet of the project."""
    authority = Authority("webhook")
    certificate, key = authority.leaf("127.0.0.1")
    (nodes.home / "tls.crt").write_bytes(certificate)
    (nodes.home / "tls.key").write_bytes(key)
    run_module(nodes, "refusing", str(PORT), str(nodes.home), WORDS)
    until(lambda: nodes.network.answers(PORT))
    nodes.apply(_configuration(life, authority))
    until(lambda: _refuses(nodes, life))
    yield
    nodes.kubectl("delete", "validatingwebhookconfiguration", "closed")
    nodes.kill("refusing")


def _configuration(life: Life, authority: Authority) -> dict[str, Any]:
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["statefulsets"]}
    hook = {
        "name": "closed.example.eu",
        "clientConfig": {
            "url": f"https://127.0.0.1:{PORT}/",
            "caBundle": base64.b64encode(authority.certificate).decode(),
        },
        "rules": [{**rule, "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place(life)}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "closed"},
        "webhooks": [hook],
    }


def _refuses(cluster: Cluster, life: Life) -> bool:
    """The API server takes a change of its webhooks up a moment later."""
    found = life.read(cluster, "statefulset", life.instance.public_id)
    metadata = {"name": "probe", "namespace": place(life)}
    probe = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata}
    text = json.dumps({**probe, "spec": found["spec"]})
    argv = ("create", "--dry-run=server", "-f", "-")
    try:
        cluster.kubectl(*argv, text=text)
    except subprocess.CalledProcessError as error:
        return WORDS in error.stderr
    return False


@pytest.mark.usefixtures("closed")
def test_what_a_webhook_refuses_is_undone_and_told_in_its_words(nodes: Cluster, life: Life) -> None:
    second = another(life)
    ended = second.drive()
    assert (ended.state, ended.error_code) == ("failed", "object-refused")
    assert f'"closed.example.eu" denied the request: {WORDS}' in ended.error_detail
    assert said(ended) == (
        "The cluster refused what this service is made of. "
        "Read its answer below; a parameter is the usual cause."
    )
    assert second.instance.phase == "failed"
    until(lambda: left(nodes, second) == [])
    assert not Applied.objects.filter(instance=second.instance.public_id).exists()
    assert second.project.quotas.get(name="instances").used == 0
    assert life.look().observed == "ready"
