"""Valkey's renderer against a double of its operator, from order to purge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from services.manifests import objects
from services.spec import Observed, Ref, Secret
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.redis import Clusters, Replications, Sentinels

ENTRY = ENTRIES["redis"]
HA = ENTRY.offering.plan("ha-2x8")
Order = Callable[..., Driven]


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, ENTRY)
    double = Double("redis-operator", nodes, Replications(), Sentinels(), Clusters()).start()
    yield double
    double.stop()
    assert double.errors == []


@pytest.fixture
def order(nodes: Cluster, namespace: str) -> Order:
    def made(plan: str, mode: str = "replicated") -> Driven:
        spec = made_up_spec(ENTRY, namespace=namespace, plan=ENTRY.offering.plan(plan))
        chosen = {**spec.parameters, "mode": mode}
        region = replace(RICH, storage_class="ssd")
        return Driven(ENTRY, replace(spec, parameters=chosen), region, nodes)

    return made


def test_one_server(operator: Double, order: Order) -> None:
    one = order("dev-1x1")
    assert one.observe().observed == Observed.ABSENT
    operator.hold(one.key)
    one.apply()
    assert one.observe().observed == Observed.PROGRESSING
    operator.release(one.key)
    assert [e.name for e in one.until("ready").endpoints] == ["client"]
    before = one.pods()
    one.change()  # nothing but the generation
    assert one.observe().observed == Observed.READY
    one.change(secrets={**one.spec.secrets, "password": Secret("another")})
    assert one.observe().observed == Observed.PROGRESSING
    one.until("ready")
    assert one.pods().isdisjoint(before)
    one.destroy()
    one.until_gone()
    (left,) = one.renderer.leftovers(one.spec)
    assert one.left(left) == {f"{one.spec.name}-{one.spec.name}-0"}


def test_three_servers(operator: Double, order: Order) -> None:
    one = order("single-2x8")
    one.apply()
    one.until("ready")
    one.change(plan=HA)
    assert one.observe().observed == Observed.PROGRESSING
    assert [e.name for e in one.until("ready").endpoints] == ["client", "read"]
    assert len(one.pods()) == 6
    one.lose("pods", f"{one.spec.name}-1")
    operator.trouble(one.key, "NoMaster", "")
    seen = one.until("degraded")
    assert seen.detail == "No server takes writes."
    operator.mend(one.key)
    one.until("ready")


def test_a_cluster(operator: Double, order: Order) -> None:
    one = order("ha-2x8", "cluster")
    one.apply()
    one.until("ready")
    assert {Ref(objects.STATEFUL_SET, f"{one.spec.name}-{n}") for n in ("leader", "follower")} < {
        *one.live(one.renderer.watched(one.spec))
    }
    one.change(parameters={**one.spec.parameters, "max_connections": 50})
    assert one.observe().observed == Observed.PROGRESSING
    one.until("ready")
    one.destroy()
    one.until_gone()
