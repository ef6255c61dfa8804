"""Lives of services, driven by Polder's own operations on the tests' cluster."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

from portal.kernel import crypto
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Project
from services.backends import backend_for
from services.instances import actions, work
from services.instances.models import Instance, Operation
from services.instances.specs import entry_of, spec_of
from services.instances.states import OPEN
from services.regions.models import Region
from services.spec import Credentials, Observation
from tests.kubernetes.cluster import Cluster
from tests.makers import make_project, make_region, order

SECONDS = 90


def make_cluster_region(cluster: Cluster, code: str = "eu-1", **settings: Any) -> Region:
    """A region on the tests' cluster; `settings` are those of services.regions.clusters."""
    kubeconfig = json.loads(cluster.kubeconfig.read_text())
    return make_region(
        code,
        backend="kubernetes",
        settings=settings,
        secrets=crypto.encrypt(json.dumps({"kubeconfig": kubeconfig})),
    )


@dataclass
class Life:
    """One service from its order on. Each method ends when its operation has."""

    project: Project
    region: Region
    instance: Instance

    @classmethod
    def begin(cls, cluster: Cluster, slug: str, plan: str, **settings: Any) -> Life:
        """Ordered, not driven yet."""
        region, project = make_cluster_region(cluster, **settings), make_project()
        words = {"offering": slug, "name": "orders", "plan": plan, "protected": False}
        operation = order(project, region, **words)
        return cls(project, region, operation.instance)

    @property
    def operation(self) -> Operation:
        """The newest."""
        found = self.instance.operations.order_by("-id").first()
        assert found is not None
        return found

    def drive(self, *, seconds: float = SECONDS) -> Operation:
        """Until the newest operation has ended, as workers would that are woken often."""
        until = time.monotonic() + seconds
        operation = self.operation
        while operation.state in OPEN:
            assert time.monotonic() < until, self.told(operation)
            Operation.objects.filter(pk=operation.pk).update(next_attempt_at=None)
            work.take_turn(operation.pk)
            operation.refresh_from_db()
            time.sleep(0.2)
        self.refresh()
        return operation

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

    def act(self, action: Any, **words: Any) -> Operation:
        """One of services.instances.actions by the system itself, driven to its end."""
        action(actor=SYSTEM, instance=self.refresh(), **words)
        return self.done()

    def look(self) -> Observation:
        instance = self.refresh()
        return backend_for(instance.region).observe(entry_of(instance), spec_of(instance))

    def credentials(self) -> Credentials:
        instance = self.refresh()
        return backend_for(instance.region).credentials(entry_of(instance), spec_of(instance))

    def read(self, cluster: Cluster, *words: str) -> Any:
        """`kubectl get` in the project's namespace."""
        return cluster.read("-n", f"polder-{self.project.public_id}", *words)


__all__ = ["Life", "actions", "make_cluster_region"]
