"""A service without an operator: a StatefulSet, the Service that names its pods, and a budget for
how many of them may be away.

Disks are claims of their own, named as the StatefulSet names them: it takes what it finds, so that
they can grow, which a template of claims cannot. Source: Kubernetes 1.36, "StatefulSets".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.manifests import conditions, objects
from services.manifests.objects import manifest
from services.spec import (
    InstanceSpec,
    Kind,
    Leftovers,
    Live,
    Manifest,
    Observation,
    Observed,
    Ref,
    RegionSettings,
)

POD = Kind("v1", "Pod")
# What a waiting container says as long as all is well.
_STARTING = frozenset({"ContainerCreating", "PodInitializing", ""})


@dataclass(frozen=True, slots=True)
class Server:
    """The container of each pod; it has what the plan says. Its root file system is read only.

    `secrets` are names of Secrets by the directory where their content lies, `scratch` directories
    that start empty; on `data` lies the disk. `restart_on` is what the program reads at its start
    only: a change restarts the pods, one after another. With `peers`, pods find each other before
    they are ready.
    """

    image: str
    ports: Mapping[str, int]
    user: int
    ready: Mapping[str, Any]
    alive: Mapping[str, Any]
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    scratch: Sequence[str] = ()
    data: str = ""
    restart_on: Sequence[str] = ()
    peers: bool = False
    stop_seconds: int = 30


def selector(spec: InstanceSpec) -> dict[str, str]:
    """The label of all pods and disks."""
    return {"app.kubernetes.io/instance": spec.name}


def manifests(spec: InstanceSpec, region: RegionSettings, server: Server) -> list[Manifest]:
    """Behind the Secrets that the server mounts."""
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": selector(spec)}}
    return [
        *(disks(spec, region, spec.name) if server.data else ()),
        _names(spec, server),
        _stateful_set(spec, server),
        manifest(objects.DISRUPTION_BUDGET, spec.name, budget),
    ]


def disks(spec: InstanceSpec, region: RegionSettings, template: str) -> list[Manifest]:
    """One for each node, found by the StatefulSet whose template of claims has that name."""
    asked = objects.claim(spec.plan.storage_gib, region)
    return [
        manifest(objects.VOLUME_CLAIM, name, asked, labels=selector(spec))
        for name in _disk_names(spec, template)
    ]


def watched(spec: InstanceSpec, template: str = "") -> tuple[Ref, ...]:
    """The pods, too: only they tell why they do not start. `template` is that of the claims."""
    pods = (Ref(POD, pod) for pod in pod_names(spec))
    disks = (Ref(objects.VOLUME_CLAIM, name) for name in _disk_names(spec, template))
    return (Ref(objects.STATEFUL_SET, spec.name), *pods, *disks)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    """Disks of nodes that a smaller plan has no more."""
    return (Leftovers(objects.VOLUME_CLAIM, selector(spec)),)


def pod_names(spec: InstanceSpec) -> list[str]:
    return [f"{spec.name}-{number}" for number in range(spec.plan.nodes)]


def pod_host(spec: InstanceSpec, pod: str) -> str:
    """The lasting name of one pod."""
    return f"{pod}.{objects.host(spec, spec.name)}"


def observe(spec: InstanceSpec, live: Live, template: str = "") -> Observation:
    """Ready when all nodes of the plan run what was asked for last; its endpoints are the caller's
    to add.
    """
    found = live.get(Ref(objects.STATEFUL_SET, spec.name))
    if found is None:
        return Observation(Observed.ABSENT)
    if spec.paused:
        done = conditions.paused(found)
        return Observation(Observed.PAUSED) if done else conditions.progressing("operator-works")
    ready, wanted = conditions.replicas(found)
    trouble = _trouble(spec, live)
    if wanted == spec.plan.nodes and ready == wanted and not _growing(spec, live, template):
        return Observation(Observed.READY)
    if wanted == spec.plan.nodes and 0 < ready < wanted:
        return conditions.degraded(trouble or f"{ready}/{wanted}")
    code = "operator-retries" if trouble else "operator-works"
    return conditions.progressing(code, trouble or f"{ready}/{spec.plan.nodes}")


def _names(spec: InstanceSpec, server: Server) -> Manifest:
    body = {
        "clusterIP": "None",
        "publishNotReadyAddresses": server.peers,
        "selector": selector(spec),
        "ports": objects.ports(server.ports),
    }
    return manifest(objects.SERVICE, spec.name, body)


def _stateful_set(spec: InstanceSpec, server: Server) -> Manifest:
    body: dict[str, Any] = {
        "serviceName": spec.name,
        "replicas": 0 if spec.paused else spec.plan.nodes,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": selector(spec)},
        "template": {
            "metadata": {
                "labels": {**spec.labels, **selector(spec)},
                "annotations": {objects.RESTART: objects.digest(server.restart_on)},
            },
            "spec": _pod(spec, server),
        },
    }
    if server.data:
        # The claims are there already; the size here is one that never changes, as it must not.
        body["volumeClaimTemplates"] = [objects.volume(spec.name, 1, RegionSettings())]
    return manifest(objects.STATEFUL_SET, spec.name, body)


def _pod(spec: InstanceSpec, server: Server) -> dict[str, Any]:
    at = {_volume(path): path for path in server.secrets}
    scratch = {_volume(path): path for path in server.scratch}
    mounts = [{"name": name, "mountPath": path, "readOnly": True} for name, path in at.items()]
    mounts += [{"name": name, "mountPath": path} for name, path in scratch.items()]
    if server.data:
        mounts.append({"name": spec.name, "mountPath": server.data})
    container = {
        "name": "server",
        "image": server.image,
        "ports": [{"name": name, "containerPort": port} for name, port in server.ports.items()],
        "resources": objects.resources(spec.plan.vcpu, spec.plan.memory_mib),
        "readinessProbe": dict(server.ready),
        "livenessProbe": dict(server.alive),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    if server.command:
        container["command"] = list(server.command)
    if server.args:
        container["args"] = list(server.args)
    if server.env:
        container["env"] = [{"name": name, "value": value} for name, value in server.env.items()]
    sources = [
        {"name": n, "secret": {"secretName": server.secrets[path]}} for n, path in at.items()
    ]
    pod: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": server.stop_seconds,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": server.user,
            "runAsGroup": server.user,
            "fsGroup": server.user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": sources + [{"name": name, "emptyDir": {}} for name in scratch],
    }
    if spec.plan.nodes > 1:
        pod["topologySpreadConstraints"] = objects.spread(selector(spec))
    return pod


def _volume(path: str) -> str:
    return path.strip("/").replace("/", "-")


def _disk_names(spec: InstanceSpec, template: str) -> list[str]:
    """`<template>-<pod>`; ours is called like the instance."""
    if not spec.plan.storage_gib:
        return []
    return [f"{template or spec.name}-{pod}" for pod in pod_names(spec)]


def _growing(spec: InstanceSpec, live: Live, template: str) -> bool:
    names = _disk_names(spec, template)
    claims = (live.get(Ref(objects.VOLUME_CLAIM, name), {}) for name in names)
    steps = ("Resizing", "FileSystemResizePending")
    return any(conditions.condition(claim, step).true for claim in claims for step in steps)


def _trouble(spec: InstanceSpec, live: Live) -> str:
    """Why a pod does not start, in the cluster's words; empty while it simply takes its time."""
    for name in pod_names(spec):
        pod = live.get(Ref(POD, name), {})
        scheduled = conditions.condition(pod, "PodScheduled")
        if scheduled.false:
            return scheduled.message
        for container in (pod.get("status") or {}).get("containerStatuses") or ():
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason", "") not in _STARTING:
                return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    return ""
