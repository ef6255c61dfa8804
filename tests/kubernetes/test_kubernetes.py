"""The renderer of clusters against a double of Cluster API, from order to purge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.spec import Observed
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served
from tests.kubernetes.operators.cluster_api import Clusters
from tests.kubernetes.operators.double import Double

ENTRY = ENTRIES["kubernetes"]


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, ENTRY)
    play = Clusters()
    play.double = double = Double("cluster-api", nodes, play).start()
    yield double
    double.stop()
    assert double.errors == []


def test_from_order_to_purge(operator: Double, nodes: Cluster, namespace: str) -> None:
    one = Driven(ENTRY, made_up_spec(ENTRY, namespace=namespace, version="1.34"), RICH, nodes)
    assert one.observe().observed == Observed.ABSENT
    operator.hold(one.key)
    one.apply()
    assert one.observe().observed == Observed.PROGRESSING
    operator.release(one.key)
    (endpoint,) = one.until("ready").endpoints
    assert endpoint.uri == "https://203.0.113.7:6443"
    given = one.renderer.credentials(one.spec, RICH, one.live(one.renderer.revealed(one.spec)))
    assert (given.host, given.ca_certificate) == ("203.0.113.7", "the CA")
    one.change(version="1.35")
    assert one.observe().observed == Observed.PROGRESSING
    one.until("ready")
    one.change(parameters={**one.spec.parameters, "more_workers": 3, "gpu": "l4"})
    assert one.observe().observed == Observed.PROGRESSING
    one.until("ready")
    operator.trouble(one.key, "ReconcileFailed", "no such class")
    one.change(plan=ENTRY.offering.plan("ha-2x8"))
    assert one.until("progressing")
    operator.mend(one.key)
    one.until("ready")
    assert len(one.pods()) >= 6
    one.destroy()
    one.until_gone()
