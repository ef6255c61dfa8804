"""A project's namespace and its guard rails: who may run in it, how much, and who may speak with
whom. Pure.

Tenants have no access to the cluster's API; these rules hold what runs for them. Operators and the
platform's monitoring come from namespaces labelled `polder.eu/platform: "true"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from services.manifests.objects import manifest
from services.spec import InstanceSpec, Kind, Manifest, RegionSettings

NAMESPACE = Kind("v1", "Namespace")
_QUOTA = Kind("v1", "ResourceQuota")
_LIMITS = Kind("v1", "LimitRange")
_ACCOUNT = Kind("v1", "ServiceAccount")
POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy")
PLATFORM = {"polder.eu/platform": "true"}
_LINK_LOCAL = "169.254.0.0/16"  # where clouds answer their machines' questions about themselves

Amounts = Mapping[str, Decimal]


def guard_rails(spec: InstanceSpec, quota: Amounts, backup: Mapping[str, str]) -> list[Manifest]:
    """The namespace first. `quota` holds the project's limits by name, `backup` the keys of the
    region's store.
    """
    inside = [
        _resource_quota(quota),
        manifest(_LIMITS, "polder", {"limits": [_CONTAINERS]}),
        manifest(_ACCOUNT, "default", automountServiceAccountToken=False),
        _default_deny(),
        _needed_by_all(),
    ]
    if backup:
        inside.append(_backup_keys(backup))
    labels = {key: value for key, value in spec.labels.items() if key in _OF_PROJECT}
    security = {
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/warn": "restricted",
    }
    return [manifest(NAMESPACE, spec.namespace, labels={**labels, **security}), *inside]


_OF_PROJECT = ("polder.eu/project", "polder.eu/organisation")

_CONTAINERS = {
    "type": "Container",
    "default": {"cpu": "500m", "memory": "256Mi"},
    "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
}


def _resource_quota(quota: Amounts) -> Manifest:
    """A second wall behind Polder's own: it counts what really runs."""
    units = {
        "requests.cpu": ("vcpu", ""),
        "requests.memory": ("memory_mib", "Mi"),
        "requests.storage": ("storage_gib", "Gi"),
        "services.loadbalancers": ("public_endpoints", ""),
    }
    hard = {
        name: f"{quota[ours].normalize():f}{unit}"
        for name, (ours, unit) in units.items()
        if ours in quota
    }
    return manifest(_QUOTA, "polder", {"hard": hard})


def _default_deny() -> Manifest:
    return manifest(POLICY, "default-deny", {"podSelector": {}, "policyTypes": _BOTH})


def _needed_by_all() -> Manifest:
    """Names, the API server and stores outside (both answer on 443 or 6443), and the platform's
    operators and monitoring.
    """
    platform = {"namespaceSelector": {"matchLabels": PLATFORM}}
    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    anywhere = {"ipBlock": {"cidr": "0.0.0.0/0", "except": [_LINK_LOCAL]}}
    return manifest(
        POLICY,
        "needed-by-all",
        {
            "podSelector": {},
            "policyTypes": _BOTH,
            "ingress": [{"from": [platform]}],
            "egress": [
                {"to": [platform]},
                {"to": [dns], "ports": [_port(53, "UDP"), _port(53)]},
                {"to": [anywhere], "ports": [_port(443), _port(6443)]},
            ],
        },
    )


_BOTH = ["Ingress", "Egress"]


def _port(number: int, protocol: str = "TCP") -> dict[str, Any]:
    return {"port": number, "protocol": protocol}


def _backup_keys(backup: Mapping[str, str]) -> Manifest:
    return manifest(
        Kind("v1", "Secret"), "polder-backup-store", type="Opaque", stringData=dict(backup)
    )


def openings(
    spec: InstanceSpec,
    region: RegionSettings,
    selectors: tuple[Mapping[str, str], ...],
    *,
    closed: bool = False,
) -> list[Manifest]:
    """Who reaches an instance's pods: its own, and the project's others; all, where it is public.
    With `closed` (isolated, in the bin) its own alone, or an operator could not take it down in
    peace. The platform always does.
    """
    if closed:
        own = [{"podSelector": {"matchLabels": dict(labels)}} for labels in selectors]
        return _between(f"{spec.name}-closed", selectors, own, own)
    public = bool(spec.parameters.get("public") and region.external and region.domain)
    inside: list[dict[str, Any]] = [{"podSelector": {}}]
    outside = [{"ipBlock": {"cidr": "0.0.0.0/0"}}] if public else []
    return _between(f"{spec.name}-open", selectors, [*inside, *outside], inside)


def _between(
    name: str, selectors: tuple[Mapping[str, str], ...], sources: list[Any], targets: list[Any]
) -> list[Manifest]:
    """One policy a role."""
    made = []
    for number, labels in enumerate(selectors):
        body = {
            "podSelector": {"matchLabels": dict(labels)},
            "policyTypes": _BOTH,
            "ingress": [{"from": sources}],
            "egress": [{"to": targets}],
        }
        made.append(manifest(POLICY, f"{name}-{number}" if number else name, body))
    return made
