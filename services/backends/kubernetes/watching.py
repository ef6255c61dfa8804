"""One kind of objects of a whole cluster, as it changes: listed once, then watched from there.

Nothing is asked in a loop. What can cut a watch is survived: its time is over (it goes on from
where it was), the cluster forgot that version (410: listed anew), it starts or is away (tried
again, later and later).
"""

from __future__ import annotations

import json
import logging
import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, Thread

from portal.kernel.errors import BackendError
from services.backends.kubernetes.objects import Objects
from services.spec import Kind, Manifest, Ref

logger = logging.getLogger(__name__)
_WATCH_SECONDS = (300, 600)  # each lasts another time, so that they do not all end at once
_PATIENCE_SECONDS = (1.0, 30.0)

# Told the namespace and the object.
Changed = Callable[[str, Ref], None]


@dataclass
class Store:
    """What the watchers know: objects, pressed together. Written by them, read by others."""

    held: dict[tuple[str, Ref], bytes] = field(default_factory=dict)

    def put(self, namespace: str, ref: Ref, found: Manifest) -> bool:
        """Whether it is new or other than before."""
        found.get("metadata", {}).pop("managedFields", None)
        pressed = zlib.compress(json.dumps(found).encode(), 1)
        changed = self.held.get((namespace, ref)) != pressed
        self.held[(namespace, ref)] = pressed
        return changed

    def get(self, namespace: str, ref: Ref) -> Manifest | None:
        pressed = self.held.get((namespace, ref))
        if pressed is None:
            return None
        found: Manifest = json.loads(zlib.decompress(pressed))
        return found

    def drop(self, namespace: str, ref: Ref) -> None:
        self.held.pop((namespace, ref), None)

    def of(self, kind: Kind) -> set[tuple[str, Ref]]:
        return {key for key in list(self.held) if key[1].kind == kind}


@dataclass
class Watcher:
    """Runs in a thread of its own until `stop`. `changed` is told of each object that is other than
    before; `listed` is set once the first list is through.
    """

    objects: Objects
    kind: Kind
    store: Store
    changed: Changed
    labels: str = ""
    prefix: str = "polder-"
    stop: Event = field(default_factory=Event)
    relist: Event = field(default_factory=Event)
    listed: Event = field(default_factory=Event)
    lists: int = 0

    def start(self) -> None:
        Thread(target=self.run, name=f"watch {self.kind.name}", daemon=True).start()

    def run(self) -> None:
        version, wait = "", _PATIENCE_SECONDS[0]
        while not self.stop.is_set():
            try:
                if not version or self.relist.is_set():
                    version = self._list()
                for event in self._changes(version):
                    version, wait = self._take(event), _PATIENCE_SECONDS[0]
            except BackendError as error:
                if error.code == "version-gone":
                    version = ""
                    continue
                logger.warning(
                    "watch.cut",
                    extra={"kind": self.kind.name, "code": error.code, "why": error.detail[:200]},
                )
                self.stop.wait(wait * random.uniform(0.7, 1.3))  # noqa: S311  # not for secrets
                wait = min(wait * 2, _PATIENCE_SECONDS[1])

    def _list(self) -> str:
        self.relist.clear()
        self.lists += 1
        before, newest = self.store.of(self.kind), ""
        seen: set[tuple[str, Ref]] = set()
        for page, version in self.objects.pages(self.kind.api, self.kind.name, self.labels):
            newest = newest or version
            seen.update(self._put(found) for found in page)
        for namespace, ref in before - seen:
            self.store.drop(namespace, ref)
            self.changed(namespace, ref)
        self.listed.set()
        return newest

    def _changes(self, version: str) -> Iterator[Manifest]:
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311  # not for secrets
        for event in self.objects.changes(
            self.kind.api, self.kind.name, version, self.labels, seconds=seconds
        ):
            if self.stop.is_set():
                return
            yield event
            if self.relist.is_set():
                return

    def _take(self, event: Manifest) -> str:
        found = event["object"]
        version: str = found["metadata"]["resourceVersion"]
        if event["type"] == "DELETED":
            namespace, ref = self._key(found)
            self.store.drop(namespace, ref)
            self.changed(namespace, ref)
        elif event["type"] != "BOOKMARK":
            self._put(found)
        return version

    def _put(self, found: Manifest) -> tuple[str, Ref]:
        namespace, ref = self._key(found)
        if namespace.startswith(self.prefix) and self.store.put(namespace, ref, found):
            self.changed(namespace, ref)
        return namespace, ref

    def _key(self, found: Manifest) -> tuple[str, Ref]:
        metadata = found["metadata"]
        return metadata.get("namespace", ""), Ref(self.kind, metadata["name"])
