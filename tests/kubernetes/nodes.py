"""Nodes, a scheduler and names for the rig. KWOK plays the kubelets: stages/*.yaml say what it does
to nodes, pods and volume claims.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.kubernetes.cluster import QUICK, Cluster
from tests.kubernetes.network import ROOT

STAGES = Path(__file__).parent / "stages"
ZONES = ("eu-1a", "eu-1b", "eu-1c")
NODES = ("node-a", "node-b", "node-c")
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": "ssd",
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": "rig.test/none",  # KWOK makes the volumes: stages/volumes.yaml
    "allowVolumeExpansion": True,
}
_SIZE = {"cpu": "4000", "memory": "8Ti", "pods": "2000", "ephemeral-storage": "1Ti"}


def start_nodes(cluster: Cluster) -> None:
    """Three nodes in three zones, Ready when it returns, and a storage class, `ssd`."""
    cluster.run(
        "kube-scheduler",
        f"--kubeconfig={cluster.kubeconfig}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        *QUICK,
    )
    run_module(cluster, "names")
    pairs = zip(NODES, ZONES, strict=True)
    cluster.apply(*(_node(n, name, zone) for n, (name, zone) in enumerate(pairs, start=1)))
    cluster.apply(STORAGE_CLASS)
    cluster.run("kwok", *_kwok(cluster))
    cluster.wait("kwok", lambda: _ready(cluster) == len(NODES))


def run_module(cluster: Cluster, name: str, *arguments: str) -> None:
    """A program of ours inside the network: tests.kubernetes.NAME."""
    argv = ["-m", f"tests.kubernetes.{name}", *arguments]
    cluster.run(name, *argv, program=sys.executable, folder=ROOT)


def _node(number: int, name: str, zone: str) -> dict[str, Any]:
    labels = {
        "topology.kubernetes.io/zone": zone,
        "topology.kubernetes.io/region": "eu-1",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    addresses = f"10.244.{number}.0/24"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {"podCIDR": addresses, "podCIDRs": [addresses]},
        "status": {"allocatable": _SIZE, "capacity": _SIZE},
    }


def _kwok(cluster: Cluster) -> list[str]:
    stages = cluster.home / "stages.yaml"
    stages.write_text("\n---\n".join(file.read_text() for file in sorted(STAGES.glob("*.yaml"))))
    return [
        f"--kubeconfig={cluster.kubeconfig}",
        f"--config={stages}",
        "--manage-all-nodes=true",
        "--cidr=10.244.0.0/24",
        "--node-ip=10.0.0.10",
        "--node-port=10250",
        f"--tls-cert-file={cluster.home / 'server.crt'}",
        f"--tls-private-key-file={cluster.home / 'server.key'}",
    ]


def _ready(cluster: Cluster) -> int:
    conditions = [
        condition
        for node in cluster.read("nodes")["items"]
        for condition in node["status"].get("conditions", [])
    ]
    return sum(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
