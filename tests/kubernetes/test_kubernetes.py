"""The life of a cluster against a double of Cluster API, through Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.cluster_api import Clusters
from tests.kubernetes.operators.double import Double
from tests.kubernetes.test_cluster import until


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "kubernetes")
    play = Clusters()
    with played("cluster-api", nodes, play) as double:
        play.double = double
        yield double


def test_from_order_to_purge(operator: Double, begin: Begin) -> None:
    life = begin("kubernetes", "dev-2x4", "1.34")
    assert life.look().observed == "absent"
    operator.hold(life.key)
    life.turn()
    life.until("progressing")
    operator.release(life.key)
    life.done()
    assert [e["uri"] for e in life.instance.endpoints] == ["https://203.0.113.7:6443"]
    given = life.credentials()
    assert (given.host, given.ca_certificate) == ("203.0.113.7", "the CA")
    life.start(actions.update, version="1.35")
    life.until("progressing")
    life.done()
    life.act(actions.update, parameters={"more_workers": 3, "gpu": "l4"})
    operator.trouble(life.key, "ReconcileFailed", "no such class")
    life.start(actions.update, plan="ha-2x8")
    until(lambda: "no such class" in life.look().detail)
    operator.mend(life.key)
    life.done()
    assert len(life.pods()) >= 6
    life.act(actions.delete)
    assert (life.instance.phase, life.names("clusters.cluster.x-k8s.io")) == ("deleted", set())
