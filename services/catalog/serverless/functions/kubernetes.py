"""Functions on Kubernetes: a Knative Service from an image that `func` or buildpacks made.

The runtimes of both listen on 8080.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.manifests import knative
from services.spec import (
    Bin,
    Capability,
    Credentials,
    InstanceSpec,
    Leftovers,
    Live,
    Manifest,
    Observation,
    Pods,
    Ref,
    RegionSettings,
)

KINDS = knative.KINDS
VERSIONS = knative.VERSIONS
NEEDS: frozenset[str] = frozenset()
CAPABILITIES = frozenset({Capability.RESIZE, Capability.ROTATE})
BIN: Bin = "isolated"  # nothing runs that nobody can reach
TELLS_GENERATION = True


def pods(spec: InstanceSpec, region: RegionSettings) -> tuple[Pods, ...]:
    return knative.pods(spec)


def manifests(spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
    return knative.manifests(spec, region, port=8080)


def selectors(spec: InstanceSpec) -> tuple[Mapping[str, str], ...]:
    return knative.selectors(spec)


def watched(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (knative.ref(spec),)


def observe(spec: InstanceSpec, region: RegionSettings, live: Live) -> Observation:
    return knative.observe(spec, live)


def revealed(spec: InstanceSpec) -> tuple[Ref, ...]:
    return (knative.ref(spec),)


def credentials(spec: InstanceSpec, region: RegionSettings, live: Live) -> Credentials:
    return knative.credentials(spec, live)


def leftovers(spec: InstanceSpec) -> tuple[Leftovers, ...]:
    return ()
