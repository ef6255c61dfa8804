"""The life of a NATS with a double of Flux, through Polder's own operations. The real Flux judges
it in operators_real/.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import RICH, Life, played, served
from tests.kubernetes.operators.cert_manager import Certificates
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.flux import HelmReleases
from tests.kubernetes.test_cluster import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]


@pytest.fixture(scope="module")
def operators(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "nats")
    with played("flux", nodes, HelmReleases(), Certificates()) as double:
        yield double


def test_a_life(operators: Double, nodes: Cluster) -> None:
    life = Life.begin(nodes, "nats", "dev-1x1", **RICH)
    life.done()
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    assert [e["name"] for e in life.instance.endpoints] == ["client", "mqtt"]
    told = life.credentials()
    assert "BEGIN CERTIFICATE" in told.ca_certificate

    before = life.pods()
    life.act(actions.rotate)
    assert life.credentials().password != told.password
    assert life.pods().isdisjoint(before)  # the server reads it at its start only

    life.act(actions.update, plan="single-2x4")
    (volume,) = life.read(nodes, "pvc")["items"]
    assert volume["status"]["capacity"]["storage"] == "20Gi"

    life.act(actions.pause)
    assert (life.instance.phase, life.pods()) == ("paused", set())
    life.act(actions.resume)
    assert (life.instance.phase, life.instance.health) == ("running", "ok")

    life.lose("statefulset", life.name)
    assert life.look().observed == "progressing"
    life.act(actions.repair)
    assert len(life.pods()) == 1

    life.act(actions.delete)
    assert life.instance.phase == "in_bin"
    assert len(life.read(nodes, "pvc")["items"]) == 1
    life.act(actions.undelete)
    life.act(actions.delete)
    life.act(actions.purge)
    assert life.instance.phase == "deleted"
    for kind in ("helmreleases", "helmrepositories", "certificates", "statefulsets", "pvc"):
        assert life.names(kind) == set()


def test_trouble_comes_and_goes(operators: Double, nodes: Cluster) -> None:
    life = Life.begin(nodes, "nats", "ha-2x8", **RICH)
    operators.trouble(life.key, "", "no such chart")
    life.turn()
    until(lambda: life.look().code == "operator-retries")
    assert "no such chart" in life.look().detail
    operators.mend(life.key)
    life.done()
    assert len(life.pods()) == 3
    life.act(actions.delete)
    life.act(actions.purge)
