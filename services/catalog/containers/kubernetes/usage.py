"""Workers beyond those of the plan, and workers with a GPU, by the seconds in which they ran.

A machine counts from when its infrastructure was there until it was asked to go. More than
`more_workers` at once are those of a rolling change, which nobody ordered.
Source: Cluster API, `Machine` of v1beta2, its labels and conditions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from services.manifests import spans
from services.manifests.conditions import condition
from services.spec import Counted, Counter, InstanceSpec, Kind, Listing, Manifest

MACHINE = Kind("cluster.x-k8s.io/v1beta2", "Machine")
METERS = ("vcpu", "memory_gib", "storage_gib", "gpu_l4", "gpu_l40s", "gpu_h100")
COUNTERS: tuple[Counter, ...] = ()
_CLUSTER = "cluster.x-k8s.io/cluster-name"
_POOL = "topology.cluster.x-k8s.io/deployment-name"
_GPU = "gpu"


def listings(spec: InstanceSpec) -> tuple[Listing, ...]:
    if not spec.parameters["more_workers"] and spec.parameters["gpu"] == "none":
        return ()
    return (Listing(MACHINE, {_CLUSTER: spec.name}),)


def counted(
    spec: InstanceSpec, found: Sequence[Manifest], since: datetime, until: datetime
) -> tuple[Counted, ...]:
    plan, parameters = spec.plan, spec.parameters
    workers = list(_ran(found, gpu=False))
    beyond = spans.seconds_beyond(workers, plan.nodes, since, until)
    surge = spans.seconds_beyond(workers, plan.nodes + parameters["more_workers"], since, until)
    more = beyond - surge
    used = [
        Counted("vcpu", plan.vcpu * more),
        Counted("memory_gib", Decimal(plan.memory_mib) / 1024 * more),
        Counted("storage_gib", Decimal(plan.storage_gib * more)),
    ]
    if parameters["gpu"] != "none":
        gpus = list(_ran(found, gpu=True))
        surge = spans.seconds_beyond(gpus, parameters["gpu_workers"], since, until)
        seconds = spans.seconds(gpus, since, until) - surge
        used.append(Counted(f"gpu_{parameters['gpu']}", Decimal(seconds)))
    return tuple(used)


def _ran(machines: Iterable[Manifest], *, gpu: bool) -> Iterator[spans.Span]:
    """Control planes are in no pool: what they cost is one price."""
    for machine in machines:
        named = machine["metadata"]
        pool = (named.get("labels") or {}).get(_POOL, "")
        there = condition(machine, "InfrastructureReady")
        if pool and (pool == _GPU) == gpu and there.status == "True" and there.since:
            gone = named.get("deletionTimestamp")
            yield spans.moment(there.since), spans.moment(gone) if gone else None
