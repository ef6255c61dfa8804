"""Lives of containers and functions against a double of Knative, by Polder's own operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.kernel.actor import SYSTEM
from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators.knative import Services


@pytest.fixture(scope="module")
def operator(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "functions")
    with played("knative", nodes, Services()) as double:
        yield double


@pytest.mark.parametrize("slug", ["serverless-containers", "functions"])
def test_from_order_to_purge(operator: Double, begin: Begin, slug: str) -> None:
    life = begin(slug, "dev-1x1")
    assert life.look().observed == "absent"
    operator.trouble(life.key, "ContainerMissing", "no such image")
    failed = life.drive()
    assert (failed.state, failed.error_code) == ("failed", "operator-failed")
    assert "no such image" in failed.error_detail
    operator.mend(life.key)
    actions.retry(actor=SYSTEM, operation=failed)
    life.done()
    (endpoint,) = life.instance.endpoints
    assert (endpoint["protocol"], endpoint["tls"]) == ("http", False)  # inside the project
    life.act(actions.update, parameters={"public": True})
    (outside,) = life.look().endpoints
    assert outside.tls

    token = life.credentials().password
    operator.trouble(life.key, "ContainerMissing", "no such image")
    life.start(actions.rotate)
    assert life.until("degraded").endpoints == (outside,)
    operator.mend(life.key)
    life.done()
    assert life.credentials().password != token
    life.act(actions.delete)
    assert life.instance.phase == "in_bin"
    life.act(actions.undelete)
    life.act(actions.purge)
    assert life.names("services.serving.knative.dev") == set()
