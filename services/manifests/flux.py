"""A service that a Helm chart makes, through Flux: a HelmRelease and the repository it comes from.

Source: helm.toolkit.fluxcd.io/v2 and source.toolkit.fluxcd.io/v1 (helm-controller 1.6,
source-controller 1.9). The strategy to try again stands under install and under upgrade: the second
try of an install is an upgrade, and without one there the release stalls for good. What is lost
behind its back Flux sees when it looks again, in half an hour, or when it is asked to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.manifests.conditions import condition, failed, progressing, up_to_date
from services.manifests.objects import manifest
from services.spec import InstanceSpec, Kind, Live, Manifest, Observation, Observed, Ref

HELM_RELEASE = Kind("helm.toolkit.fluxcd.io/v2", "HelmRelease")
HELM_REPOSITORY = Kind("source.toolkit.fluxcd.io/v1", "HelmRepository")
KINDS = (HELM_RELEASE, HELM_REPOSITORY)
_RETRY = {"strategy": {"name": "RetryOnFailure", "retryInterval": "30s"}, "timeout": "10m"}
_LOOK = "reconcile.fluxcd.io/requestedAt"
_WAITING = frozenset({"Progressing", "SourceNotReady", "DependencyNotReady", ""})


@dataclass(frozen=True, slots=True)
class Chart:
    """`url` of the repository (https:// or oci://), name and exact version of the chart."""

    url: str
    name: str
    version: str


def release(spec: InstanceSpec, chart: Chart, values: Mapping[str, Any]) -> list[Manifest]:
    """Repository and release, both named after the instance. Passwords stand in Secrets that the
    values name, never in `values`.
    """
    where = {"url": chart.url, "interval": "1h"}
    if chart.url.startswith("oci://"):
        where["type"] = "oci"
    source = {"kind": "HelmRepository", "name": spec.name}
    wanted = {"chart": chart.name, "version": chart.version, "sourceRef": source}
    body = {
        "releaseName": spec.name,
        "interval": "30m",
        "chart": {"spec": wanted},
        "install": dict(_RETRY),
        "upgrade": dict(_RETRY),
        "driftDetection": {"mode": "enabled"},
        "values": dict(values),
    }
    look = {_LOOK: spec.repair} if spec.repair else None
    return [
        manifest(HELM_REPOSITORY, spec.name, where, annotations=look),
        manifest(HELM_RELEASE, spec.name, body, annotations=look),
    ]


def watched(spec: InstanceSpec) -> Ref:
    return Ref(HELM_RELEASE, spec.name)


def observe(spec: InstanceSpec, live: Live) -> Observation:
    """Of the release: ready when Helm has made this generation and all it made is ready."""
    found = live.get(watched(spec))
    if found is None:
        return Observation(Observed.ABSENT)
    ready, stalled = condition(found, "Ready"), condition(found, "Stalled")
    if stalled.true:
        return failed(stalled.message or ready.message)
    if ready.true and up_to_date(found):
        return Observation(Observed.READY)
    if ready.false and ready.reason not in _WAITING and up_to_date(found):
        return progressing("operator-retries", ready.message)  # it tries again by itself
    return progressing("operator-works", ready.message)
