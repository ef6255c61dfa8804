"""RabbitMQ's renderer against doubles of its operators, from order to purge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from services.manifests import objects
from services.spec import Leftovers, Observed, Secret
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.rabbitmq import Permissions, RabbitmqClusters, Users, Vhosts

ENTRY = ENTRIES["rabbitmq"]
Order = Callable[[str], Driven]


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, ENTRY)
    plays = RabbitmqClusters(), Vhosts(), Users(), Permissions()
    double = Double("rabbitmq-operators", nodes, *plays).start()
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
    operator.hold(one.key)
    one.apply()
    assert one.observe().observed == Observed.PROGRESSING
    operator.release(one.key)
    assert [e.name for e in one.until("ready").endpoints] == ["amqps", "management"]
    before = one.pods()
    one.change(secrets={**one.spec.secrets, "password": Secret("another")})
    one.until("ready")
    assert one.pods() == before  # nobody is cut off
    one.change(plan=ENTRY.offering.plan("single-2x4"))
    assert one.observe().observed == Observed.PROGRESSING
    one.until("ready")
    assert one.pods().isdisjoint(before)
    one.destroy()
    one.until_gone()
    assert one.left(Leftovers(objects.VOLUME_CLAIM, {})) == set()


def test_trouble_comes_and_goes(operator: Double, order: Order) -> None:
    one = order("ha-2x8")
    one.apply()
    one.until("ready")
    operator.trouble(one.key, "FailedCLICommand", "rabbitmqctl did not answer")
    assert one.until("progressing").code == "operator-retries"
    operator.trouble(one.key, "InvalidConfiguration", "no such key")
    assert one.until("failed").detail == "no such key"
    operator.mend(one.key)
    one.until("ready")
    app = f"{one.spec.namespace}/{one.spec.name}-app"
    operator.trouble(app, "", "user limit reached")
    seen = one.until("progressing")
    assert (seen.code, seen.detail) == ("operator-retries", "user limit reached")
    operator.mend(app)
    one.until("ready")
