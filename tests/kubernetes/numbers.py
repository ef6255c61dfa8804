"""How quick and how cheap Polder is on Kubernetes. Not part of the suite:

    POLDER_INSTANCES=1000 python -m pytest tests/kubernetes/numbers.py -m kubernetes -s

prints for so many watched services: from "ready" in the cluster to "ready" in Polder, p50 and p95;
requests to the API server in an idle minute; what the watch takes of memory. And, beside them: from
the order to the last of its objects applied, against `kubectl apply --server-side` of the same
objects in the same run, one after the other in turns. No operator runs: statuses are written here.
`tests/kubernetes/test_crowd.py` orders so many at once.
"""

from __future__ import annotations

import json
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
from services.backends.kubernetes.objects import Objects
from services.instances import work
from services.instances.models import Instance
from services.instances.specs import entry_of, spec_of
from services.instances.watching import RegionWatch
from tests.kubernetes import counting
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import make_cluster_region
from tests.kubernetes.test_cluster import until
from tests.makers import make_project, order

MANY = int(os.environ.get("POLDER_INSTANCES", "1000"))
SAMPLES, ORDERS = 50, 15
HEALTHY = {
    "phase": "Cluster in healthy state",
    "instances": 1,
    "readyInstances": 1,
    "currentPrimary": "one",
    "targetPrimary": "one",
}
AT_WORK = {**HEALTHY, "phase": "Setting up primary", "readyInstances": 0}


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


def seen_after(backend: KubernetesBackend, instance: Instance, said: Any, observed: str) -> float:
    """Seconds from the operator's word to ours."""
    client = backend.objects._dynamic
    kind = client.resources.get(api_version="postgresql.cnpg.io/v1", kind="Cluster")
    began = time.monotonic()
    client.patch(
        kind.subresources["status"],
        name=instance.public_id,
        namespace=f"polder-{instance.project.public_id}",
        body={"status": said},
        content_type="application/merge-patch+json",
    )
    while Instance.objects.get(pk=instance.pk).observed != observed:
        time.sleep(0.002)
        assert time.monotonic() - began < 30
    return time.monotonic() - began


def ready_after(backend: KubernetesBackend, instances: list[Instance]) -> list[float]:
    taken = []
    for number in range(SAMPLES):
        instance = instances[number % MANY]
        seen_after(backend, instance, AT_WORK, "progressing")
        taken.append(seen_after(backend, instance, HEALTHY, "ready"))
    return taken


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
    taken = ready_after(backend, instances)
    marks = statistics.quantiles(taken, n=20)
    say("ready seen after, p50", f"{statistics.median(taken) * 1000:.0f} ms")
    say("ready seen after, p95", f"{marks[18] * 1000:.0f} ms")
    first = counting.requests(cluster)
    time.sleep(60)
    say("requests in an idle minute", counting.requests(cluster) - first)
    watch.stop.set()
    thread.join(30)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("prices")
def test_an_order_against_kubectl(
    cluster: Cluster, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    definitions.load({"postgresql.cnpg.io/v1"})
    region, project = make_cluster_region(cluster), make_project()
    made: list[Any] = []
    watch_what_is_made(monkeypatch, made)
    ordered(project, region, made)  # the first makes the namespace
    ours, theirs = [], []
    for number in range(ORDERS):
        turns = [lambda: ours.append(ordered(project, region, made))]
        turns.append(lambda: theirs.append(applied_by_kubectl(cluster, made)))
        for turn in turns if number % 2 else reversed(turns):
            turn()
    load = os.getloadavg()[0]
    mine, other = statistics.median(ours), statistics.median(theirs)
    say("objects of an order", len(made))
    say("order to all applied, median", f"{mine * 1000:.0f} ms ({_range(ours)})")
    say("kubectl apply of the same, median", f"{other * 1000:.0f} ms ({_range(theirs)})")
    say("ratio", f"{mine / other:.2f} at a load of {load:.1f} on {os.cpu_count()} processors")


def watch_what_is_made(monkeypatch: pytest.MonkeyPatch, made: list[Any]) -> None:
    """Objects with the moment they stood, as Polder makes them."""

    def noting(does: Any) -> Any:
        def wrapped(objects: Objects, wanted: Any, **more: Any) -> Any:
            answer = does(objects, wanted, **more)
            made.append((time.monotonic(), wanted))
            return answer

        return wrapped

    for name in ("apply", "create"):
        monkeypatch.setattr(Objects, name, noting(getattr(Objects, name)))


def ordered(project: Any, region: Any, made: list[Any]) -> float:
    """Seconds from the order to the last object."""
    made.clear()
    began = time.monotonic()
    operation = order(project, region, offering="postgresql", plan="dev-1x1")
    work.take_turn(operation.pk)
    return made[-1][0] - began


def applied_by_kubectl(cluster: Cluster, made: list[Any]) -> float:
    """The same objects of another name."""
    text = json.dumps([wanted for _, wanted in made])
    name = next(wanted for _, wanted in made if wanted["kind"] == "Cluster")["metadata"]["name"]
    items = json.loads(text.replace(name, ids.public_id("pg")))
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    began = time.monotonic()
    cluster.kubectl("apply", "--server-side", "--field-manager=polder", "-f", "-", text=listed)
    return time.monotonic() - began


def _range(taken: list[float]) -> str:
    return f"{min(taken) * 1000:.0f} to {max(taken) * 1000:.0f}"


def _closing(run: Any) -> Any:
    def wrapped() -> None:
        try:
            run()
        finally:
            connection.close()

    return wrapped
