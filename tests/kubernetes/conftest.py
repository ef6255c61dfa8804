"""One control plane for the whole run, a namespace for each test. Skips loudly without programs."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.assets import build
from tests.kubernetes.cluster import Cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the API server."""
    missing = pytest.mark.skip(
        reason="NO KUBERNETES: make kubernetes-assets, or set KUBEBUILDER_ASSETS"
    )
    for item in items:
        if "tests/kubernetes/" in item.path.as_posix():
            item.add_marker(pytest.mark.kubernetes)
            if build.found() is None:
                item.add_marker(missing)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    binaries = build.found()
    assert binaries is not None
    place = Cluster(binaries).start()
    yield place
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
    if not named:
        pytest.skip("NO CRDS: set POLDER_CRDS to the folder with the operators' definitions")
    return Path(named)
