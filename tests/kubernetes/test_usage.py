"""Usage beyond plans, read from a real API server with the rights that Polder has there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from services import registry
from services.backends.kubernetes import usage
from services.backends.kubernetes.objects import Objects
from services.spec import Counted, InstanceSpec
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


def _balancer(name: str) -> dict[str, Any]:
    ports = [{"name": "kafka", "port": 9094}]
    body = {"type": "LoadBalancer", "selector": {"app": "none"}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": body}


def test_public_addresses_are_those_that_balancers_have(cluster: Cluster, namespace: str) -> None:
    """Given, changed and taken as a cloud's controller does it, in the status."""
    for name in ("ka-1-public-bootstrap", "ka-1-public-0", "ka-2-public"):
        cluster.kubectl("apply", "-n", namespace, "-f", "-", text=json.dumps(_balancer(name)))
    entry = registry.get("kafka")
    usual = {p.name: p.default for p in entry.offering.parameters}
    spec = InstanceSpec(
        name="ka-1",
        namespace=namespace,
        version=entry.offering.default_version,
        plan=entry.offering.plan("dev-1x1"),
        parameters=usual | {"public": True},
    )
    objects = Objects(json.loads(cluster.kubeconfig.read_text()))

    def give(name: str, *addresses: str) -> None:
        status = {"loadBalancer": {"ingress": [{"ip": one} for one in addresses]}}
        patch = ("patch", "service", name, "-n", namespace, "--subresource=status", "--type=merge")
        cluster.kubectl(*patch, "-p", json.dumps({"status": status}))

    def held() -> Counted:
        (told,) = usage.read(objects, [(entry, spec, NOW - timedelta(minutes=5))], NOW)["ka-1"]
        return told

    assert held() == Counted("public_ipv4", Decimal(0), kept=True)
    give("ka-1-public-bootstrap", "185.1.2.3", "2a01:4f8::1")
    give("ka-1-public-0", "185.1.2.4")
    give("ka-2-public", "185.1.2.5")
    assert held() == Counted("public_ipv4", Decimal(2), kept=True)
    cluster.kubectl("delete", "service", "ka-1-public-0", "-n", namespace)
    give("ka-1-public-bootstrap", "10.0.0.1")
    assert held() == Counted("public_ipv4", Decimal(0), kept=True)
