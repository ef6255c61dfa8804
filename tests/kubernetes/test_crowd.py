"""Two of each program of a region at work at once, and many orders at once: nothing is lost,
nothing is doubled.

POLDER_INSTANCES=1000 orders so many (docs and issue ask for a thousand; the suite takes fewer), and
`-s` shows time, memory and requests.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from portal.outbox.models import OutboxEntry
from services.backends.models import Applied
from services.instances import upkeep, work
from services.instances.models import Instance, InstanceEvent, Operation
from services.instances.states import OPEN
from services.regions.models import Region
from tests.kubernetes import counting
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import make_cluster_region
from tests.kubernetes.programs import Programs
from tests.kubernetes.test_cluster import until
from tests.makers import make_project, order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
MANY = int(os.environ.get("POLDER_INSTANCES", "40"))
SECONDS = 120 + MANY
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/polder-system/leases"
_enqueue = work.enqueue


@pytest.fixture(autouse=True)
def broker(monkeypatch: pytest.MonkeyPatch, sent: list[int]) -> None:
    """The real one, since real workers listen."""
    monkeypatch.setattr(work, "enqueue", _enqueue)


@pytest.fixture
def region(nodes: Cluster, definitions: Definitions) -> Region:
    """A new name each time: what another test left in a queue is not for it."""
    definitions.load({"cert-manager.io/v1"})
    return make_cluster_region(nodes, f"eu-{secrets.token_hex(3)}", issuer="platform-ca")


@pytest.fixture
def programs(region: Region) -> Iterator[Programs]:
    made = Programs(region)
    yield made
    made.stop()


def ordered(region: Region, many: int) -> list[Instance]:
    """All of one project."""
    project = make_project()
    words = {"offering": "memcached", "plan": "dev-1x1", "protected": False}
    return [order(project, region, **words).instance for _ in range(many)]


def all_ended(swept: bool = False) -> bool:
    """`swept`: as beat does each few seconds."""
    if swept:
        upkeep.sweep()
    return not Operation.objects.filter(state__in=OPEN).exists()


def place(instances: list[Instance]) -> str:
    return f"polder-{instances[0].project.public_id}"


def check_each_once(cluster: Cluster, instances: list[Instance]) -> None:
    """Made, told and remembered once; as it was applied first."""
    names = {instance.public_id for instance in instances}
    mine = Operation.objects.filter(instance__in=instances)
    assert Counter(mine.values_list("kind", "state")) == {("create", "succeeded"): len(names)}
    found = cluster.read("-n", place(instances), "statefulsets")["items"]
    assert {one["metadata"]["name"] for one in found} == names
    assert {one["metadata"]["generation"] for one in found} == {1}
    events = InstanceEvent.objects.filter(instance__in=instances, code="created")
    assert events.count() == len(names)
    ends = mine.values_list("public_id", flat=True)
    told = OutboxEntry.objects.filter(kind="operation.succeeded", target__in=ends)
    assert told.count() == len(names)
    rows = Applied.objects.filter(instance__in=names, kind="StatefulSet")
    assert rows.count() == len(names)
    rails = Applied.objects.filter(instance=place(instances), kind="Namespace")
    assert rails.count() == 1


def holder(cluster: Cluster, region: Region) -> str:
    found = cluster.read("-n", "polder-system", "lease", f"polder-watch-{region.code}")
    return str(found["spec"]["holderIdentity"])


def test_two_workers_and_two_watches(nodes: Cluster, region: Region, programs: Programs) -> None:
    for name in ("one", "two"):
        programs.worker(f"worker-{name}")
        programs.watch(f"watch-{name}")
    first = ordered(region, 6)
    until(all_ended, SECONDS)
    check_each_once(nodes, first)
    at_work = next(
        name
        for name in ("watch-one", "watch-two")
        if f"-{programs.running[name].pid}-" in holder(nodes, region)
    )
    other = {"watch-one": "watch-two", "watch-two": "watch-one"}[at_work]
    second = ordered(region, 6)
    programs.kill("worker-one")  # whatever it holds is another's once its lease ends
    programs.end(at_work)
    until(lambda: f"-{programs.running[other].pid}-" in holder(nodes, region))
    Operation.objects.filter(lease_until__isnull=False).update(lease_until=None)
    until(lambda: all_ended(swept=True), SECONDS)
    check_each_once(nodes, second)
    lost = second[0]
    nodes.kubectl("-n", place(second), "scale", "statefulset", lost.public_id, "--replicas=0")
    until(lambda: Instance.objects.get(pk=lost.pk).health != "ok")


def test_many_orders_at_once(nodes: Cluster, region: Region, programs: Programs) -> None:
    programs.worker("worker")
    programs.watch("watch")
    until(lambda: bool(nodes.get(f"{_LEASES}/polder-watch-{region.code}")))
    before, began = counting.requests(nodes), time.monotonic()
    instances = ordered(region, MANY)
    say("ordered after", f"{time.monotonic() - began:.1f} s")
    until(all_ended, SECONDS)
    say("all ready after", f"{time.monotonic() - began:.1f} s")
    asked = counting.requests(nodes) - before
    say("requests for each", f"{asked / MANY:.1f}")
    for name in ("worker", "watch"):
        say(f"memory of the {name}", f"{programs.memory_mib(name)} MiB")
        used = programs.process(name).cpu_times()
        say(f"processor time of the {name}", f"{used.user + used.system:.1f} s")
    check_each_once(nodes, instances)
    until(lambda: Instance.objects.filter(health="ok").count() == MANY)
    assert asked / MANY < 40


def say(what: str, value: str) -> None:
    sys.stdout.write(f"{MANY:>6} services: {what}: {value}\n")
