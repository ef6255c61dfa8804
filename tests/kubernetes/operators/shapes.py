"""Children as operators make them, short."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def labels(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name}


def stateful_set(
    name: str,
    replicas: int,
    image: str,
    *,
    service: str = "",
    resources: Object | None = None,
    claims: dict[str, Object] | None = None,
    claim_owner: Object | None = None,
    marks: dict[str, str] | None = None,
) -> Object:
    """`claims`: the spec of each volume claim, by name. `marks`: annotations of the pods, so that
    a change of them rolls all pods.
    """
    metadata: Object = {"ownerReferences": [claim_owner]} if claim_owner else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "replicas": replicas,
            "serviceName": service or name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels(name)},
            "template": pods(name, image, resources, marks),
            "volumeClaimTemplates": [
                {"metadata": {"name": claim, **metadata}, "spec": spec}
                for claim, spec in (claims or {}).items()
            ],
        },
    }


def deployment(name: str, replicas: int, image: str, resources: Object | None = None) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels(name)},
            "template": pods(name, image, resources, None),
        },
    }


def pods(name: str, image: str, resources: Object | None, marks: dict[str, str] | None) -> Object:
    container = {"name": name.rsplit("-", 1)[-1], "image": image, "resources": resources or {}}
    return {
        "metadata": {"labels": labels(name), "annotations": marks or {}},
        "spec": {"containers": [container]},
    }


def claim(size: str, storage_class: str | None = None) -> Object:
    """The spec of a volume claim."""
    more = {"storageClassName": storage_class} if storage_class else {}
    requests = {"requests": {"storage": size}}
    return {"accessModes": ["ReadWriteOnce"], "resources": requests, **more}


def service(
    name: str, ports: dict[str, int], of: str, kind: str = "ClusterIP", headless: bool = False
) -> Object:
    """`of`: the name of the workload whose pods it leads to."""
    listed = [{"name": port, "port": number} for port, number in ports.items()]
    spec: Object = {"type": kind, "ports": listed, "selector": labels(of)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels(of)},
        "spec": {**spec, "clusterIP": "None"} if headless else spec,
    }


def secret(name: str, **data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": data,
    }
