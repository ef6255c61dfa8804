"""Kubernetes clusters on Kubernetes: Cluster API 1.14, one `Cluster` with a topology.

How machines are made is the region's business and stands in its class `polder-kubeadm`: the worker
classes `standard` and `gpu`, the variables named in `_variables`, and a list of versions. What runs
in each new cluster (network, autoscaler, GPU drivers) is the region's too; it finds the clusters by
the labels in `_addons`. The machines are no pods of the region.
Source: Cluster API's documentation and its definitions, 1.14; what was seen of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.manifests import conditions, objects
from services.manifests.conditions import condition, progressing
from services.manifests.objects import manifest
from services.spec import (
    Bin,
    Capability,
    Credentials,
    Endpoint,
    InstanceSpec,
    Kind,
    Leftovers,
    Live,
    Manifest,
    Observation,
    Observed,
    Pods,
    Ref,
    RegionSettings,
    Secret,
)

CLUSTER = Kind("cluster.x-k8s.io/v1beta2", "Cluster")

KINDS = (CLUSTER,)
# The newest fixes of each version that are known to be published.
_RELEASES = {
    "1.31": "v1.31.14",
    "1.32": "v1.32.13",
    "1.33": "v1.33.13",
    "1.34": "v1.34.9",
    "1.35": "v1.35.6",
}
VERSIONS = tuple(_RELEASES)
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset({Capability.RESIZE, Capability.UPGRADE})
BIN: Bin = "none"  # machines cannot be stopped and kept, and stand outside the namespace's network
# Its status names the Cluster's generation, and for a moment counts the machines of the one before.
TELLS_GENERATION = False

_CLASS = {"name": "polder-kubeadm", "namespace": "polder-classes"}
_USER = "kubernetes-admin"
_SIZE = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-{}-size"
_CAPACITY = "capacity.cluster-autoscaler.kubernetes.io/"


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    return ()


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    topology = {
        "classRef": dict(_CLASS),
        "version": _RELEASES[spec.version],
        "controlPlane": {"replicas": _control_planes(spec)},
        "workers": {"machineDeployments": [*_pools(spec, region), *_gpu_pool(spec)]},
        "variables": _variables(spec),
    }
    network = {
        "pods": {"cidrBlocks": ["10.244.0.0/16"]},
        "services": {"cidrBlocks": ["10.95.0.0/16"]},
        "serviceDomain": "cluster.local",
    }
    body = {"clusterNetwork": network, "topology": topology}
    return [manifest(CLUSTER, spec.name, body, labels=_addons(spec))]


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return ()


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (Ref(CLUSTER, spec.name),)


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (_kubeconfig(spec),)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return ()


def _kubeconfig(spec: InstanceSpec) -> Ref:
    return Ref(objects.SECRET, f"{spec.name}-kubeconfig")


# -- what is made ---------------------------------------------------------------------------------


def _control_planes(spec: InstanceSpec) -> int:
    return 3 if spec.plan.ha else 1


def _variables(spec: InstanceSpec) -> list[dict[str, Any]]:
    plan = spec.plan
    wanted = {
        "containerRuntime": spec.parameters["runtime"],
        "workerFlavor": f"polder-{int(plan.vcpu)}x{plan.memory_mib // 1024}",
        "workerDiskGiB": plan.storage_gib,
    }
    return [{"name": name, "value": value} for name, value in wanted.items()]


def _addons(spec: InstanceSpec) -> dict[str, str]:
    """What the region's add-ons select clusters by."""
    scales = spec.parameters["more_workers"] or spec.parameters["gpu"] != "none"
    return {
        "addons.polder.eu/network": "enabled",
        "addons.polder.eu/autoscaler": "enabled" if scales else "disabled",
        "addons.polder.eu/gpu": "enabled" if spec.parameters["gpu"] != "none" else "disabled",
    }


def _pools(spec: InstanceSpec, region: RegionSettings) -> list[dict[str, Any]]:
    """One for each zone where the plan has several workers, so that each zone keeps its own."""
    zones = region.zones[: spec.plan.nodes] if spec.plan.nodes > 1 else ()
    places = len(zones) or 1
    found = []
    for n in range(places):
        least = _share(spec.plan.nodes, places, n)
        most = least + _share(spec.parameters["more_workers"], places, n)
        pool = {"class": "standard", "name": f"workers-{n + 1}", **_amount(least, most)}
        found.append({**pool, "failureDomain": zones[n]} if zones else pool)
    return found


def _share(number: int, places: int, n: int) -> int:
    """Of place `n` in `number`: as even as can be, the first ones more."""
    return number // places + (n < number % places)


def _amount(least: int, most: int, **annotations: str) -> dict[str, Any]:
    """The webhook refuses a number beside the autoscaler's limits, whose the number is then."""
    if most == least:
        return {"replicas": least}
    limits = {_SIZE.format("min"): str(least), _SIZE.format("max"): str(most)}
    return {"metadata": {"annotations": {**limits, **annotations}}}


def _gpu_pool(spec: InstanceSpec) -> list[dict[str, Any]]:
    """From none: the autoscaler must be told what a worker will have."""
    gpu = spec.parameters["gpu"]
    if gpu == "none":
        return []
    has = {
        "cpu": "16",
        "memory": "120G",
        "gpu-type": "nvidia.com/gpu",
        "gpu-count": "1",
    }
    capacity = {f"{_CAPACITY}{name}": value for name, value in has.items()}
    flavor = {"name": "workerFlavor", "value": f"polder-gpu-{gpu}"}
    taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    return [
        {
            "class": "gpu",
            "name": "gpu",
            **_amount(0, spec.parameters["gpu_workers"], **capacity),
            "taints": [{**taint, "propagation": "Always"}],
            "variables": {"overrides": [flavor]},
        }
    ]


# -- what is seen ---------------------------------------------------------------------------------

_CHANGING = ("RollingOut", "ScalingUp", "ScalingDown")


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    """Neither the phase "Provisioned" nor `TopologyReconciled` says that anything runs: the first
    comes with the address, the second when the objects are made. `Available` lists what is missing.
    """
    found = live.get(Ref(CLUSTER, spec.name))
    if found is None:
        return Observation(Observed.ABSENT)
    status = found.get("status") or {}
    available, topology = condition(found, "Available"), condition(found, "TopologyReconciled")
    if status.get("phase") == "Failed":
        return conditions.failed(available.message)
    if topology.reason in ("ReconcileFailed", "ClusterClassNotReconciled") and topology.false:
        return progressing("operator-retries", topology.message)
    if not conditions.up_to_date(found) or status.get("phase") == "Deleting":
        return progressing("operator-works", available.message)
    if available.true and topology.true and _as_asked(spec, status):
        return replace(_endpoints(found), observed=Observed.READY)
    changing = [word for word in _CHANGING if condition(found, word).status != "False"]
    if not changing and topology.true and _lacks_some(status):
        return replace(
            _endpoints(found),
            observed=Observed.DEGRADED,
            code="operator-degraded",
            detail=available.message,
        )
    return progressing("operator-works", topology.message or available.message)


def _as_asked(spec: InstanceSpec, status: Mapping[str, Any]) -> bool:
    """The version runs everywhere, and as many control planes as were ordered. Workers are the
    autoscaler's to count, from what was ordered on.
    """
    control, workers = status.get("controlPlane") or {}, status.get("workers") or {}
    versions = [*(control.get("versions") or ()), *(workers.get("versions") or ())]
    newest = {row["version"] for row in versions} == {_RELEASES[spec.version]}
    ready = control.get("readyReplicas", 0) == _control_planes(spec) == control.get("replicas")
    enough = workers.get("desiredReplicas", 0) >= spec.plan.nodes
    return newest and ready and enough and _whole(control) and _whole(workers)


def _whole(part: Mapping[str, Any]) -> bool:
    wanted = part.get("desiredReplicas", 0)
    return bool(wanted == part.get("availableReplicas", 0) == part.get("upToDateReplicas", 0))


def _lacks_some(status: Mapping[str, Any]) -> bool:
    parts = [status.get("controlPlane") or {}, status.get("workers") or {}]
    return parts[0].get("availableReplicas", 0) > 0 and not all(_whole(part) for part in parts)


def _endpoints(found: Manifest) -> Observation:
    where = found["spec"]["controlPlaneEndpoint"]
    host, port = where["host"], where["port"]
    endpoint = Endpoint("api", "https", host, port, f"https://{host}:{port}", True)
    return Observation(Observed.READY, endpoints=(endpoint,))


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    """Read at each use: the operator renews the certificate in it. The CA's own key lies in another
    Secret and is nobody's to see.
    """
    kubeconfig = conditions.secret_value(live, _kubeconfig(spec), "value")
    uri = _field(kubeconfig, "server")
    host, _, port = uri.removeprefix("https://").rpartition(":")
    authority = base64.b64decode(_field(kubeconfig, "certificate-authority-data")).decode()
    return Credentials(
        username=_USER,
        password=kubeconfig,
        uri=Secret(uri),
        host=host,
        port=int(port),
        ca_certificate=authority,
        env={"KUBECONFIG_CONTENT": kubeconfig, "KUBERNETES_API": Secret(uri)},
    )


def _field(kubeconfig: str, name: str) -> str:
    """The operator writes one cluster and one user, each field on a line of its own."""
    found = re.search(rf"^\s*(?:- )?{name}:\s*(\S+)$", kubeconfig, re.MULTILINE)
    return found[1].strip("\"'") if found else ""
