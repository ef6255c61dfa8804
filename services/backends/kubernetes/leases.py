"""Who of several equal processes is at work: whoever holds a Lease and renews it in time.

Source: coordination.k8s.io/v1. Written only at the resourceVersion that was read, so that of two
who try one wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from portal.kernel import clock
from services.backends.kubernetes.objects import Objects
from services.manifests.objects import manifest
from services.spec import Kind, Manifest

LEASE = Kind("coordination.k8s.io/v1", "Lease")
NAMESPACE = "polder-system"
SECONDS = 30
RENEW_SECONDS = 10


@dataclass
class Lease:
    """`holder` names this process; `hold` is called every RENEW_SECONDS."""

    objects: Objects
    name: str
    holder: str

    def hold(self) -> bool:
        """Takes or renews it. False while another holds it."""
        found = self.objects.get(LEASE.api, LEASE.name, self.name, NAMESPACE)
        if found is None:
            return self._first()
        spec = found.get("spec", {})
        if spec.get("holderIdentity") not in (self.holder, "", None) and not _is_over(spec):
            return False
        return self.objects.replace({**found, "spec": self._spec()})

    def leave(self) -> None:
        """Gives it up, so that the next need not wait for its end."""
        found = self.objects.get(LEASE.api, LEASE.name, self.name, NAMESPACE)
        if found and found.get("spec", {}).get("holderIdentity") == self.holder:
            self.objects.replace({**found, "spec": {**self._spec(), "holderIdentity": ""}})

    def _first(self) -> bool:
        if self.objects.get("v1", "Namespace", NAMESPACE) is None:
            self.objects.create(manifest(Kind("v1", "Namespace"), NAMESPACE))
        made: Manifest = manifest(LEASE, self.name, self._spec())
        made["metadata"]["namespace"] = NAMESPACE
        return self.objects.create(made)

    def _spec(self) -> dict[str, Any]:
        now = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": SECONDS,
            "renewTime": now,
        }


def _is_over(spec: dict[str, Any]) -> bool:
    renewed = spec.get("renewTime")
    if not renewed:
        return True
    lasts = timedelta(seconds=int(spec.get("leaseDurationSeconds", SECONDS)))
    return clock.now() > datetime.fromisoformat(renewed) + lasts
