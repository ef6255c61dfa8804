"""Serverless containers are counted by the seconds in which their containers run. What reaches them
is counted beside them, as for functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from services.manifests import knative, spans
from services.spec import Counted, InstanceSpec, Listing, Manifest

METERS = ("vcpu_second", "memory_gib_second")
COUNTERS = (knative.invocations("requests"),)


def listings(spec: InstanceSpec) -> tuple[Listing, ...]:
    return knative.pods_of(spec)


def counted(
    spec: InstanceSpec, found: Sequence[Manifest], since: datetime, until: datetime
) -> tuple[Counted, ...]:
    ran = spans.seconds(spans.of_containers(found, knative.CONTAINER), since, until)
    return (
        Counted("vcpu_second", spec.plan.vcpu * ran),
        Counted("memory_gib_second", Decimal(spec.plan.memory_mib) / 1024 * ran),
    )
