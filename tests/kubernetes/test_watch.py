"""The watch of a region against a real API server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from portal.kernel import crypto
from portal.kernel.errors import Temporary
from services.backends.kubernetes import leases
from services.backends.kubernetes.watching import Store, Watcher
from services.backends.models import Applied
from services.instances import drift, work
from services.instances.watching import RegionWatch
from services.regions.models import Region
from services.spec import Kind, Ref
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Life
from tests.kubernetes.test_cluster import until
from tests.makers import make_staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
SETS = Kind("apps/v1", "StatefulSet")


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Operations that workers were told of."""
    told: list[int] = []
    monkeypatch.setattr(work, "enqueue", lambda pk, code, **_: told.append(pk))
    return told


@contextmanager
def watched(region: Region) -> Iterator[RegionWatch]:
    """The watch at work, in a thread as it would be in a process."""
    watch = RegionWatch(region, installation="polder")
    thread = Thread(target=closing_after(watch.run))
    thread.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        thread.join(30)


def closing_after(run: Callable[[], None]) -> Callable[[], None]:
    def wrapped() -> None:
        try:
            run()
        finally:
            connection.close()

    return wrapped


@pytest.fixture(autouse=True)
def certificates(definitions: Definitions) -> None:
    definitions.load({"cert-manager.io/v1"})


def begun(cluster: Cluster, **settings: Any) -> Life:
    return Life.begin(cluster, "memcached", "dev-1x1", issuer="platform-ca", **settings)


def test_what_changes_wakes_the_operation_and_becomes_an_observation(
    nodes: Cluster, woken: list[int]
) -> None:
    life = begun(nodes)
    machines = [node["metadata"]["name"] for node in nodes.read("nodes")["items"]]
    nodes.kubectl("cordon", *machines)  # its pod waits for a place
    with watched(life.region):
        work.take_turn(life.operation.pk)
        woken.clear()
        nodes.kubectl("uncordon", *machines)
        until(lambda: life.operation.pk in woken)
        life.done()
        assert life.instance.health == "ok"
        name, place = life.instance.public_id, f"polder-{life.project.public_id}"
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=0")
        until(lambda: life.refresh().health != "ok")
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=1")
        until(lambda: life.refresh().health == "ok")


def test_it_survives_the_api_server(nodes: Cluster) -> None:
    life = begun(nodes)
    life.done()
    with watched(life.region) as watch:
        until(lambda: bool(watch.watchers) and watch.is_listed())
        nodes.kill("kube-apiserver")
        nodes.start_api_server()
        name, place = life.instance.public_id, f"polder-{life.project.public_id}"
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=0")
        until(lambda: life.refresh().health != "ok")


def test_it_takes_the_token_that_follows_one_that_ended(
    nodes: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.5)
    monkeypatch.setattr(leases, "SECONDS", 2)
    life = begun(nodes)
    life.done()
    lasting, ending = life.region.secrets, sealed(nodes, token_of(nodes, namespace))
    Region.objects.update(secrets=ending)
    life.region.refresh_from_db()
    with watched(life.region) as watch:
        until(lambda: bool(watch.watchers) and watch.is_listed())
        nodes.kubectl("-n", namespace, "delete", "serviceaccount", "brief")
        until(lambda: not watch.watchers)  # it lost the lease, and says so in its log
        Region.objects.update(secrets=lasting)
        until(lambda: bool(watch.watchers) and watch.is_listed())
        name, place = life.instance.public_id, f"polder-{life.project.public_id}"
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=0")
        until(lambda: life.refresh().health != "ok")


def token_of(cluster: Cluster, namespace: str) -> str:
    """Of an account that may do everything, as long as there is that account."""
    role = ("--clusterrole=cluster-admin", f"--serviceaccount={namespace}:brief")
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "brief")
    cluster.kubectl("create", "clusterrolebinding", f"brief-{namespace}", *role)
    return cluster.kubectl("-n", namespace, "create", "token", "brief").strip()


def sealed(cluster: Cluster, token: str) -> str:
    kubeconfig = json.loads(cluster.write_kubeconfig("brief", token).read_text())
    return crypto.encrypt(json.dumps({"kubeconfig": kubeconfig}))


def test_one_of_two_is_at_work_and_the_other_takes_over(nodes: Cluster) -> None:
    life = begun(nodes)
    life.done()
    with watched(life.region) as first:
        until(lambda: bool(first.watchers))
        with watched(life.region) as second:
            first.work(seconds=0.5)
            assert not second.watchers
            first.stop.set()
            until(lambda: bool(second.watchers))


def test_it_shows_a_probe_that_it_goes_on(nodes: Cluster, tmp_path: Path, settings: Any) -> None:
    file = tmp_path / "alive"
    settings.POLDER_ALIVE_FILE = str(file)
    with watched(begun(nodes).region) as watch:
        until(lambda: bool(watch.watchers) and file.exists())
        file.unlink()
        until(file.exists)


def test_what_somebody_changed_is_seen_and_set_right(nodes: Cluster) -> None:
    life = begun(nodes, drift="correct")
    life.done()
    name, place = life.instance.public_id, f"polder-{life.project.public_id}"
    with watched(life.region) as watch:
        until(lambda: bool(watch.watchers) and watch.is_listed())
        assert not Applied.objects.filter(drifted_at__isnull=False).exists()
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=2")
        until(lambda: Applied.objects.filter(drifted_at__isnull=False).exists())
        until(lambda: life.operation.kind == "repair")
        life.done()
    found = life.read(nodes, "statefulset", name)
    assert found["spec"]["replicas"] == 1
    assert not Applied.objects.filter(drifted_at__isnull=False).exists()


def test_what_somebody_changed_is_shown_with_who_it_was_until_staff_puts_it_back(
    nodes: Cluster,
) -> None:
    life = begun(nodes)
    life.done()
    name, place = life.instance.public_id, f"polder-{life.project.public_id}"
    staff = make_staff()

    def told() -> list[tuple[str, list[Any]]]:
        found = drift.changes_of(staff, drift.drifted_instances(staff)).get(name, [])
        fields = ("field", "wanted", "stands", "by")
        return [(one.kind, [tuple(f[key] for key in fields) for f in one.fields]) for one in found]

    with watched(life.region) as watch:
        until(lambda: bool(watch.watchers) and watch.is_listed())
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=2")
        until(lambda: told() == [("StatefulSet", [("spec.replicas", 1, 2, "kubectl")])])
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=1")
        until(lambda: told() == [])
        nodes.kubectl("-n", place, "delete", "statefulset", name, "--wait=true")
        until(lambda: told() == [("StatefulSet", [])])
        assert drift.since(life.refresh()) is not None
        drift.put_back(actor=staff, instance=life.instance, reason="Deleted by mistake")
        life.done()
        until(lambda: told() == [])
    assert life.read(nodes, "statefulset", name)["spec"]["replicas"] == 1


# -- how a watch is cut ----------------------------------------------------------------------------


class Cut:
    """Objects whose watch is cut with `codes`, one after the other, and then ends everything."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)
        self.versions: list[str] = []
        self.watcher: Watcher | None = None

    def pages(self, *_: Any) -> Iterator[Any]:
        yield [{"metadata": {"name": "mc-00000001", "namespace": "polder-a"}}], "10"

    def changes(self, api: str, kind: str, version: str, *_: Any, **__: Any) -> Iterator[Any]:
        self.versions.append(version)
        if not self.codes:
            assert self.watcher is not None
            self.watcher.stop.set()
            return
        where = {"name": "mc-00000001", "namespace": "polder-a", "resourceVersion": "11"}
        yield {"type": "MODIFIED", "object": {"metadata": where}}
        raise Temporary(self.codes.pop(0), retry_after=0)


@pytest.mark.parametrize(
    ("codes", "versions", "lists"),
    [
        pytest.param(["version-gone"], ["10", "10"], 2, id="410: listed anew"),
        pytest.param(["region-busy"], ["10", "11"], 1, id="429: on from where it was"),
        pytest.param(["region-unreachable"] * 2, ["10", "11", "11"], 1, id="away"),
    ],
)
def test_a_cut_watch_goes_on(
    codes: list[str], versions: list[str], lists: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.backends.kubernetes.watching._PATIENCE_SECONDS", (0.01, 0.02))
    told: list[Ref] = []
    cut = Cut(*codes)
    watcher = Watcher(cut, SETS, Store(), lambda _, ref: told.append(ref))  # type: ignore[arg-type]
    cut.watcher = watcher
    watcher.run()
    assert (cut.versions, watcher.lists) == (versions, lists)
    assert told[0] == Ref(SETS, "mc-00000001")
