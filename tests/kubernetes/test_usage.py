"""Usage beyond plans, read from a real API server with the rights that Polder has there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from services import registry
from services.backends.kubernetes import usage
from services.backends.kubernetes.objects import Objects
from services.spec import InstanceSpec
from tests.kubernetes.cluster import Cluster

NOW = datetime.now(UTC).replace(microsecond=0)


def _text(minutes: int) -> str:
    return f"{NOW - timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def _pod(name: str, service: str) -> dict[str, Any]:
    labels = {"serving.knative.dev/service": service}
    containers = [{"name": "user-container", "image": "none"}]
    metadata = {"name": name, "labels": labels}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": containers},
    }


def _runs(state: dict[str, Any]) -> str:
    common = {"name": "user-container", "image": "none", "imageID": "", "ready": True}
    status = {"containerStatuses": [{**common, "restartCount": 0, "state": state}]}
    return json.dumps({"status": status})


def test_functions_are_counted_by_their_pods(cluster: Cluster, namespace: str) -> None:
    said = {"running": {"startedAt": _text(3)}}
    gone = {"terminated": {"startedAt": _text(9), "finishedAt": _text(8), "exitCode": 0}}
    for name, service, state in (("a", "fn-1", said), ("b", "fn-1", gone), ("c", "fn-2", said)):
        cluster.kubectl("apply", "-n", namespace, "-f", "-", text=json.dumps(_pod(name, service)))
        patch = ("patch", "pod", name, "-n", namespace, "--subresource=status", "--type=merge")
        cluster.kubectl(*patch, "-p", _runs(state))
    entry = registry.get("functions")
    spec = InstanceSpec(
        name="fn-1",
        namespace=namespace,
        version=entry.offering.default_version,
        plan=entry.offering.plan("single-1x2"),
        parameters={p.name: p.default for p in entry.offering.parameters},
    )
    objects = Objects(json.loads(cluster.kubeconfig.read_text()))
    found = usage.read(objects, [(entry, spec, NOW - timedelta(minutes=10))], NOW)
    told = {one.meter: one.quantity for one in found["fn-1"]}
    assert told == {"gb_second": 2 * (180 + 60), "provisioned_gb_second": 0}
