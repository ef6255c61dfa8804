"""A newer release renders a service otherwise: what runs stays as it was applied, until a rollout
brings it the new rendering.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command

from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from services import registry
from services.backends.models import Applied
from services.instances import rollout, upkeep, windows
from services.instances.models import Instance, Operation, Rollout
from services.spec import InstanceSpec, Manifest, RegionSettings
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.lives import Life
from tests.kubernetes.test_cluster import until
from tests.kubernetes.test_watch import watched
from tests.makers import order

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
OLD_IMAGE = "docker.io/library/memcached:1.6.1-alpine"


@pytest.fixture(autouse=True)
def certificates(definitions: Definitions) -> None:
    definitions.load({"cert-manager.io/v1"})


class OlderRelease:
    """In it Memcached has another image, and nothing limits how many of its pods may be away."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        today = registry.get("memcached")
        self._patch, self._renderer = patch, today.kubernetes
        words = {name: getattr(today.kubernetes, name) for name in dir(today.kubernetes)}
        older: Any = SimpleNamespace(**{**words, "manifests": self._manifests})
        patch.setitem(registry.entries(), "memcached", replace(today, kubernetes=older))

    def _manifests(self, spec: InstanceSpec, region: RegionSettings) -> list[Manifest]:
        assert self._renderer is not None
        made = copy.deepcopy(self._renderer.manifests(spec, region))
        for one in made:
            for container in (
                one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ())
            ):
                container["image"] = OLD_IMAGE
        return [one for one in made if one["kind"] != "PodDisruptionBudget"]

    def upgrade(self) -> None:
        self._patch.undo()


@pytest.fixture
def release() -> Iterator[OlderRelease]:
    with pytest.MonkeyPatch.context() as patch:
        yield OlderRelease(patch)


def two_services(cluster: Cluster, **settings: Any) -> tuple[Life, Life]:
    first = Life.begin(cluster, "memcached", "ha-2x8", issuer="platform-ca", **settings)
    first.done()
    words: dict[str, Any] = {"plan": "ha-2x8", "protected": False}
    made = order(first.project, first.region, offering="memcached", name="second", **words)
    second = replace(first, instance=made.instance)
    second.done()
    for instance in Instance.objects.select_related("project"):
        hour = clock.now().astimezone(windows.zone_of(instance)).hour
        Instance.objects.filter(pk=instance.pk).update(window_hour=hour)
    return first, second


def image_of(cluster: Cluster, life: Life) -> str:
    found = life.read(cluster, "statefulset", life.instance.public_id)
    image: str = found["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def pods_of(cluster: Cluster, life: Life) -> set[str]:
    """Their unique ids: one that was restarted is another."""
    found = life.read(cluster, "pods", "-l", f"polder.eu/instance={life.instance.public_id}")
    return {one["metadata"]["uid"] for one in found["items"]}


def versions(cluster: Cluster, life: Life) -> dict[str, str]:
    """Of all that was applied, as the API server counts its changes."""
    rows = Applied.objects.filter(region=life.region).exclude(namespace="")
    found = {}
    for row in rows:
        group = row.api.rpartition("/")[0]
        kind = f"{row.kind.lower()}.{group}" if group else row.kind.lower()
        one = life.read(cluster, kind, row.name)
        found[f"{row.kind} {row.name}"] = one["metadata"]["resourceVersion"]
    return found


def run(*words: str) -> str:
    out = StringIO()
    call_command("rollout", *words, stdout=out)
    return out.getvalue()


def test_a_newer_release_restarts_nothing_by_itself(nodes: Cluster, release: OlderRelease) -> None:
    lives = two_services(nodes)
    name, place = lives[0].instance.public_id, f"polder-{lives[0].project.public_id}"
    before = [pods_of(nodes, life) for life in lives]
    release.upgrade()
    stood = versions(nodes, lives[0])
    with watched(lives[0].region) as watch:  # lists and judges everything anew
        until(lambda: bool(watch.watchers) and watch.is_listed())
        until(lambda: watch.judged >= len(lives))
        judged = watch.judged
        nodes.kubectl("-n", place, "annotate", "pod", f"{name}-0", "example.eu/seen=yes")
        until(lambda: watch.judged > judged)
        upkeep.sweep()
        rollout.advance()
    said = run("plan", "--region", lives[0].region.code)
    assert said.count("restarts, window every-day") == 2
    assert "changed spec.template.spec.containers[server].image" in said
    assert f"PodDisruptionBudget {name}: new" in said
    assert not Operation.objects.exclude(kind="create").exists()
    assert not Applied.objects.filter(drifted_at__isnull=False).exists()
    assert [pods_of(nodes, life) for life in lives] == before
    assert versions(nodes, lives[0]) == stood


def test_a_rollout_brings_it_batch_by_batch(nodes: Cluster, release: OlderRelease) -> None:
    first, second = two_services(nodes)
    before = [pods_of(nodes, life) for life in (first, second)]
    release.upgrade()
    run("start", "--region", first.region.code, "--batch", "1", "--pause", "0")
    rollout.advance()
    assert first.done().kind == "repair"
    assert image_of(nodes, first) != OLD_IMAGE
    assert pods_of(nodes, first).isdisjoint(before[0])
    found = Rollout.objects.get()
    run("stop", found.public_id)
    rollout.advance()
    assert second.operation.kind == "create"
    assert (image_of(nodes, second), pods_of(nodes, second)) == (OLD_IMAGE, before[1])
    run("start", found.public_id)
    rollout.advance()
    assert second.done().kind == "repair"
    assert image_of(nodes, second) == image_of(nodes, first)
    rollout.advance()
    found.refresh_from_db()
    assert (found.state, found.ended_by) == ("finished", "done")
    assert list(rollout.plan(SYSTEM)) == []
    assert {life.refresh().health for life in (first, second)} == {"ok"}


def test_what_somebody_changed_is_put_back_as_it_was_applied_not_as_it_would_be_today(
    nodes: Cluster, release: OlderRelease
) -> None:
    life = Life.begin(nodes, "memcached", "dev-1x1", issuer="platform-ca", drift="correct")
    life.done()
    release.upgrade()
    name, place = life.instance.public_id, f"polder-{life.project.public_id}"
    pods = pods_of(nodes, life)
    with watched(life.region) as watch:
        until(lambda: bool(watch.watchers) and watch.is_listed())
        nodes.kubectl("-n", place, "scale", "statefulset", name, "--replicas=2")
        until(lambda: life.operation.kind == "repair")
        life.done()
    found = life.read(nodes, "statefulset", name)
    assert found["spec"]["replicas"] == 1
    assert image_of(nodes, life) == OLD_IMAGE
    assert pods <= pods_of(nodes, life)
    assert len(list(rollout.plan(SYSTEM))) == 1
