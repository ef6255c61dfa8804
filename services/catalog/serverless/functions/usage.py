"""Functions are counted by the memory that they hold: ready (up to the number that was ordered so),
or working (beyond it). A GB is 1,024 MiB. Invocations are no object of a cluster: Knative's own
container beside each function counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from services.manifests import knative, spans
from services.spec import Counted, InstanceSpec, Listing, Manifest

METERS = ("gb_second", "provisioned_gb_second")
COUNTERS = (knative.invocations("invocations"),)


def listings(spec: InstanceSpec) -> tuple[Listing, ...]:
    return knative.pods_of(spec)


def counted(
    spec: InstanceSpec, found: Sequence[Manifest], since: datetime, until: datetime
) -> tuple[Counted, ...]:
    ran = list(spans.of_containers(found, knative.CONTAINER))
    ready = min(spec.parameters["min_scale"], spec.parameters["max_scale"])
    working = spans.seconds_beyond(ran, ready, since, until)
    held = spans.seconds(ran, since, until) - working
    gigabytes = Decimal(spec.plan.memory_mib) / 1024
    return (
        Counted("gb_second", gigabytes * working),
        Counted("provisioned_gb_second", gigabytes * held),
    )
