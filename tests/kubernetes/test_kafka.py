"""Kafka's renderer against a double of Strimzi, from order to purge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from services.spec import Observed
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.api import Api
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.strimzi import Kafkas, NodePools, Users

ENTRY = ENTRIES["kafka"]
Order = Callable[[str], Driven]


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, ENTRY)
    definitions.load({"core.strimzi.io/v1"})
    plays = Kafkas(), NodePools(Api(nodes.kubeconfig)), Users()
    double = Double("strimzi", nodes, *plays).start()
    yield double
    double.stop()
    assert double.errors == []


@pytest.fixture
def order(nodes: Cluster, namespace: str) -> Order:
    def made(plan: str) -> Driven:
        chosen = ENTRY.offering.plan(plan)
        spec = made_up_spec(ENTRY, namespace=namespace, plan=chosen, version="4.2")
        return Driven(ENTRY, spec, replace(RICH, storage_class="ssd"), nodes)

    return made


def test_one_node_from_order_to_purge(operator: Double, order: Order) -> None:
    one = order("dev-1x1")
    assert one.observe().observed == Observed.ABSENT
    one.apply()
    assert one.observe().observed == Observed.PROGRESSING
    assert [e.name for e in one.until("ready").endpoints] == ["client"]
    shown = one.renderer.credentials(
        one.spec, one.region, one.live(one.renderer.revealed(one.spec))
    )
    assert shown.password == "set-by-the-operator"
    before = one.pods()
    one.change(plan=ENTRY.offering.plan("single-2x8"))
    one.until("progressing")
    one.until("ready")
    assert one.pods().isdisjoint(before)
    one.destroy()
    one.until_gone()


def test_brokers_come_and_go(operator: Double, order: Order) -> None:
    one = order("ha-2x8")
    one.apply()
    one.until("ready")
    assert len(one.pods()) == 6
    pool = f"{one.spec.namespace}/{one.spec.name}-broker"
    operator.hold(pool)
    assert one.until("degraded").detail == "5/6"
    operator.release(pool)
    one.until("ready")
    operator.trouble(one.key, "InvalidResourceException", "no such listener")
    assert one.until("failed").detail == "no such listener"
    operator.mend(one.key)
    one.until("ready")
