"""What every renderer makes is accepted by a real API server with the operators' real schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from services.backends.kubernetes.objects import Objects
from services.manifests.objects import PLAIN
from services.spec import Entry
from tests.contracts import manifests
from tests.contracts.test_manifests import GOLDEN
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions

CASES = pytest.mark.parametrize(
    ("entry", "name"), GOLDEN, ids=[f"{e.offering.slug}-{name}" for e, name in GOLDEN]
)


@CASES
def test_the_api_server_takes_it_and_takes_it_again(
    entry: Entry, name: str, cluster: Cluster, definitions: Definitions, namespace: str
) -> None:
    wanted = manifests.rendered(entry, name)
    definitions.load({made["apiVersion"] for made in wanted} - PLAIN)
    objects = Objects(json.loads(cluster.kubeconfig.read_text()))
    placed: list[dict[str, Any]] = [
        {**made, "metadata": {**made["metadata"], "namespace": namespace}} for made in wanted
    ]

    def generations() -> list[int | None]:
        """Plain kinds of old have none."""
        made = [objects.apply(each) for each in placed if "spec" in each]
        return [each["metadata"].get("generation") for each in made]

    assert generations() == generations()
