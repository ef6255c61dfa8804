"""One cluster for the whole run, a namespace for each test. Skips loudly without programs or
without a network of its own; in CI nothing may skip (`POLDER_REQUIRE_ENGINES`).

cluster    etcd, API server and controllers; no node, no operator
namespace  an empty one, gone after the test
crds       the folder with the operators' definitions; definitions loads some of them
nodes      + scheduler, three nodes, pods that run, volumes that bind, names that resolve (nodes.py)
cnpg       + CloudNativePG and its backup plugin, the real ones (cloudnative_pg.py)
begin      orders a service in a region on the cluster with nodes (lives.py)

What lies in operators_real/ needs more programs and is a run of its own (marker `operators`).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kubernetes import network
from tests.kubernetes.assets import build
from tests.kubernetes.cloudnative_pg import CloudNativePG
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.nodes import start_nodes

if TYPE_CHECKING:
    from tests.kubernetes.lives import Begin, Life


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the API server."""
    ours = [item for item in items if "tests/kubernetes/" in item.path.as_posix()]
    why = {real: _why_not(real) for real in {_is_real(item) for item in ours}}
    for item in ours:
        real = _is_real(item)
        item.add_marker(pytest.mark.operators if real else pytest.mark.kubernetes)
        if why[real]:
            item.add_marker(pytest.mark.skip(reason=f"NO KUBERNETES: {why[real]}"))


def _is_real(item: pytest.Item) -> bool:
    return "operators_real" in item.path.parts


def _why_not(real: bool) -> str:
    lacking = build.missing() + (build.missing(*build.REAL) if real else [])
    if lacking:
        target = "kubernetes-operators" if real else "kubernetes-assets"
        return f"make {target} builds {', '.join(lacking)}"
    return network.refusal()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """All tests share it. It may be killed in parts and started again: leave it running."""
    place = Cluster()
    try:
        yield place.start()
    finally:
        place.stop()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def crds() -> Path:
    """Where the operators' definitions lie. docs/operating.md says where each is published."""
    named = os.environ.get("POLDER_CRDS")
    if not named or not Path(named).is_dir():
        pytest.skip("NO CRDS: set POLDER_CRDS to the folder with the operators' definitions")
    return Path(named)


@pytest.fixture(scope="session")
def definitions(cluster: Cluster, crds: Path) -> Definitions:
    """`load` the definitions of the groups that a test needs."""
    return Definitions(cluster, crds)


@pytest.fixture(scope="session")
def nodes(cluster: Cluster) -> Cluster:
    """The cluster, with what makes StatefulSets, Deployments, Jobs and volume claims come true:
    pods are scheduled over three zones, run and are ready at once, whatever their image.
    """
    start_nodes(cluster)
    return cluster


@pytest.fixture(scope="session")
def cnpg(nodes: Cluster) -> CloudNativePG:
    """The real CloudNativePG with the real barman-cloud plugin, and an image catalogue. A Cluster
    object becomes healthy in some ten seconds; `log()` says why not. `stop()` and `start()` take
    the operator down and up: writes of its kinds are refused with 500 between.
    """
    return CloudNativePG(nodes).install()


@pytest.fixture
def begin(
    nodes: Cluster, transactional_db: None, prices: None, monkeypatch: pytest.MonkeyPatch
) -> Begin:
    """`begin(offering, plan)`: ordered in a region that has all that staff can set. Operators that
    do not say which generation they have seen get three seconds to see it: the rig has no other
    work.
    """
    from services.backends.kubernetes import backend
    from tests.kubernetes.lives import RICH, Life

    monkeypatch.setattr(backend, "SETTLE", timedelta(seconds=3))

    def ordered(slug: str, plan: str, version: str | None = None, **words: Any) -> Life:
        return Life.begin(nodes, slug, plan, version, **{**RICH, **words})

    return ordered
