"""Lives of services, driven by Polder's own operations on the tests' cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from portal.kernel import clock, crypto
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Project
from services.backends import backend_for
from services.instances import actions, work
from services.instances.endpoints import purpose
from services.instances.models import Instance, Operation
from services.instances.specs import entry_of, spec_of
from services.instances.states import OPEN
from services.manifests.objects import PLAIN
from services.regions.models import Region
from services.spec import Credentials, Observation
from tests.contracts.made_up import ENTRIES
from tests.contracts.manifests import rendered, specs
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.definitions import Definitions
from tests.kubernetes.operators.double import Double, Play
from tests.kubernetes.test_cluster import until
from tests.makers import make_project, make_region, order

SECONDS = 180
# A region that has all that staff can set.
RICH: Mapping[str, Any] = {
    "storage_class": "ssd",
    "issuer": "platform-ca",
    "domain": "eu-1.example.eu",
    "zones": ["eu-1a", "eu-1b", "eu-1c"],
    "backup_store": {"endpoint": "https://s3.example.eu", "bucket": "backups", "region": "eu-1"},
    "external": True,
}


def served(definitions: Definitions, slug: str) -> None:
    """All kinds that the offering's renderer makes."""
    entry = ENTRIES[slug]
    made = (kind for name, _, _ in specs(entry) for kind in rendered(entry, name))
    definitions.load({one["apiVersion"] for one in made} - PLAIN)


@contextmanager
def played(name: str, cluster: Cluster, *plays: Play) -> Iterator[Double]:
    """A double at work; whoever made a mistake in it is told at the end."""
    double = Double(name, cluster, *plays).start()
    try:
        yield double
    finally:
        double.stop()
    assert not double.errors, double.errors


def make_cluster_region(cluster: Cluster, code: str = "eu-1", **settings: Any) -> Region:
    """A region on the tests' cluster; `settings` are those of services.regions.clusters."""
    kubeconfig = json.loads(cluster.write_kubeconfig("polder", cluster.polder).read_text())
    return make_region(
        code,
        backend="kubernetes",
        settings=settings,
        secrets=crypto.encrypt(json.dumps({"kubeconfig": kubeconfig})),
    )


@dataclass
class Life:
    """One service from its order on. Each method ends when its operation has."""

    cluster: Cluster
    project: Project
    region: Region
    instance: Instance

    @classmethod
    def begin(
        cls,
        cluster: Cluster,
        slug: str,
        plan: str,
        version: str | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> Life:
        """Ordered, not driven yet."""
        region, project = make_cluster_region(cluster, **settings), make_project()
        words = {"offering": slug, "name": "orders", "plan": plan, "protected": False}
        words |= {"version": version, "parameters": parameters or {}}
        operation = order(project, region, **words)
        return cls(cluster, project, region, operation.instance)

    @property
    def namespace(self) -> str:
        return f"polder-{self.project.public_id}"

    @property
    def name(self) -> str:
        """Of its objects."""
        return self.instance.public_id

    @property
    def key(self) -> str:
        """As doubles name it."""
        return f"{self.namespace}/{self.name}"

    @property
    def operation(self) -> Operation:
        """The newest."""
        found = self.instance.operations.order_by("-id").first()
        assert found is not None
        return found

    def turn(self) -> Operation:
        """One turn of a worker, due or not."""
        operation = self.operation
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=None)
        work.take_turn(operation.pk)
        operation.refresh_from_db()
        return operation

    def drive(self, *, seconds: float = SECONDS) -> Operation:
        """Until the newest operation has ended, as workers would that are woken often."""
        return self.drive_until(lambda operation: operation.state not in OPEN, seconds=seconds)

    def drive_until(
        self, reached: Callable[[Operation], bool], *, seconds: float = SECONDS
    ) -> Operation:
        """So far, and no further."""
        end = time.monotonic() + seconds
        operation = self.operation
        while not reached(operation):
            assert time.monotonic() < end, self.told(operation)
            operation = self.turn()
            time.sleep(0.2)
        self.refresh()
        return operation

    def run_out(self) -> None:
        """The time that the newest operation has is over."""
        long_ago = clock.now() - timedelta(seconds=1)
        Operation.objects.filter(pk=self.operation.pk).update(deadline=long_ago)

    def done(self, *, seconds: float = SECONDS) -> Operation:
        """As `drive`, and it must have succeeded."""
        operation = self.drive(seconds=seconds)
        assert operation.state == "succeeded", self.told(operation)
        return operation

    def told(self, operation: Operation) -> str:
        return (
            f"{operation.kind} {operation.state} {operation.error_code} {operation.error_detail}; "
            f"{self.look()}"
        )

    def refresh(self) -> Instance:
        rows = Instance.objects.select_related("project__organisation", "region")
        self.instance = rows.get(pk=self.instance.pk)
        return self.instance

    def act(self, action: Any, *, seconds: float = SECONDS, **words: Any) -> Operation:
        """One of services.instances.actions by the system itself, driven to its end."""
        action(actor=SYSTEM, instance=self.refresh(), **words)
        return self.done(seconds=seconds)

    def start(self, action: Any, **words: Any) -> Operation:
        """As `act`, and no further than its first turn."""
        action(actor=SYSTEM, instance=self.refresh(), **words)
        return self.turn()

    def look(self) -> Observation:
        """What a tenant would see of it now: each endpoint is explained."""
        instance = self.refresh()
        seen = backend_for(instance.region).observe(entry_of(instance), spec_of(instance))
        assert all(purpose(e.name, e.protocol) for e in seen.endpoints), seen.endpoints
        return seen

    def credentials(self) -> Credentials:
        instance = self.refresh()
        return backend_for(instance.region).credentials(entry_of(instance), spec_of(instance))

    def until(self, observed: str, *, seconds: float = 120) -> Observation:
        until(lambda: self.look().observed == observed, seconds)
        return self.look()

    def read(self, cluster: Cluster, *words: str) -> Any:
        """`kubectl get` in the project's namespace."""
        return cluster.read("-n", self.namespace, *words)

    def names(self, kind: str) -> set[str]:
        """Of what there is of a kind in the project's namespace."""
        return {one["metadata"]["name"] for one in self.read(self.cluster, kind)["items"]}

    def pods(self) -> set[str]:
        """Their unique ids: another pod of the same name is another pod."""
        return {one["metadata"]["uid"] for one in self.read(self.cluster, "pods")["items"]}

    def lose(self, kind: str, *names: str) -> None:
        """Somebody deletes them behind our back. They are gone when it returns."""
        self.cluster.kubectl("-n", self.namespace, "delete", kind, *names, "--timeout=120s")


Begin = Callable[..., Life]  # the fixture `begin`

__all__ = ["RICH", "Begin", "Life", "actions", "make_cluster_region", "played", "served"]
