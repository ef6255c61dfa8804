"""The life of buckets against a double of Rook, through Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.rook import Claims

CLAIMS = "objectbucketclaims.objectbucket.io"


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "object-storage")
    with played("rook", nodes, Claims()) as double:
        yield double


def test_a_lake(operator: Double, begin: Begin) -> None:
    life = begin("object-storage", "dev-1x1", parameters={"bucket": "data", "layout": "lake"})
    assert life.look().observed == "absent"
    operator.trouble(life.key, "Error", "no such object store")
    life.turn()
    life.until("progressing")
    operator.mend(life.key)
    life.done()
    assert [e["uri"] for e in life.instance.endpoints] == ["https://s3.eu-1.example.eu:443"]
    given = life.credentials()
    assert given.password == f"secret-{life.name}"
    assert given.env["AWS_ACCESS_KEY_ID_CURATED"] == f"KEY{life.name}-curated"
    life.act(actions.update, plan="single-2x4")
    claims = life.read(life.cluster, CLAIMS)["items"]
    assert {c["spec"]["additionalConfig"]["maxSize"] for c in claims} == {"51200Mi"}
    life.act(actions.delete)
    assert (life.instance.phase, life.names(CLAIMS)) == ("deleted", set())
