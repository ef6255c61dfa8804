"""Cluster API 1.14: Cluster. Its address comes long before anything runs; the topology is
"reconciled" as soon as the objects are made, but for upgrades; the webhook's defaults move the
generation, and right after a change all is said to be well. Seen with the real one
(operators_real/).
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from tests.kubernetes.api import place
from tests.kubernetes.operators.double import Double, Object, Play, Seen, conditions
from tests.kubernetes.operators.shapes import deployment, secret

UNAWARE = 1.0  # seconds that a changed object stays "available", its numbers those of before
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
        self.changed: dict[str, tuple[int, float]] = {}

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
        """For a moment a changed object is all right: its machines were not looked at yet."""
        named, now = one["metadata"], time.monotonic()
        generation, since = self.changed.get(named["uid"], (0, 0.0))
        if generation != named["generation"]:
            generation, since = named["generation"], now
            self.changed[named["uid"]] = generation, since
        if one.get("status", {}).get("controlPlane") and now - since < UNAWARE:
            return {"conditions": _about(one, one["status"]["conditions"])}
        told: Object = {"phase": "Provisioned"}
        told["conditions"] = _about(one, conditions(one, **_said(one, seen)))
        if seen.settled:
            version = one["spec"]["topology"]["version"]
            told["controlPlane"] = _part(
                one["spec"]["topology"]["controlPlane"]["replicas"], version
            )
            told["workers"] = _part(_workers(one), version)
        return told


def _said(one: Object, seen: Seen) -> dict[str, tuple[str, str, str]]:
    version = one["spec"]["topology"]["version"]
    rows = one.get("status", {}).get("controlPlane", {}).get("versions", ())
    made = ("True", "ReconcileSucceeded", "")
    if seen.trouble:
        made = ("False", "ReconcileFailed", seen.trouble[1])
    elif not seen.settled and any(row["version"] != version for row in rows):
        made = ("False", "ClusterUpgrading", f"Cluster is upgrading to {version}")
    missing = ("False", "NotAvailable", "* WorkersAvailable: machines are missing")
    growing = ("False", "NotScalingUp", "") if seen.settled else ("True", "ScalingUp", "")
    return {
        "TopologyReconciled": made,
        "Available": ("True", "Available", "") if seen.settled else missing,
        "ScalingUp": growing,
        "ScalingDown": ("False", "NotScalingDown", ""),
        "RollingOut": ("False", "NotRollingOut", ""),
    }


def _about(one: Object, rows: list[Object]) -> list[Object]:
    return [{**row, "observedGeneration": one["metadata"]["generation"]} for row in rows]


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
