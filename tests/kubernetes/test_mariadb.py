"""The life of a MariaDB against a double of its operator, through Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.mariadb import Backups, Databases, Grants, Servers, Users


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "mariadb")
    plays = (Servers(), Databases(), Users(), Grants(), Backups())
    with played("mariadb-operator", nodes, *plays) as double:
        yield double


def test_one_server(operator: Double, begin: Begin) -> None:
    life = begin("mariadb", "dev-1x1")
    operator.hold(life.key)
    life.turn()
    life.until("progressing")
    operator.release(life.key)
    life.done()
    assert [e["name"] for e in life.instance.endpoints] == ["client"]
    before, told = life.pods(), life.credentials()
    assert told.ca_certificate.startswith("-----BEGIN CERTIFICATE-----")
    life.act(actions.rotate)
    assert life.credentials().password != told.password
    assert life.pods() == before
    life.act(actions.update, plan="single-2x8")
    assert life.pods().isdisjoint(before)

    before = life.pods()
    life.act(actions.delete)
    assert not {name for name in life.names("networkpolicies") if "-open" in name}
    (peers,) = life.read(life.cluster, "networkpolicy", f"{life.name}-closed")["spec"]["ingress"]
    labels = [peer["podSelector"]["matchLabels"] for peer in peers["from"]]
    assert all(life.name in " ".join(one.values()) for one in labels)  # nobody but its own pods
    assert life.pods() == before
    life.act(actions.undelete)
    assert not {name for name in life.names("networkpolicies") if "-closed" in name}
    assert f"{life.name}-open" in life.names("networkpolicies")
    life.act(actions.delete)
    life.act(actions.purge)
    assert life.names("mariadbs") | life.names("pvc") == set()


def test_three_servers(operator: Double, begin: Begin) -> None:
    life = begin("mariadb", "ha-2x8")
    life.done()
    assert [e["name"] for e in life.instance.endpoints] == ["client", "read"]
    operator.trouble(life.key, "ReplicaRecoverError", "no backup to recover from")
    assert life.until("failed").detail == "ReplicaRecoverError: no backup to recover from"
    operator.mend(life.key)
    life.until("ready")
    operator.hold(life.key)
    life.start(actions.update, parameters={"max_connections": 200})
    life.until("progressing")
    operator.release(life.key)
    life.done()
