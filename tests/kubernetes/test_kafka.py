"""The life of a Kafka against a double of Strimzi, through Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.api import Api
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.strimzi import Kafkas, NodePools, Users
from tests.kubernetes.test_cluster import until


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "kafka")
    definitions.load({"core.strimzi.io/v1"})
    api = Api(nodes.kubeconfig)
    with played("strimzi", nodes, Kafkas(), NodePools(api), Users(api)) as double:
        yield double


def test_one_node_from_order_to_purge(operator: Double, begin: Begin) -> None:
    life = begin("kafka", "dev-1x1")
    assert life.look().observed == "absent"
    life.turn()
    life.until("progressing")
    life.done()
    assert [e["name"] for e in life.instance.endpoints] == ["client"]
    before, told = life.pods(), life.credentials()
    life.act(actions.rotate)
    until(lambda: life.credentials().password != told.password)
    assert life.pods() == before
    life.start(actions.update, plan="single-2x8")
    life.until("progressing")
    life.done()
    assert life.pods().isdisjoint(before)

    life.act(actions.delete)
    life.act(actions.undelete)
    life.act(actions.delete)
    life.act(actions.purge)
    assert life.names("kafkas") | life.names("kafkausers") | life.names("pvc") == set()


def test_brokers_come_and_go(operator: Double, begin: Begin) -> None:
    life = begin("kafka", "ha-2x8")
    life.done()
    assert len(life.pods()) == 6
    operator.hold(f"{life.key}-broker")
    assert life.until("degraded").detail == "5/6"
    operator.release(f"{life.key}-broker")
    life.until("ready")
    operator.trouble(life.key, "InvalidResourceException", "no such listener")
    assert life.until("failed").detail == "no such listener"
    operator.mend(life.key)
    life.until("ready")
