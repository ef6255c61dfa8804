"""Plays an operator whose program cannot run here, on the rig with nodes.

A double names the kinds it plays. For each there is a `Play`: what the operator makes for an object
(StatefulSets, Services, Secrets of their real shape: Kubernetes and KWOK then make the pods) and
which status it writes. The rest is here, and is as unkind as operators are:

- a change is seen a moment late, and until then the old status stands, "ready" included
- "ready" comes a moment after the pods are ready
- conditions that a status does not name stay as they were
- an object leaves when its finalizer is taken off, after what it owns
- where a StatefulSet's claims grow, it is made anew around its pods, and the claims are grown
- `down` answers every write with 500, and nothing moves; `up` goes on from there
- `hold` lets an object progress for ever; `trouble` lets it fail with the operator's own words
"""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.kubernetes.api import Api, Refused, place, place_of
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.operators.down import Outage
from tests.kubernetes.operators.watched import Watched

Object = dict[str, Any]
LATE = 0.4  # seconds until a change is seen, and again until ready is told
_SHORTEST, _LONGEST = 0.05, 0.25  # seconds between two looks at what is known
WORKLOADS = ("StatefulSet", "Deployment")
_APPS = {"apiVersion": "apps/v1"}
_WORKLOAD_PATHS = {place("apps/v1", f"{kind.lower()}s"): kind for kind in WORKLOADS}


@dataclass(frozen=True)
class Seen:
    """What the operator knows of the pods when it writes a status. `settled`: all are of the
    newest kind and ready, and ready may be told. `trouble`: reason and message of what fails.
    """

    wanted: int = 0
    ready: int = 0
    settled: bool = False
    trouble: tuple[str, str] | None = None


class Play:
    """One kind of an operator. Override what differs."""

    api = ""
    plural = ""
    finalizer = ""  # the operator's own; put on when it first sees an object
    observes = True  # whether it writes status.observedGeneration
    grows = True  # whether it grows volume claims, which their StatefulSet does not

    def children(self, one: Object) -> Iterable[Object]:
        """What it makes for this object, in its namespace (shapes.py helps)."""
        return ()

    def refuses(self, one: Object) -> tuple[str, str] | None:
        """Reason and message of what the operator does not do; it then makes nothing."""
        return None

    def status(self, one: Object, seen: Seen) -> Object:
        """What it writes; conditions through `conditions`. None takes a field away."""
        raise NotImplementedError

    def leaves(self, api: Api, one: Object) -> bool:
        """Whether a deleted object may go now. Here the operator takes away what it made."""
        return True


def conditions(one: Object, **said: tuple[str, str, str]) -> list[Object]:
    """Type=(status, reason, message). Others stay; a time moves with its status only."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = {c["type"]: c for c in one.get("status", {}).get("conditions") or []}
    for kind, (status, reason, message) in said.items():
        old = known.get(kind, {})
        when = old["lastTransitionTime"] if old.get("status") == status else now
        known[kind] = {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": when,
        }
    return list(known.values())


@dataclass
class _Memory:
    """What the double knows of an object between two looks."""

    generation: int = 0
    marks: Object = field(default_factory=dict)
    changed: float = 0.0
    ready_since: float | None = None
    made: list[Object] = field(default_factory=list)


class Double:
    """One operator. `start` it when its definitions are served; objects are "namespace/name"."""

    def __init__(self, name: str, cluster: Cluster, *plays: Play) -> None:
        self.name, self.plays = name, plays
        self.api = Api(cluster.kubeconfig)
        self.errors: list[str] = []  # what went wrong in the double itself
        self._outage = Outage(name, self.api, [(play.api, play.plural) for play in plays])
        self._held: set[str] = set()
        self._troubles: dict[str, tuple[str, str]] = {}
        self._memory: dict[str, _Memory] = {}  # by the object's uid
        self._pods: dict[str, tuple[int, int]] = {}  # wanted and ready, by the workload's path
        self._changed = threading.Event()
        self._known: dict[str, Watched] = {}  # by the path of their kind
        self._lock = threading.Lock()  # held while it works; `down` waits for it
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> Double:
        paths = [place(play.api, play.plural) for play in self.plays]
        for path in [*paths, *_WORKLOAD_PATHS]:
            self._known[path] = Watched(self.api, path, self._changed)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._stopped.set()
        for known in self._known.values():
            known.stop()
        self._thread.join(30)

    def down(self) -> None:
        """Every write to its kinds is answered with 500 when this returns; deletes pass."""
        self._lock.acquire()
        self._outage.begin()

    def up(self) -> None:
        self._outage.end()
        self._lock.release()

    def hold(self, key: str) -> None:
        """Never ready, until `release`."""
        self._held.add(key)

    def release(self, key: str) -> None:
        self._held.discard(key)

    def trouble(self, key: str, reason: str, message: str) -> None:
        """It fails, and says so, until `mend`."""
        self._troubles[key] = (reason, message)

    def mend(self, key: str) -> None:
        self._troubles.pop(key, None)

    def _work(self) -> None:
        """After a change, and a few times a second for what only takes its time."""
        while not self._stopped.wait(_SHORTEST):
            self._changed.wait(_LONGEST)
            self._changed.clear()
            with self._lock, contextlib.suppress(OSError):  # the API server is away: the next time
                self._count()
                for play in self.plays:
                    for one in self._known[place(play.api, play.plural)].items():
                        self._see(play, one)

    def _count(self) -> None:
        for path, kind in _WORKLOAD_PATHS.items():
            for workload in self._known[path].items():
                self._pods[place_of({**workload, **_APPS, "kind": kind})] = _ready(workload)

    def _see(self, play: Play, one: Object) -> None:
        named = one["metadata"]
        try:
            if named.get("deletionTimestamp"):
                self._let_go(play, one)
            else:
                self._reconcile(play, one, self._memory.setdefault(named["uid"], _Memory()))
        except Refused as refused:
            if refused.status not in (404, 409):  # gone, or changed: the next look shows
                self.errors.append(str(refused))
        except OSError:
            raise
        except Exception:  # noqa: BLE001  a mistake in a play must show, and not end the thread
            self.errors.append(traceback.format_exc())

    def _reconcile(self, play: Play, one: Object, known: _Memory) -> None:
        now, named = time.monotonic(), one["metadata"]
        marks = named.get("annotations", {})
        if (known.generation, known.marks) != (named["generation"], marks):
            known.generation, known.changed, known.ready_since = named["generation"], now, None
            known.marks, known.made = marks, []
        if now - known.changed < LATE:
            return
        if play.finalizer and play.finalizer not in named.get("finalizers", []):
            self._keep(play, one, [*named.get("finalizers", []), play.finalizer])
            return
        trouble = play.refuses(one)
        if not known.made and not trouble:
            try:
                known.made = [self._make(play, one, child) for child in play.children(one)]
            except Refused as refused:
                if refused.status == 409:
                    raise
                trouble = ("Error", str(refused))
        status = dict(play.status(one, self._seen(one, known, trouble)))
        if play.observes:
            status["observedGeneration"] = known.generation
        self._write(play, one, status)

    def _seen(self, one: Object, known: _Memory, trouble: tuple[str, str] | None) -> Seen:
        key = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        trouble = trouble or self._troubles.get(key)
        counts = [self._pods.get(place_of(w), (1, 0)) for w in known.made if w["kind"] in WORKLOADS]
        wanted, ready = sum(w for w, _ in counts), sum(r for _, r in counts)
        if key in self._held:
            ready = min(ready, wanted - 1)
        if ready < wanted:
            known.ready_since = None
        elif known.ready_since is None:
            known.ready_since = time.monotonic()
        since = known.ready_since
        late_enough = since is not None and time.monotonic() - since >= LATE
        return Seen(wanted, ready, late_enough and not trouble, trouble)

    def _make(self, play: Play, one: Object, child: Object) -> Object:
        """Owned, so that it goes with its owner. A Secret that exists keeps what it holds."""
        metadata = {**child["metadata"], "namespace": one["metadata"]["namespace"]}
        wanted = {**child, "metadata": {**metadata, "ownerReferences": [owner(one)]}}
        if wanted["kind"] == "Secret" and self.api.get(place_of(wanted)):
            return wanted
        try:
            self.api.apply(wanted, self.name)
        except Refused as refused:
            if wanted["kind"] != "StatefulSet" or refused.status != 422:
                raise
            self.api.delete(f"{place_of(wanted)}?propagationPolicy=Orphan")
            raise Refused(409, "It is being made anew.") from refused
        if wanted["kind"] == "StatefulSet" and play.grows:
            self._grow(wanted)
        return wanted

    def _grow(self, workload: Object) -> None:
        """The claims that there are, to what the templates ask for."""
        named, spec = workload["metadata"], workload["spec"]
        for template in spec["volumeClaimTemplates"]:
            for number in range(spec["replicas"]):
                name = f"{template['metadata']['name']}-{named['name']}-{number}"
                path = place("v1", "persistentvolumeclaims", named["namespace"], name)
                asked = {"requests": template["spec"]["resources"]["requests"]}
                there = self.api.get(path)
                if there and there["spec"]["resources"] != asked:
                    self.api.merge(path, {"spec": {"resources": asked}})

    def _write(self, play: Play, one: Object, status: Object) -> None:
        old = one.get("status", {})
        changes = {key: value for key, value in status.items() if old.get(key) != value}
        if changes:
            written = self.api.merge(f"{_path(play, one)}/status", {"status": changes})
            self._known[place(play.api, play.plural)].put(written)

    def _let_go(self, play: Play, one: Object) -> None:
        held = one["metadata"].get("finalizers", [])
        if play.finalizer in held and play.leaves(self.api, one):
            self._keep(play, one, [other for other in held if other != play.finalizer])

    def _keep(self, play: Play, one: Object, finalizers: list[str]) -> None:
        """Refused (409) where the object has changed since it was seen."""
        at = {"resourceVersion": one["metadata"]["resourceVersion"], "finalizers": finalizers}
        self.api.merge(_path(play, one), {"metadata": at})


def owner(one: Object) -> Object:
    """A reference to it, for what belongs to it."""
    return {
        "apiVersion": one["apiVersion"],
        "kind": one["kind"],
        "name": one["metadata"]["name"],
        "uid": one["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _ready(workload: Object) -> tuple[int, int]:
    """Pods that are wanted, and those that are ready and of the newest kind."""
    wanted, status = workload.get("spec", {}).get("replicas", 1), workload.get("status", {})
    if status.get("observedGeneration", 0) < workload.get("metadata", {}).get("generation", 1):
        return wanted, 0
    return wanted, min(status.get("readyReplicas", 0), status.get("updatedReplicas", 0))


def _path(play: Play, one: Object) -> str:
    named = one["metadata"]
    return place(play.api, play.plural, named["namespace"], named["name"])
