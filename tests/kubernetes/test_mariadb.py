"""MariaDB's renderer against a double of its operator, from order to purge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from services.spec import Observed, Secret
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.mariadb import Backups, Databases, Grants, Servers, Users

ENTRY = ENTRIES["mariadb"]
Order = Callable[[str], Driven]


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, ENTRY)
    plays = (Servers(), Databases(), Users(), Grants(), Backups())
    double = Double("mariadb-operator", nodes, *plays).start()
    yield double
    double.stop()
    assert double.errors == []


@pytest.fixture
def order(nodes: Cluster, namespace: str) -> Order:
    def made(plan: str) -> Driven:
        spec = made_up_spec(ENTRY, namespace=namespace, plan=ENTRY.offering.plan(plan))
        return Driven(ENTRY, spec, replace(RICH, storage_class="ssd"), nodes)

    return made


def test_one_server(operator: Double, order: Order) -> None:
    one = order("dev-1x1")
    operator.hold(one.key)
    one.apply()
    assert one.observe().observed == Observed.PROGRESSING
    operator.release(one.key)
    assert [e.name for e in one.until("ready").endpoints] == ["client"]
    before = one.pods()
    one.change(secrets={**one.spec.secrets, "password": Secret("another")})
    assert one.observe().observed == Observed.READY
    one.change(plan=ENTRY.offering.plan("single-2x8"))
    assert one.observe().observed == Observed.PROGRESSING
    one.until("ready")
    assert one.pods().isdisjoint(before)
    told = one.renderer.credentials(one.spec, one.region, one.live(one.renderer.revealed(one.spec)))
    assert told.ca_certificate.startswith("-----BEGIN CERTIFICATE-----")
    one.destroy()
    one.until_gone()
    (left,) = one.renderer.leftovers(one.spec)
    assert one.left(left) == {f"storage-{one.spec.name}-0"}


def test_three_servers(operator: Double, order: Order) -> None:
    one = order("ha-2x8")
    one.apply()
    assert [e.name for e in one.until("ready").endpoints] == ["client", "read"]
    operator.trouble(one.key, "ReplicaRecoverError", "no backup to recover from")
    assert one.until("failed").detail == "ReplicaRecoverError: no backup to recover from"
    operator.mend(one.key)
    one.until("ready")
    operator.hold(one.key)
    one.change(parameters={**one.spec.parameters, "max_connections": 200})
    assert one.observe().observed == Observed.PROGRESSING
    operator.release(one.key)
    one.until("ready")
