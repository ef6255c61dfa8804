"""The life of an OpenSearch against a double of its operator, through Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.api import Api
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, Life, played, served
from tests.kubernetes.operators import opensearch
from tests.kubernetes.operators.double import Double
from tests.kubernetes.test_cluster import until

IN_CLUSTER = ("opensearchusers", "opensearchroles", "opensearchuserrolebindings")


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "opensearch")
    api = Api(nodes.kubeconfig)
    kinds = (opensearch.Users, opensearch.Roles, opensearch.Bindings, opensearch.Policies)
    with played(
        "opensearch-operator", nodes, opensearch.Clusters(), *(kind(api) for kind in kinds)
    ) as double:
        yield double


@pytest.fixture
def life(operator: Double, begin: Begin) -> Life:
    return begin("opensearch", "ha-1x4", "2.19")


def test_from_order_to_purge(operator: Double, life: Life) -> None:
    operator.hold(life.key)
    assert life.look().observed == "absent"
    life.turn()
    assert life.until("progressing").code == "operator-works"
    operator.release(life.key)
    life.done()
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    assert [e["name"] for e in life.instance.endpoints] == ["client"]

    before, told = life.pods(), life.credentials()
    assert "BEGIN CERTIFICATE" in told.ca_certificate
    assert (told.username, told.host) == (life.name, f"{life.name}.{life.namespace}.svc")
    life.act(actions.rotate)
    assert life.credentials().password != told.password
    life.act(actions.update, parameters={"dashboards": True, "public": True})
    assert {e["name"] for e in life.instance.endpoints} == {"client", "dashboards", "public"}
    assert before < life.pods()  # the nodes went on
    life.act(actions.update, plan="ha-2x8")
    assert life.pods().isdisjoint(before)

    life.act(actions.delete)
    assert life.instance.phase == "in_bin"
    assert len(life.pods()) == 4
    life.act(actions.undelete)
    life.act(actions.delete)
    life.act(actions.purge)
    assert life.instance.phase == "deleted"
    left = {
        name for kind in ("opensearchclusters", *IN_CLUSTER, "pvc") for name in life.names(kind)
    }
    assert left == set()


def test_it_is_upgraded(operator: Double, life: Life) -> None:
    life.done()
    operator.hold(life.key)
    life.start(actions.update, version="3")
    until(lambda: life.look().detail.endswith("Upgrader 3.7.0; Upgrader Upgrading"))
    operator.release(life.key)
    life.done()
    assert life.instance.health == "ok"


def test_a_node_is_away(operator: Double, life: Life) -> None:
    life.done()
    operator.hold(life.key)
    assert life.until("degraded").endpoints
    operator.release(life.key)
    life.until("ready")


def test_users_of_a_cluster_that_was_made_anew(operator: Double, life: Life) -> None:
    life.done()
    life.lose("opensearchclusters", life.name)
    until(lambda: not life.names("statefulsets") | life.names("secrets") & {f"{life.name}-ca"})
    life.start(actions.repair)
    failed = life.drive()
    assert (failed.state, failed.error_code) == ("failed", "operator-failed")
    assert failed.error_detail == "OpensearchUser: cannot change the cluster a user refers to"
    for kind in IN_CLUSTER:
        life.lose(kind, life.name)
    life.act(actions.repair)
    assert life.instance.health == "ok"
