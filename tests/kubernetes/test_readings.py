"""What pods take, asked of a real API server that serves the metrics API as a kind of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from portal.kernel.errors import Permanent
from services.backends.kubernetes import health, readings
from services.backends.kubernetes.objects import Objects
from services.spec import Reading, RegionSettings
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.test_cluster import until

_CRD, _NAME = "apiextensions.k8s.io/v1", "pods.metrics.k8s.io"


@pytest.fixture
def objects(cluster: Cluster) -> Objects:
    return Objects(json.loads(cluster.kubeconfig.read_text()))


@pytest.fixture
def metrics(objects: Objects) -> Iterator[Objects]:
    """A metrics server measures pods of real nodes; here its kind is defined and filled by hand."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1beta1", "served": True, "storage": True}
    objects.apply(
        {
            "apiVersion": _CRD,
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": _NAME,
                "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
            },
            "spec": {
                "group": "metrics.k8s.io",
                "names": {"kind": "PodMetrics", "plural": "pods"},
                "scope": "Namespaced",
                "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
            },
        }
    )
    until(lambda: health.check(objects, RegionSettings(), []).facts["metrics"] == "served")
    yield objects
    objects.delete(_CRD, "CustomResourceDefinition", _NAME)


def wanted(namespace: str, *names: str) -> Any:
    renderer = SimpleNamespace(selectors=lambda spec: ({"cluster": spec.name},))
    return [(renderer, SimpleNamespace(name=name, namespace=namespace)) for name in names]


def test_pods_are_read_by_their_labels(metrics: Objects, namespace: str, cluster: Cluster) -> None:
    fresh = Objects(json.loads(cluster.kubeconfig.read_text()))
    for name, cpu, memory in (("pg-1-1", "250m", "300Mi"), ("pg-1-2", "12345678n", "1Gi")):
        fresh.create(
            {
                "apiVersion": readings.POD_METRICS.api,
                "kind": readings.POD_METRICS.name,
                "metadata": {"name": name, "namespace": namespace, "labels": {"cluster": "pg-1"}},
                "containers": [{"name": "main", "usage": {"cpu": cpu, "memory": memory}}],
            }
        )
    found = readings.read(fresh, wanted(namespace, "pg-1", "pg-2"))
    assert found == {"pg-1": Reading(memory_mib=1024, millicores=250)}


def test_without_a_metrics_server_it_is_off(objects: Objects, namespace: str) -> None:
    assert health.check(objects, RegionSettings(), []).facts["metrics"] == ""
    with pytest.raises(Permanent) as told:
        readings.read(objects, wanted(namespace, "pg-1"))
    assert told.value.code == "metrics-not-served"
