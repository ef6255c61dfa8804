"""Plain objects, and pieces that stand in many others. Quantities as Kubernetes writes them.

Source: Kubernetes API reference 1.36; cert-manager.io/v1; monitoring.coreos.com/v1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from services.spec import InstanceSpec, Kind, Manifest, Pods, RegionSettings

SECRET = Kind("v1", "Secret")
CONFIG_MAP = Kind("v1", "ConfigMap")
SERVICE = Kind("v1", "Service")
VOLUME_CLAIM = Kind("v1", "PersistentVolumeClaim")
STATEFUL_SET = Kind("apps/v1", "StatefulSet")
DEPLOYMENT = Kind("apps/v1", "Deployment")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget")
CERTIFICATE = Kind("cert-manager.io/v1", "Certificate")
POD_MONITOR = Kind("monitoring.coreos.com/v1", "PodMonitor")
SERVICE_MONITOR = Kind("monitoring.coreos.com/v1", "ServiceMonitor")

OPTIONAL = frozenset({POD_MONITOR, SERVICE_MONITOR})  # left out where a cluster does not serve them

PLAIN = frozenset({"v1", "apps/v1", "batch/v1", "policy/v1", "networking.k8s.io/v1"})
ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
PUBLIC_NAME = "external-dns.alpha.kubernetes.io/hostname"
RESTART = "polder.eu/restart"  # on pods: a digest of what they read at their start only


def manifest(
    kind: Kind,
    name: str,
    spec: Mapping[str, Any] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    **more: Any,
) -> Manifest:
    """An object of `kind`; `more` are further fields of its top, as `data` of a ConfigMap."""
    metadata: dict[str, Any] = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    if annotations:
        metadata["annotations"] = dict(annotations)
    body = {"apiVersion": kind.api, "kind": kind.name, "metadata": metadata, **more}
    return {**body, "spec": dict(spec)} if spec is not None else body


def secret(
    name: str,
    data: Mapping[str, str],
    *,
    type: str = "Opaque",  # the field's own name
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """`data` in plain text: the API server encodes it."""
    return manifest(SECRET, name, labels=labels, type=type, stringData=dict(data))


def resources(vcpu: Decimal, memory_mib: int) -> dict[str, Any]:
    """Asked for and allowed are the same, so that the plan is what one has."""
    amount = {"cpu": cpu(vcpu), "memory": memory(memory_mib)}
    return {"requests": amount, "limits": dict(amount)}


def memory(mib: int) -> str:
    """As operators' webhooks write it back: in whole Gi where it is."""
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"


def cpu(vcpu: Decimal) -> str:
    """As the API server writes it back: whole processors, else thousandths."""
    return str(int(vcpu)) if vcpu == int(vcpu) else f"{int(vcpu * 1000)}m"


def storage_class(region: RegionSettings, field: str = "storageClassName") -> dict[str, str]:
    """Nothing where staff named none: the cluster's default serves then."""
    return {field: region.storage_class} if region.storage_class else {}


def volume(name: str, gib: int, region: RegionSettings) -> dict[str, Any]:
    """A template of a claim, as in `volumeClaimTemplates`."""
    return {"metadata": {"name": name}, "spec": claim(gib, region)}


def claim(gib: int, region: RegionSettings) -> dict[str, Any]:
    """The spec of a claim for one node's disk."""
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": f"{gib}Gi"}}}
    return {**asked, **storage_class(region)}


def spread(labels: Mapping[str, str]) -> list[dict[str, Any]]:
    """Over zones as evenly as can be, and never two on one host."""
    selector = {"labelSelector": {"matchLabels": dict(labels)}}
    return [
        {"maxSkew": 1, "topologyKey": ZONE, "whenUnsatisfiable": "ScheduleAnyway", **selector},
        {"maxSkew": 1, "topologyKey": HOST, "whenUnsatisfiable": "DoNotSchedule", **selector},
    ]


def digest(parts: Iterable[str]) -> str:
    """Another when any part is: for `RESTART`."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def ports(named: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "port": port, "targetPort": name} for name, port in named.items()]


def public_service(
    spec: InstanceSpec,
    region: RegionSettings,
    selector: Mapping[str, str],
    named: Mapping[str, int],
) -> list[Manifest]:
    """The balancer in front of a public service; nothing where it is not public."""
    if not is_public(spec, region):
        return []
    body = {"type": "LoadBalancer", "selector": dict(selector), "ports": ports(named)}
    names = {PUBLIC_NAME: public_host(spec, region)}
    return [manifest(SERVICE, f"{spec.name}-public", body, annotations=names)]


def is_public(spec: InstanceSpec, region: RegionSettings) -> bool:
    """Whether it was ordered with a public endpoint, and the region has them."""
    return bool(spec.parameters.get("public") and region.external and region.domain)


def public_host(spec: InstanceSpec, region: RegionSettings) -> str:
    return f"{spec.name}.{region.domain}"


def host(spec: InstanceSpec, service: str) -> str:
    """The name of a service within the cluster."""
    return f"{service}.{spec.namespace}.svc"


def certificate(
    spec: InstanceSpec, region: RegionSettings, services: Iterable[str], *, secret: str
) -> Manifest:
    """A server certificate for these services' names, kept in `secret` (tls.crt, tls.key, ca.crt).
    The region must have an issuer.
    """
    names = [
        name
        for service in services
        for name in (
            f"{service}.{spec.namespace}.svc",
            f"{service}.{spec.namespace}.svc.cluster.local",
            f"{service}.{spec.namespace}",
        )
    ]
    if is_public(spec, region):
        names.append(public_host(spec, region))
    body = {
        "secretName": secret,
        "duration": "2160h",
        "renewBefore": "720h",
        "dnsNames": names,
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "issuerRef": {"name": region.issuer, "kind": "ClusterIssuer", "group": "cert-manager.io"},
    }
    return manifest(CERTIFICATE, f"{spec.name}-tls", body)


def pod_monitor(spec: InstanceSpec, labels: Mapping[str, str], port: str) -> Manifest:
    """Where the platform's Prometheus finds the numbers."""
    body = {
        "selector": {"matchLabels": dict(labels)},
        "podMetricsEndpoints": [{"port": port, "interval": "30s"}],
    }
    return manifest(POD_MONITOR, spec.name, body)


def total(pods: Sequence[Pods]) -> dict[str, Decimal]:
    """What all pods take, by the names of the quota: vcpu, memory_mib, storage_gib."""
    return {
        "vcpu": sum((p.vcpu * p.count for p in pods), Decimal(0)),
        "memory_mib": Decimal(sum(p.memory_mib * p.count for p in pods)),
        "storage_gib": Decimal(sum(p.storage_gib * p.count for p in pods)),
    }
