"""Cluster API 1.14: Cluster. Its address comes long before anything runs; the topology is
"reconciled" as soon as the objects are made; the webhook's defaults move the generation.
"""

from __future__ import annotations

from collections.abc import Iterable

from tests.kubernetes.api import place
from tests.kubernetes.operators.double import Double, Object, Play, Seen, conditions
from tests.kubernetes.operators.shapes import deployment, secret

KUBECONFIG = """\
clusters:
- cluster:
    certificate-authority-data: dGhlIENB
    server: https://203.0.113.7:6443
"""


class Clusters(Play):
    api = "cluster.x-k8s.io/v1beta2"
    plural = "clusters"
    finalizer = "cluster.cluster.x-k8s.io"

    def __init__(self) -> None:
        self.double: Double | None = None

    def children(self, one: Object) -> Iterable[Object]:
        """Machines, played by pods: one for each control plane and worker."""
        name, topology = one["metadata"]["name"], one["spec"]["topology"]
        if self.double and "controlPlaneEndpoint" not in one["spec"]:
            path = place(self.api, self.plural, one["metadata"]["namespace"], name)
            where = {"host": "203.0.113.7", "port": 6443}
            self.double.api.merge(path, {"spec": {"controlPlaneEndpoint": where}})
        yield secret(f"{name}-kubeconfig", value=KUBECONFIG)
        version = topology["version"]
        yield deployment(f"{name}-control", topology["controlPlane"]["replicas"], version)
        yield deployment(f"{name}-workers", _workers(one), version)

    def status(self, one: Object, seen: Seen) -> Object:
        topology = one["spec"]["topology"]
        control, workers = topology["controlPlane"]["replicas"], _workers(one)
        made = ("True", "ReconcileSucceeded", "")
        if seen.trouble:
            made = ("False", "ReconcileFailed", seen.trouble[1])
        missing = ("False", "NotAvailable", "* WorkersAvailable: machines are missing")
        growing = ("False", "NotScalingUp", "") if seen.settled else ("True", "ScalingUp", "")
        said = {
            "TopologyReconciled": made,
            "Available": ("True", "Available", "") if seen.settled else missing,
            "ScalingUp": growing,
            "ScalingDown": ("False", "NotScalingDown", ""),
            "RollingOut": ("False", "NotRollingOut", ""),
        }
        told: Object = {"phase": "Provisioned", "conditions": conditions(one, **said)}
        if seen.settled:
            told["controlPlane"] = _part(control, topology["version"])
            told["workers"] = _part(workers, topology["version"])
        return told


def _workers(one: Object) -> int:
    """Where the autoscaler has the number, it begins with the least."""
    pools = one["spec"]["topology"]["workers"]["machineDeployments"]
    size = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size"
    return sum(
        p["replicas"] if "replicas" in p else int(p["metadata"]["annotations"][size]) for p in pools
    )


def _part(number: int, version: str) -> Object:
    names = (
        "desiredReplicas",
        "replicas",
        "readyReplicas",
        "availableReplicas",
        "upToDateReplicas",
    )
    return {**dict.fromkeys(names, number), "versions": [{"version": version, "replicas": number}]}
