"""Containers and functions against a double of Knative, from order to purge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.spec import Entry, Observed, Secret
from tests.contracts.made_up import ENTRIES, each, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.knative import Services
from tests.kubernetes.test_cluster import until

BOTH = {slug: ENTRIES[slug] for slug in ("serverless-containers", "functions")}


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, BOTH["functions"])
    double = Double("knative", nodes, Services()).start()
    yield double
    double.stop()
    assert double.errors == []


@each(BOTH)
def test_from_order_to_purge(
    operator: Double, nodes: Cluster, namespace: str, entry: Entry
) -> None:
    one = Driven(entry, made_up_spec(entry, namespace=namespace), RICH, nodes)
    assert one.observe().observed == Observed.ABSENT
    operator.trouble(one.key, "ContainerMissing", "no such image")
    one.apply()
    assert "no such image" in one.until("failed").detail
    operator.mend(one.key)
    (endpoint,) = one.until("ready").endpoints
    assert (endpoint.protocol, endpoint.tls) == ("http", False)  # inside the project
    one.change(parameters={**one.spec.parameters, "public": True})
    until(lambda: one.observe().endpoints and one.observe().endpoints[0].tls)
    (endpoint,) = one.until("ready").endpoints
    operator.trouble(one.key, "ContainerMissing", "no such image")
    one.change(secrets={"password": Secret("another")})
    assert one.observe().observed == Observed.PROGRESSING
    assert one.until("degraded").endpoints == (endpoint,)
    operator.mend(one.key)
    one.until("ready")
    one.change(paused=True)
    one.until("paused")
    one.change(paused=False)
    one.until("ready")
    one.destroy()
    one.until_gone()
