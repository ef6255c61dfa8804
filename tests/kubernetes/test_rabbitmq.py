"""The life of a RabbitMQ against doubles of its operators, through Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.cert_manager import Certificates
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.rabbitmq import Permissions, RabbitmqClusters, Users, Vhosts


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "rabbitmq")
    plays = RabbitmqClusters(), Vhosts(), Users(), Permissions(), Certificates()
    with played("rabbitmq-operators", nodes, *plays) as double:
        yield double


def test_one_node_from_order_to_purge(operator: Double, begin: Begin) -> None:
    life = begin("rabbitmq", "dev-1x1")
    assert life.look().observed == "absent"
    operator.hold(life.key)
    life.turn()
    life.until("progressing")
    operator.release(life.key)
    life.done()
    assert {e["name"] for e in life.instance.endpoints} == {"amqps", "management"}
    before, told = life.pods(), life.credentials()
    assert told.ca_certificate.startswith("-----BEGIN CERTIFICATE-----")
    life.act(actions.rotate)
    assert life.credentials().password != told.password
    assert life.pods() == before  # nobody is cut off
    life.act(actions.update, plan="single-2x4")
    assert life.pods().isdisjoint(before)

    before = life.pods()
    life.act(actions.delete)
    assert life.pods() == before
    life.act(actions.undelete)
    life.act(actions.delete)
    life.act(actions.purge)
    assert life.names("rabbitmqclusters") | life.names("vhosts.rabbitmq.com") == set()
    assert life.names("pvc") == set()


def test_trouble_comes_and_goes(operator: Double, begin: Begin) -> None:
    life = begin("rabbitmq", "ha-2x8")
    life.done()
    operator.trouble(life.key, "FailedCLICommand", "rabbitmqctl did not answer")
    assert life.until("progressing").code == "operator-retries"
    operator.trouble(life.key, "InvalidConfiguration", "no such key")
    assert life.until("failed").detail == "no such key"
    operator.mend(life.key)
    life.until("ready")
    operator.trouble(f"{life.key}-app", "", "user limit reached")
    seen = life.until("progressing")
    assert (seen.code, seen.detail) == ("operator-retries", "user limit reached")
    operator.mend(f"{life.key}-app")
    life.until("ready")
