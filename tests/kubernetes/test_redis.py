"""The life of a Valkey against a double of its operator, through Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.cert_manager import Certificates
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.redis import Clusters, Replications, Sentinels


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "redis")
    plays = Replications(), Sentinels(), Clusters(), Certificates()
    with played("redis-operator", nodes, *plays) as double:
        yield double


def test_one_server(operator: Double, begin: Begin) -> None:
    life = begin("redis", "dev-1x1")
    operator.hold(life.key)
    assert life.look().observed == "absent"
    life.turn()
    life.until("progressing")
    operator.release(life.key)
    life.done()
    assert [e["name"] for e in life.instance.endpoints] == ["client"]
    before, told = life.pods(), life.credentials()
    life.act(actions.update, parameters={"public": True})
    assert life.pods() == before  # another generation alone restarts nothing
    life.act(actions.rotate)
    assert life.credentials().password != told.password
    assert life.pods().isdisjoint(before)

    life.act(actions.delete)
    life.act(actions.undelete)
    life.act(actions.delete)
    assert life.names("pvc") == {f"{life.name}-{life.name}-0"}
    life.act(actions.purge)
    assert life.names("redisreplications") | life.names("pvc") == set()


def test_three_servers(operator: Double, begin: Begin) -> None:
    life = begin("redis", "single-2x8")
    life.done()
    life.act(actions.update, plan="ha-2x8")
    assert [e["name"] for e in life.instance.endpoints] == ["client", "read"]
    assert len(life.pods()) == 6
    operator.trouble(life.key, "NoMaster", "")
    assert life.until("degraded").detail == "No server takes writes."
    operator.mend(life.key)
    life.until("ready")


def test_a_cluster(operator: Double, begin: Begin) -> None:
    life = begin("redis", "ha-2x8", parameters={"mode": "cluster"})
    life.done()
    sets = {f"{life.name}-{role}" for role in ("leader", "follower")}
    assert life.names("statefulsets") == sets
    life.start(actions.update, parameters={"max_connections": 50})
    life.until("progressing")
    life.done()
    life.act(actions.purge)
    assert life.names("redisclusters") | life.names("pvc") == set()
