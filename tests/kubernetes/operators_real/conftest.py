"""Real operators on the rig with nodes. Each is installed when a test first asks for it.

outside    hosts that the operators believe to be on the internet (outside.py)
flux       source-controller and helm-controller, with a chart repository
nack       streams on a real NATS
knative    its controller and webhook
capi       Cluster API's core and kubeadm's two providers; machines are played
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import played
from tests.kubernetes.operators.cert_manager import Certificates
from tests.kubernetes.operators.double import Double
from tests.kubernetes.operators_real.cluster_api import ClusterApi, machines
from tests.kubernetes.operators_real.flux import Flux
from tests.kubernetes.operators_real.knative import Knative, surroundings
from tests.kubernetes.operators_real.nats import Nack
from tests.kubernetes.operators_real.outside import Outside


@pytest.fixture(scope="session")
def outside(nodes: Cluster) -> Outside:
    return Outside(nodes).start()


@pytest.fixture(scope="session")
def certificates(nodes: Cluster, definitions: Definitions) -> Iterator[Double]:
    """cert-manager's programs are not to be had as modules."""
    definitions.load({Certificates.api})
    with played("cert-manager", nodes, Certificates()) as double:
        yield double


@pytest.fixture(scope="session")
def flux(nodes: Cluster, outside: Outside) -> Flux:
    return Flux(nodes, outside).install()


@pytest.fixture(scope="module")
def nack(nodes: Cluster) -> Iterator[Nack]:
    """Insists on the same port as Knative's controller: neither outlives its tests."""
    yield Nack(nodes).install()
    nodes.kill("jetstream-controller")


@pytest.fixture(scope="module")
def knative(nodes: Cluster, outside: Outside) -> Iterator[Knative]:
    place = Knative(nodes, outside).install()
    with played("knative-surroundings", nodes, *surroundings(nodes)):
        yield place
    place.stop()


@pytest.fixture(scope="session")
def capi(nodes: Cluster, crds: Path) -> Iterator[ClusterApi]:
    place = ClusterApi(nodes, crds).install()
    with played("openstack", nodes, *machines(nodes)):
        yield place
