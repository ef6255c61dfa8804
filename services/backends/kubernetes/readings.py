"""What pods take, as the cluster's metrics server measured it.

Source: k8s.io/metrics, metrics.k8s.io/v1beta1 (PodMetrics); Kubernetes API conventions, "Quantity".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from portal.kernel.errors import Permanent
from services.backends.kubernetes.objects import Objects
from services.spec import InstanceSpec, Kind, Kubernetes, Reading

POD_METRICS = Kind("metrics.k8s.io/v1beta1", "PodMetrics")
_MIB = 2**20
_SIZES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def read(objects: Objects, wanted: Iterable[tuple[Kubernetes, InstanceSpec]]) -> dict[str, Reading]:
    """Raises: Permanent("metrics-not-served") without a metrics server; Temporary."""
    if not objects.serves(POD_METRICS.api, POD_METRICS.name):
        raise Permanent("metrics-not-served")
    spaces: dict[str, list[tuple[Kubernetes, InstanceSpec]]] = {}
    for renderer, spec in wanted:
        spaces.setdefault(spec.namespace, []).append((renderer, spec))
    found: dict[str, Reading] = {}
    for namespace, specs in spaces.items():
        pods = objects.list(POD_METRICS.api, POD_METRICS.name, namespace)
        for renderer, spec in specs:
            mine = [pod for pod in pods if _is_of(pod, renderer.selectors(spec), spec.name)]
            if mine:
                found[spec.name] = _busiest(mine)
    return found


def _is_of(pod: Mapping[str, Any], selectors: Sequence[Mapping[str, str]], name: str) -> bool:
    """By its labels; older metrics servers do not hand them on, then by its name."""
    metadata = pod["metadata"]
    labels = metadata.get("labels") or {}
    if not labels:
        return str(metadata["name"]).startswith(f"{name}-")
    return any(selector.items() <= labels.items() for selector in selectors if selector)


def _busiest(pods: Sequence[Mapping[str, Any]]) -> Reading:
    return Reading(
        memory_mib=int(max(_sum(pod, "memory") for pod in pods) // _MIB),
        millicores=int(max(_sum(pod, "cpu") for pod in pods) * 1000),
    )


def _sum(pod: Mapping[str, Any], what: str) -> Decimal:
    """Over its containers, side-cars included: they take from what the plan has."""
    usages = (container.get("usage") or {} for container in pod.get("containers") or ())
    return sum((amount(str(usage.get(what, "0"))) for usage in usages), Decimal(0))


def amount(text: str) -> Decimal:
    """A quantity as Kubernetes writes it: `12345678n`, `250m`, `1.5`, `123456Ki`, `1e3`."""
    for suffix in (text[-2:], text[-1:]):
        if suffix in _SIZES:
            return Decimal(text.removesuffix(suffix)) * _SIZES[suffix]
    return Decimal(text)
