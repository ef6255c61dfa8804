"""How quick and how cheap the watch of a region is. Not part of the suite:

    POLDER_INSTANCES=1000 python -m pytest tests/kubernetes/numbers.py -m kubernetes -s

prints for so many watched services: from "ready" in the cluster to "ready" in Polder, p50 and p95;
requests to the API server in an idle minute; what the watch takes of memory. No operator runs:
statuses are written here.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from threading import Thread
from typing import Any

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from portal.kernel import ids
from services import parameters, registry
from services.backends import backend_for
from services.backends.kubernetes.backend import KubernetesBackend
from services.instances.models import Instance
from services.instances.specs import entry_of, spec_of
from services.instances.watching import RegionWatch
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import make_cluster_region
from tests.kubernetes.test_cluster import until
from tests.makers import make_project

MANY = int(os.environ.get("POLDER_INSTANCES", "1000"))
SAMPLES = 50
HEALTHY = {
    "phase": "Cluster in healthy state",
    "instances": 1,
    "readyInstances": 1,
    "currentPrimary": "one",
    "targetPrimary": "one",
}


def say(what: str, value: object) -> None:
    sys.stdout.write(f"{MANY:>6} services: {what}: {value}\n")


def rows(project: Any, region: Any) -> list[Instance]:
    offering = registry.get("postgresql").offering
    made = [
        Instance(
            public_id=ids.public_id("pg"),
            project=project,
            region=region,
            offering="postgresql",
            name=f"db-{number}",
            version="17",
            plan="dev-1x1",
            parameters=parameters.clean(offering, {}),
            phase="running",
            observed="progressing",
            created_by="numbers",
            created_at=timezone.now(),
        )
        for number in range(MANY)
    ]
    return Instance.objects.bulk_create(made)


def place(backend: KubernetesBackend, instances: list[Instance]) -> None:
    backend._ensure_namespace(spec_of(instances[0]))
    for instance in instances:
        spec = spec_of(instance, with_secrets=False)
        for made in backend._wanted(entry_of(instance), spec):
            if made["kind"] == "Cluster":
                backend.objects.apply(made)


def requests(cluster: Cluster) -> float:
    """For what the watch asks: services and leases."""
    lines = cluster.get("/metrics").splitlines()
    ours = ('resource="clusters"', 'resource="poolers"', 'resource="leases"')
    counted = [
        x
        for x in lines
        if x.startswith("apiserver_request_total") and any(word in x for word in ours)
    ]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counted)


def ready_after(cluster: Cluster, backend: KubernetesBackend, instance: Instance) -> float:
    """Seconds from the operator's word to ours."""
    client = backend.objects._dynamic
    kind = client.resources.get(api_version="postgresql.cnpg.io/v1", kind="Cluster")
    began = time.monotonic()
    client.patch(
        kind.subresources["status"],
        name=instance.public_id,
        namespace=f"polder-{instance.project.public_id}",
        body={"status": HEALTHY},
        content_type="application/merge-patch+json",
    )
    while Instance.objects.get(pk=instance.pk).observed != "ready":
        time.sleep(0.002)
        assert time.monotonic() - began < 30
    return time.monotonic() - began


@pytest.mark.django_db(transaction=True)
def test_numbers(cluster: Cluster, definitions: Definitions) -> None:
    definitions.load({"postgresql.cnpg.io/v1"})
    region, project = make_cluster_region(cluster), make_project()
    instances = rows(project, region)
    backend = backend_for(region)
    assert isinstance(backend, KubernetesBackend)
    began = time.monotonic()
    place(backend, instances)
    say("objects applied in", f"{time.monotonic() - began:.1f} s")
    process = psutil.Process()
    before = process.memory_info().rss
    watch = RegionWatch(region, installation="polder")
    thread = Thread(target=_closing(watch.run))
    began = time.monotonic()
    thread.start()
    until(lambda: bool(watch.watchers) and watch.is_listed() and watch.judged >= MANY, 600)
    say("all looked at after", f"{time.monotonic() - began:.1f} s")
    say("memory of the watch", f"{(process.memory_info().rss - before) / 2**20:.0f} MiB more")
    taken = [ready_after(cluster, backend, one) for one in instances[:SAMPLES]]
    marks = statistics.quantiles(taken, n=20)
    say("ready seen after, p50", f"{statistics.median(taken) * 1000:.0f} ms")
    say("ready seen after, p95", f"{marks[18] * 1000:.0f} ms")
    first = requests(cluster)
    time.sleep(60)
    say("requests in an idle minute", f"{requests(cluster) - first:.0f}")
    watch.stop.set()
    thread.join(30)


def _closing(run: Any) -> Any:
    def wrapped() -> None:
        try:
            run()
        finally:
            connection.close()

    return wrapped
