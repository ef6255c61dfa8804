"""The life of a Memcached with nothing but Kubernetes and certificates, through Polder's own
operations.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.instances import actions
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Begin, played, served
from tests.kubernetes.operators.cert_manager import Certificates
from tests.kubernetes.operators.double import Double
from tests.kubernetes.test_cluster import until


@pytest.fixture(scope="module")
def certificates(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    served(definitions, "memcached")
    with played("cert-manager", nodes, Certificates()) as double:
        yield double


def test_from_order_to_purge(certificates: Double, begin: Begin) -> None:
    life = begin("memcached", "dev-1x1")
    assert life.look().observed == "absent"
    life.done()
    until(lambda: f"{life.name}-tls" in life.names("secrets"))  # pods of the rig do not wait for it
    before, told = life.pods(), life.credentials()
    assert told.ca_certificate.startswith("-----BEGIN CERTIFICATE-----")
    life.start(actions.rotate)
    life.done()
    assert life.credentials().password != told.password
    assert life.pods().isdisjoint(before)
    life.act(actions.update, plan="ha-2x8")
    assert len(life.instance.endpoints) == 4

    life.act(actions.pause)
    assert (life.instance.phase, life.pods()) == ("paused", set())
    life.act(actions.resume)
    assert len(life.pods()) == 3
    life.act(actions.delete)
    assert life.pods() == set()
    life.act(actions.undelete)
    life.act(actions.purge)
    assert life.names("statefulsets") == set()
