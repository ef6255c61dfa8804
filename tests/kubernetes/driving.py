"""A renderer on the rig: what it makes is applied, what it watches is read, as its backend does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from services.backends.kubernetes.objects import Objects
from services.instances.endpoints import purpose
from services.manifests.objects import PLAIN
from services.spec import (
    Entry,
    InstanceSpec,
    Kubernetes,
    Leftovers,
    Live,
    Observation,
    Observed,
    Ref,
    RegionSettings,
)
from tests.contracts.manifests import rendered, specs
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.test_cluster import until

GENERATION = "polder.eu/generation"


@dataclass
class Driven:
    """One instance of `entry` in `namespace`; `spec` is what it shall be."""

    entry: Entry
    spec: InstanceSpec
    region: RegionSettings
    cluster: Cluster

    def __post_init__(self) -> None:
        self.objects = Objects(json.loads(self.cluster.kubeconfig.read_text()))

    @property
    def renderer(self) -> Kubernetes:
        assert self.entry.kubernetes is not None
        return self.entry.kubernetes

    @property
    def key(self) -> str:
        """As doubles name it."""
        return f"{self.spec.namespace}/{self.spec.name}"

    def change(self, **changes: Any) -> None:
        self.spec = replace(self.spec, **changes, generation=self.spec.generation + 1)
        self.apply()

    def apply(self) -> None:
        for made in self.renderer.manifests(self.spec, self.region):
            named = {**made["metadata"], "namespace": self.spec.namespace}
            marks = {**named.get("annotations", {}), GENERATION: str(self.spec.generation)}
            self.objects.apply({**made, "metadata": {**named, "annotations": marks}})

    def destroy(self) -> None:
        for made in reversed(self.renderer.manifests(self.spec, self.region)):
            kind, name = (made["apiVersion"], made["kind"]), made["metadata"]["name"]
            self.objects.delete(*kind, name, self.spec.namespace)

    def live(self, refs: tuple[Ref, ...]) -> Live:
        found = {ref: self.objects.get(*_of(ref), self.spec.namespace) for ref in refs}
        return {ref: dict(one) for ref, one in found.items() if one is not None}

    def observe(self) -> Observation:
        live = self.live(self.renderer.watched(self.spec))
        return self.renderer.observe(self.spec, self.region, live)

    def until(self, observed: str) -> Observation:
        """What a tenant would see of it then: each endpoint is explained."""
        until(lambda: self.observe().observed == observed)
        seen = self.observe()
        assert all(purpose(e.name, e.protocol) for e in seen.endpoints), seen.endpoints
        return seen

    def until_gone(self) -> None:
        """The cluster's garbage collector gets to know of new kinds twice a minute only."""
        until(lambda: self.observe().observed == Observed.ABSENT and not self.pods(), 60)

    def pods(self) -> set[str]:
        """Their unique ids: another pod of the same name is another pod."""
        found = self.cluster.read("-n", self.spec.namespace, "pods")["items"]
        return {one["metadata"]["uid"] for one in found}

    def left(self, what: Leftovers) -> set[str]:
        found = self.objects.list(what.kind.api, what.kind.name, self.spec.namespace, what.labels)
        return {one["metadata"]["name"] for one in found}

    def lose(self, kind: str, name: str) -> None:
        self.cluster.kubectl("-n", self.spec.namespace, "delete", kind, name, "--wait=false")


def served(definitions: Definitions, entry: Entry) -> None:
    """All kinds that its renderer makes."""
    made = (kind for name, _, _ in specs(entry) for kind in rendered(entry, name))
    definitions.load({one["apiVersion"] for one in made} - PLAIN)


def _of(ref: Ref) -> tuple[str, str, str]:
    return ref.kind.api, ref.kind.name, ref.name
