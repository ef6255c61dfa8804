"""What goes wrong in a cluster while Polder works there: nothing is lost and nothing doubled."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import count
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import connection
from django.utils import translation

from portal.kernel import clock, crypto
from portal.kernel.actor import SYSTEM
from services.backends.kubernetes.backend import KubernetesBackend
from services.backends.kubernetes.objects import Objects
from services.backends.models import Applied
from services.instances import actions, texts, work
from services.instances.models import Operation
from services.regions.models import Region
from services.spec import Observation, Observed
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Life
from tests.kubernetes.test_cluster import until
from tests.makers import make_staff, order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]


@pytest.fixture(autouse=True)
def certificates(definitions: Definitions) -> None:
    definitions.load({"cert-manager.io/v1"})


def begun(cluster: Cluster) -> Life:
    return Life.begin(cluster, "memcached", "dev-1x1", issuer="platform-ca")


def place(life: Life) -> str:
    return f"polder-{life.project.public_id}"


def turn(operation: Operation) -> Operation:
    """One turn of a worker, due or not."""
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=None)
    work.take_turn(operation.pk)
    operation.refresh_from_db()
    return operation


def waited_for(operation: Operation) -> str:
    """What people read at the step that waits."""
    with translation.override("en"):
        told = [texts.step_text(step["code"], step["params"])[1] for step in operation.steps]
    return " ".join(told).strip()


def test_the_api_server_dies_in_the_middle(nodes: Cluster) -> None:
    life = begun(nodes)
    nodes.kill("kube-apiserver")
    waiting = turn(life.operation)
    assert (waiting.state, waiting.error_code) == ("running", "")
    assert waited_for(waiting) == "The region does not answer."
    nodes.start_api_server()
    Region.objects.update(failures=0, retry_at=None)  # else the circuit breaker waits first
    life.done()
    assert len(life.read(nodes, "statefulsets")["items"]) == 1


@pytest.mark.parametrize("after", [3, 11], ids=["at the namespace", "at its objects"])
def test_the_api_server_dies_between_two_objects(
    nodes: Cluster, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    life, apply, times = begun(nodes), Objects.apply, count(1)

    def dying(objects: Objects, wanted: Any, **more: Any) -> Any:
        if next(times) == after:
            nodes.kill("kube-apiserver")
        return apply(objects, wanted, **more)

    monkeypatch.setattr(Objects, "apply", dying)
    waiting = turn(life.operation)
    assert (waiting.state, waiting.error_code) == ("running", "")
    assert waited_for(waiting) == "The region does not answer."
    nodes.start_api_server()
    life.done()
    (found,) = life.read(nodes, "statefulsets")["items"]
    assert found["metadata"]["generation"] == 1
    assert next(times) > after


def test_the_region_that_is_away_opens_its_circuit_breaker(nodes: Cluster) -> None:
    life = begun(nodes)
    nodes.kill("kube-apiserver")
    turn(life.operation)
    nodes.start_api_server()
    assert Region.objects.get().failures == 1


def test_a_token_that_ended_is_waited_for(nodes: Cluster) -> None:
    life = begun(nodes)
    good = life.region.secrets
    kubeconfig = json.loads(nodes.write_kubeconfig("ended", "no-token").read_text())
    ended = crypto.encrypt(json.dumps({"kubeconfig": kubeconfig}))
    Region.objects.update(secrets=ended)
    waiting = turn(life.operation)
    assert (waiting.state, waiting.error_code) == ("running", "")
    assert waited_for(waiting) == "The portal may not do this in the region's cluster."
    Region.objects.update(secrets=good)
    life.done()


def test_what_was_made_before_a_kubeconfig_broke_can_be_taken_away(nodes: Cluster) -> None:
    life, good = begun(nodes), Region.objects.get().secrets
    with pytest.MonkeyPatch.context() as patch:  # its pod may be ready at once
        patch.setattr(KubernetesBackend, "observe", lambda *_: Observation(Observed.PROGRESSING))
        assert turn(life.operation).state == "running"
    Region.objects.update(secrets=crypto.encrypt(json.dumps({"kubeconfig": {"clusters": []}})))
    for _ in ("its time", "the time to undo it"):
        Operation.objects.update(deadline=clock.now() - timedelta(seconds=1))
        turn(life.operation)
    assert (life.operation.state, life.operation.error_code) == ("failed", "timed-out")
    assert life.refresh().needs_attention
    assert len(life.read(nodes, "statefulsets")["items"]) == 1
    Region.objects.update(secrets=good)
    life.act(actions.purge)
    assert life.read(nodes, "statefulsets")["items"] == []


def test_a_namespace_that_somebody_deleted_is_made_again(nodes: Cluster) -> None:
    life = begun(nodes)
    life.done()
    nodes.kubectl("delete", "namespace", place(life), "--wait=true")
    assert life.look().observed == "absent"
    life.act(actions.repair)
    assert life.instance.health == "ok"
    assert life.read(nodes, "resourcequota", "polder")["kind"] == "ResourceQuota"


def test_an_object_that_somebody_deleted_comes_back(nodes: Cluster) -> None:
    life = begun(nodes)
    life.done()
    name = life.instance.public_id
    nodes.kubectl("-n", place(life), "delete", "statefulset", name, "--wait=true")
    assert life.look().observed == "absent"
    life.act(actions.repair)
    assert life.read(nodes, "statefulset", name)["spec"]["replicas"] == 1


def test_what_holds_back_a_purge_is_named_and_staff_can_force_it(nodes: Cluster) -> None:
    life = begun(nodes)
    life.done()
    name = life.instance.public_id
    held = json.dumps({"metadata": {"finalizers": ["example.eu/held"]}})
    nodes.kubectl("-n", place(life), "patch", "statefulset", name, "--type=merge", "-p", held)
    actions.purge(actor=SYSTEM, instance=life.refresh())
    until(lambda: "example.eu/held" in turn(life.operation).error_detail)
    assert life.operation.state == "running"
    actions.force_delete(
        actor=make_staff(), instance=life.refresh(), reason="Its operator is gone."
    )
    life.done()
    assert life.instance.phase == "deleted"
    assert life.read(nodes, "statefulsets")["items"] == []


def test_what_holds_back_an_undo_is_named(nodes: Cluster) -> None:
    life = begun(nodes)
    machines = [node["metadata"]["name"] for node in nodes.read("nodes")["items"]]
    nodes.kubectl("cordon", *machines)  # its pod waits for a place
    turn(life.operation)
    nodes.kubectl("uncordon", *machines)
    name = life.instance.public_id
    held = json.dumps({"metadata": {"finalizers": ["example.eu/held"]}})
    nodes.kubectl("-n", place(life), "patch", "statefulset", name, "--type=merge", "-p", held)
    actions.cancel(actor=SYSTEM, operation=life.operation)
    until(lambda: "example.eu/held" in turn(life.operation).error_detail)
    assert f"StatefulSet {name}" in life.operation.error_detail
    none = json.dumps({"metadata": {"finalizers": None}})
    nodes.kubectl("-n", place(life), "patch", "statefulset", name, "--type=merge", "-p", none)
    ended = life.drive()
    assert (ended.state, "example.eu/held" in ended.error_detail) == ("cancelled", False)


def test_two_workers_at_one_operation_make_it_once(nodes: Cluster) -> None:
    life = begun(nodes)
    together([life.operation.pk, life.operation.pk])
    life.done()
    assert len(life.read(nodes, "statefulsets")["items"]) == 1
    assert Operation.objects.count() == 1


def test_two_first_orders_of_a_project_at_once(nodes: Cluster) -> None:
    life = begun(nodes)
    words: dict[str, Any] = {"offering": "memcached", "plan": "dev-1x1"}
    other = order(life.project, life.region, name="second", **words)
    together([life.operation.pk, other.pk])
    until(lambda: turn(life.operation).state == "succeeded")
    until(lambda: turn(other).state == "succeeded")
    assert Applied.objects.filter(kind="Namespace").count() == 1
    assert len(life.read(nodes, "statefulsets")["items"]) == 2


def together(operations: list[int]) -> None:
    """A worker for each, at the same moment."""
    start = Barrier(len(operations))

    def worker(pk: int) -> None:
        try:
            start.wait(10)
            work.take_turn(pk)
        finally:
            connection.close()

    threads = [Thread(target=worker, args=(pk,)) for pk in operations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
