"""The base of all doubles, shown with RabbitMQ's: it behaves as operators do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.rabbitmq import RabbitmqClusters
from tests.kubernetes.test_cluster import until

READY = {"AllReplicasReady", "ClusterAvailable", "NoWarnings", "ReconcileSuccess"}


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    definitions.load(["rabbitmq.com/v1beta1"])
    double = Double("rabbitmq-cluster-operator", nodes, RabbitmqClusters()).start()
    yield double
    double.stop()
    assert double.errors == []


class Queue:
    """One RabbitmqCluster called mq."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster, self.namespace, self.key = cluster, namespace, f"{namespace}/mq"

    def order(self, replicas: int = 3, storage: str = "20Gi") -> dict[str, Any]:
        """The object as it stands at that moment."""
        wanted = {
            "apiVersion": "rabbitmq.com/v1beta1",
            "kind": "RabbitmqCluster",
            "metadata": {"name": "mq", "namespace": self.namespace},
            "spec": {
                "replicas": replicas,
                "persistence": {"storage": storage, "storageClassName": "ssd"},
                "service": {"type": "LoadBalancer"},
            },
        }
        command = ("apply", "--server-side", "-o", "json", "-f", "-")
        return dict(json.loads(self.cluster.kubectl(*command, text=json.dumps(wanted))))

    def read(self, *words: str) -> Any:
        return self.cluster.read("-n", self.namespace, *words)

    def names(self, kind: str) -> set[str]:
        return {one["metadata"]["name"] for one in self.read(kind)["items"]}

    def condition(self, kind: str) -> str:
        status = self.read("rabbitmqcluster", "mq").get("status", {})
        found = {c["type"]: f"{c['status']}/{c['reason']}" for c in status.get("conditions", [])}
        return found.get(kind, "")

    def is_ready(self) -> bool:
        one = self.read("rabbitmqcluster", "mq")
        status = one.get("status", {})
        true = {c["type"] for c in status.get("conditions", []) if c["status"] == "True"}
        return true == READY and status["observedGeneration"] == one["metadata"]["generation"]


@pytest.fixture
def queue(nodes: Cluster, namespace: str) -> Queue:
    return Queue(nodes, namespace)


def test_it_makes_what_the_operator_makes(operator: Double, queue: Queue) -> None:
    operator.hold(queue.key)
    queue.order()
    until(lambda: queue.condition("ReconcileSuccess") == "Unknown/Initialising")
    operator.release(queue.key)
    until(queue.is_ready)
    assert queue.names("services") == {"mq", "mq-nodes"}
    assert queue.names("pvc") == {f"persistence-mq-server-{n}" for n in range(3)}
    user = queue.read("rabbitmqcluster", "mq")["status"]["defaultUser"]["secretReference"]
    assert "connection_string" in queue.read("secret", user["name"])["data"]


def test_until_it_sees_a_change_the_old_status_stands(operator: Double, queue: Queue) -> None:
    queue.order(replicas=1)
    until(queue.is_ready)
    before = queue.read("secret", "mq-default-user")["data"]
    changed = queue.order(replicas=3, storage="40Gi")
    assert changed["status"]["observedGeneration"] == changed["metadata"]["generation"] - 1
    assert {c["status"] for c in changed["status"]["conditions"]} == {"True"}
    until(queue.is_ready)
    assert queue.read("secret", "mq-default-user")["data"] == before
    sizes = {claim["status"]["capacity"]["storage"] for claim in queue.read("pvc")["items"]}
    assert sizes == {"40Gi"}


def test_what_it_refuses_leaves_the_rest_as_it_was(operator: Double, queue: Queue) -> None:
    queue.order(replicas=3)
    until(queue.is_ready)
    queue.order(replicas=1)
    until(lambda: queue.condition("ReconcileSuccess") == "False/UnsupportedOperation")
    assert queue.condition("AllReplicasReady") == "True/AllPodsAreReady"
    assert len(queue.names("pods")) == 3


def test_trouble_comes_and_goes(operator: Double, queue: Queue) -> None:
    operator.hold(queue.key)
    queue.order(replicas=1)
    until(lambda: queue.names("pods") == {"mq-server-0"})
    operator.trouble(queue.key, "FailedCLICommand", "rabbitmqctl did not answer")
    until(lambda: queue.condition("ReconcileSuccess") == "False/FailedCLICommand")
    operator.mend(queue.key)
    operator.release(queue.key)
    until(queue.is_ready)


def test_nothing_is_taken_while_it_is_down(operator: Double, queue: Queue) -> None:
    queue.order(replicas=1)
    until(queue.is_ready)
    operator.down()
    with pytest.raises(subprocess.CalledProcessError) as refused:
        queue.order(replicas=3)
    operator.up()
    assert "InternalError" in refused.value.stderr
    queue.order(replicas=3)
    until(queue.is_ready)


def test_it_goes_with_all_that_it_owns(operator: Double, queue: Queue) -> None:
    queue.order(replicas=1)
    until(queue.is_ready)
    queue.cluster.kubectl("-n", queue.namespace, "delete", "rabbitmqcluster", "mq", "--wait=false")
    until(
        lambda: queue.names("rabbitmqcluster") | queue.names("pods") | queue.names("pvc") == set()
    )
    assert "mq-default-user" not in queue.names("secrets")
