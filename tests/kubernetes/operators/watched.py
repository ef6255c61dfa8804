"""Objects of one kind as they change: listed once, then watched, as operators do it. What wants to
know of changes waits for an event; nobody asks the API server in a loop.
"""

from __future__ import annotations

import threading
from typing import Any

from tests.kubernetes.api import Api, Refused

Object = dict[str, Any]
_AGAIN_SECONDS = 0.3  # after the API server was away, or did not know the kind yet


class Watched:
    """Begins at once; `changed` is set with each change. Objects are not to be written to."""

    def __init__(self, api: Api, path: str, changed: threading.Event) -> None:
        self._api, self._path, self._changed = api, path, changed
        self._held: dict[str, Object] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        threading.Thread(target=self._work, name=path, daemon=True).start()

    def items(self) -> list[Object]:
        with self._lock:
            return list(self._held.values())

    def put(self, one: Object) -> None:
        """What was just written, so that it is not first seen when it comes back."""
        key = one["metadata"]["uid"]
        with self._lock:
            held = self._held.get(key)
            if held is None or _version(held) < _version(one):
                self._held[key] = one

    def stop(self) -> None:
        """Its thread ends with the watch that runs."""
        self._stopped.set()

    def _work(self) -> None:
        version = ""
        while not self._stopped.is_set():
            try:
                version = self._follow(version or self._list())
            except Refused:  # too old, or no such kind
                version = ""
                self._stopped.wait(_AGAIN_SECONDS)
            except OSError:
                self._stopped.wait(_AGAIN_SECONDS)

    def _list(self) -> str:
        found = self._api.get(self._path)
        listed = found.get("items") or []
        with self._lock:
            self._held = {one["metadata"]["uid"]: one for one in listed}
        self._changed.set()
        if not found:
            raise Refused(404, f"{self._path} is not served")
        return str(found["metadata"]["resourceVersion"])

    def _follow(self, version: str) -> str:
        for event in self._api.changes(self._path, version):
            one = event["object"]
            if event["type"] == "ERROR":
                raise Refused(one.get("code", 500), one.get("message", ""))
            version = one["metadata"]["resourceVersion"]
            if event["type"] == "DELETED":
                with self._lock:
                    self._held.pop(one["metadata"]["uid"], None)
            elif event["type"] != "BOOKMARK":
                self.put(one)
            self._changed.set()
            if self._stopped.is_set():
                break
        return version


def _version(one: Object) -> int:
    return int(one["metadata"]["resourceVersion"])
