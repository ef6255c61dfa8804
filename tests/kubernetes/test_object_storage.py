"""The renderer of buckets against a double of Rook, from order to purge."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.spec import Observed
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import RICH
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.driving import Driven, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.rook import Claims

ENTRY = ENTRIES["object-storage"]


@pytest.fixture(scope="module")
def operator(cluster: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, ENTRY)
    double = Double("rook", cluster, Claims()).start()
    yield double
    double.stop()
    assert double.errors == []


def test_a_lake(operator: Double, cluster: Cluster, namespace: str) -> None:
    parameters = {"bucket": "data", "layout": "lake"}
    spec = made_up_spec(ENTRY, namespace=namespace, parameters=parameters)
    one = Driven(ENTRY, spec, RICH, cluster)
    assert one.observe().observed == Observed.ABSENT
    operator.trouble(one.key, "Error", "no such object store")
    one.apply()
    assert one.observe().observed == Observed.PROGRESSING
    operator.mend(one.key)
    (endpoint,) = one.until("ready").endpoints
    assert endpoint.uri == "https://s3.eu-1.example.eu:443"
    one.change(plan=ENTRY.offering.plan("single-2x4"))
    assert one.until("ready")
    claims = cluster.read("-n", namespace, "objectbucketclaims.objectbucket.io")["items"]
    assert {c["spec"]["additionalConfig"]["maxSize"] for c in claims} == {"51200Mi"}
    given = one.renderer.credentials(one.spec, RICH, one.live(one.renderer.revealed(one.spec)))
    assert given.password == f"secret-{spec.name}"
    assert given.env["AWS_ACCESS_KEY_ID_CURATED"] == f"KEY{spec.name}-curated"
    one.destroy()
    one.until_gone()
