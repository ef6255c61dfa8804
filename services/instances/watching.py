"""The watch of a Kubernetes region: what changes in the cluster becomes observations, and wakes the
operation that waits for it.

Its cost grows with what changes, not with the number of instances. Of two that run, one is at work
(a Lease) and the other waits.
"""

from __future__ import annotations

import logging
import os
import queue
import re
import secrets
import socket
import time
from collections.abc import Iterable
from functools import partial
from threading import Event

from django.db import close_old_connections
from django.utils import timezone

from portal.kernel import alive
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import BackendError
from services import registry
from services.backends.kubernetes import applied, leases, stamps
from services.backends.kubernetes.backend import KubernetesBackend
from services.backends.kubernetes.watching import Store, Watcher
from services.instances import actions, looking, work
from services.instances.models import Instance, Operation
from services.instances.reconcile import wanted_by
from services.instances.specs import entry_of, namespace_of, spec_of
from services.instances.states import OPEN, Lane
from services.regions import clusters
from services.regions.models import Region
from services.spec import InstanceSpec, Kind, Manifest, Ref

logger = logging.getLogger(__name__)
_OF_INSTANCE = re.compile(r"([a-z]{1,4}-[0-9a-f]{8})(?:-|$)")
_LOOK_SECONDS = 5.0  # how often it looks which offerings are in use
_QUIET_SECONDS = 0.05  # changes that come together are judged together


class RegionWatch:
    """One region. `run` returns when `stop` is set."""

    def __init__(self, region: Region, *, installation: str) -> None:
        self.region = region
        self.backend = KubernetesBackend(region)
        self.labels = f"{stamps.INSTALLATION}={installation}"
        self.store = Store()
        self.stop = Event()
        self.watchers: dict[Kind, Watcher] = {}
        self.judged = 0
        self._changed: queue.SimpleQueue[tuple[str, Ref]] = queue.SimpleQueue()
        self._last: dict[str, tuple[str, str]] = {}
        holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self.lease = leases.Lease(self.backend.objects, f"polder-watch-{region.code}", holder)

    def run(self) -> None:
        """At work while it holds the lease; takes it when the other is away."""
        held_until, resync_at, look_at = 0.0, 0.0, 0.0
        while not self.stop.is_set():
            alive.touch()
            now = time.monotonic()
            if now >= held_until - leases.SECONDS + leases.RENEW_SECONDS:
                held_until = now + leases.SECONDS if self._hold() else held_until
            if now >= held_until:
                self._rest()
                self.stop.wait(leases.RENEW_SECONDS / 2)
                continue
            if now >= look_at:
                self._watch_kinds()
                look_at = now + _LOOK_SECONDS
            if now >= resync_at and self.is_listed():
                self._resync(anew=resync_at > 0)
                resync_at = now + 60 * clusters.resync_minutes(self.region)
            self.work(seconds=1.0)
        self._rest()
        self._leave()

    def is_listed(self) -> bool:
        return all(watcher.listed.is_set() for watcher in self.watchers.values())

    def work(self, *, seconds: float) -> None:
        """Judges what has changed, for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            names = self._drained(left)
            if names:
                close_old_connections()
                self._judge(names)

    # -- what is watched -------------------------------------------------------------------------

    def _watch_kinds(self) -> None:
        """A watch for each kind that tells of an offering in use."""
        rows = Instance.objects.filter(region=self.region, deleted_at__isnull=True)
        for slug in rows.values_list("offering", flat=True).distinct().order_by():
            for kind, ours in _kinds_of(slug):
                if kind not in self.watchers and self.backend.objects.serves(kind.api, kind.name):
                    labels = self.labels if ours else ""
                    watcher = Watcher(self.backend.objects, kind, self.store, self._tell, labels)
                    self.watchers[kind] = watcher
                    watcher.start()

    def _tell(self, namespace: str, ref: Ref) -> None:
        self._changed.put((namespace, ref))

    def _rest(self) -> None:
        for watcher in self.watchers.values():
            watcher.stop.set()
        self.watchers, self.store = {}, Store()

    def _hold(self) -> bool:
        try:
            self._follow_staff()
            return self.lease.hold()
        except BackendError as error:
            logger.warning("watch.lease", extra={"region": self.region.code, "code": error.code})
            return False

    def _follow_staff(self) -> None:
        """What they changed of the region meanwhile: its settings, or a kubeconfig whose token
        ended.
        """
        self.region.refresh_from_db(fields=["settings", "secrets"])
        self.backend = KubernetesBackend(self.region)
        if self.lease.objects is not self.backend.objects:
            self._rest()
            self.lease.objects = self.backend.objects

    def _leave(self) -> None:
        try:
            self.lease.leave()
        except BackendError as error:
            logger.info("watch.lease", extra={"region": self.region.code, "code": error.code})

    # -- what has changed ------------------------------------------------------------------------

    def _drained(self, seconds: float) -> dict[str, set[Ref]]:
        """Instances with their objects that changed: waits for the first, takes all that follow."""
        names: dict[str, set[Ref]] = {}
        try:
            first = self._changed.get(timeout=seconds)
        except queue.Empty:
            return names
        time.sleep(_QUIET_SECONDS)
        for _, ref in [first, *self._rest_of_queue()]:
            name = _OF_INSTANCE.match(ref.name)
            if name is not None:
                names.setdefault(name[1], set()).add(ref)
        return names

    def _rest_of_queue(self) -> Iterable[tuple[str, Ref]]:
        while not self._changed.empty():
            yield self._changed.get()

    def _judge(self, names: dict[str, set[Ref]]) -> None:
        rows = Instance.objects.filter(
            region=self.region, public_id__in=names, deleted_at__isnull=True
        ).select_related("project__organisation", "region")
        open_ones = Operation.objects.filter(
            instance__in=rows, state__in=OPEN, lane=Lane.CHANGE
        ).select_related("instance__project__organisation", "instance__region")
        busy = {operation.instance_id: operation for operation in open_ones}
        for instance in rows:
            try:
                self._one(instance, busy.get(instance.pk), names[instance.public_id])
            except BackendError as error:
                logger.warning(
                    "watch.judge", extra={"instance": instance.public_id, "code": error.code}
                )

    def _one(self, instance: Instance, operation: Operation | None, refs: set[Ref]) -> None:
        self.judged += 1
        alive.touch()  # a comparison of everything takes its time
        spec = wanted_by(operation) if operation else spec_of(instance, with_secrets=False)
        entry = entry_of(instance)
        live = self._live(spec, entry.kubernetes.watched(spec) if entry.kubernetes else ())
        seen = self.backend.judge(entry, spec, live)
        said = (seen.observed.value, seen.detail)
        if operation is not None:
            if self._last.get(instance.public_id) != said:
                _wake(operation, self.region)
        else:
            looking.note(instance, seen)
            self._look_for_drift(instance, refs)
        self._last[instance.public_id] = said

    def _live(self, spec: InstanceSpec, refs: Iterable[Ref]) -> dict[Ref, Manifest]:
        held = {ref: self.store.get(spec.namespace, ref) for ref in refs}
        return {ref: found for ref, found in held.items() if found is not None}

    def _look_for_drift(self, instance: Instance, refs: set[Ref]) -> None:
        """Of the objects that changed and that we made: whether what we wanted still stands."""
        namespace, drifted = namespace_of(instance.project), False
        for row in applied.rows_of(self.region, instance.public_id):
            ref = applied.ref_of(row)
            if ref in refs:
                found = self.store.get(namespace, ref)
                ask = partial(self.backend.read, ref, namespace)
                drifted = applied.note_drift(row, found, ask) or drifted
        if drifted and clusters.drift_policy(self.region) == "correct":
            actions.repair(actor=SYSTEM, instance=instance, reason="drift", as_applied=True)

    def _resync(self, *, anew: bool) -> None:
        """Heals what was missed: lists all anew, and looks at those of which nothing is there."""
        for watcher in self.watchers.values() if anew else ():
            watcher.relist.set()
        there = {name for _, ref in list(self.store.held) if (name := _name(ref)) is not None}
        rows = Instance.objects.filter(region=self.region, deleted_at__isnull=True)
        for name in rows.values_list("public_id", flat=True):
            if name not in there:
                self._changed.put(("", Ref(Kind("", ""), name)))
        logger.info(
            "watch.resync", extra={"region": self.region.code, "objects": len(self.store.held)}
        )


def _name(ref: Ref) -> str | None:
    found = _OF_INSTANCE.match(ref.name)
    return found[1] if found else None


def _kinds_of(slug: str) -> list[tuple[Kind, bool]]:
    """The kinds that tell of an offering; whether we make them ourselves, so that they bear our
    labels.
    """
    entry = registry.get(slug)
    renderer = entry.kubernetes
    if renderer is None:
        return []
    offering = entry.offering
    values = {parameter.name: parameter.default for parameter in offering.parameters}
    version = renderer.VERSIONS[-1]
    found: dict[Kind, bool] = {}
    for plan in offering.plans:
        spec = InstanceSpec("example", "polder-example", version, plan, values)
        for ref in renderer.watched(spec):
            found[ref.kind] = ref.kind in renderer.KINDS
    return list(found.items())


def _wake(operation: Operation, region: Region) -> None:
    """Due now; whoever holds it looks again by itself."""
    waiting = Operation.objects.filter(pk=operation.pk, state__in=OPEN, lease_until__isnull=True)
    if waiting.update(next_attempt_at=timezone.now()):
        work.enqueue(operation.pk, region.code)
