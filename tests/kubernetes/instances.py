"""What CloudNativePG's operator needs of a pod: its instance manager. One program plays all.

    python -m tests.kubernetes.instances OPERATOR

- answers GET /pg/status on every pod's address, port 8000, with the cluster's own certificate
- writes `currentPrimary` once the operator chose `targetPrimary`
- reports Database and DatabaseRole as applied once there is a primary

In a real pod the instance manager does all three. OPERATOR is the operator's program: instances
that do not report its digest are restarted for ever.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.server
import json
import os
import socket
import ssl
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.kubernetes.api import Api
from tests.kubernetes.operators.watched import Watched

GROUP = "/apis/postgresql.cnpg.io/v1"
PODS = "/api/v1/pods?labelSelector=cnpg.io/cluster,cnpg.io/podRole%3Dinstance"
_INNER = ("databases", "databaseroles")
_HERE = "0/5000060"  # one place in the log, reached by all


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Instances:
    """All instances of all clusters, as the API server knows them."""

    def __init__(self, operator: Path) -> None:
        self.api = Api(os.environ["KUBECONFIG"])
        self._digest = hashlib.sha256(operator.read_bytes()).hexdigest()
        self._contexts: dict[tuple[str, str, str], ssl.SSLContext] = {}
        self._pods: dict[str, dict[str, Any]] = {}
        self._clusters: dict[tuple[str, str], dict[str, Any]] = {}
        self.changed = threading.Event()
        kinds = ("clusters", *_INNER)
        self._known = {kind: self._watched(f"{GROUP}/{kind}") for kind in kinds}
        self._all_pods = self._watched(PODS)

    def _watched(self, path: str) -> Watched:
        return Watched(self.api, path, self.changed)

    def look(self) -> None:
        """Addresses pass from pod to pod: look before each answer."""
        running = ((pod.get("status", {}).get("podIP"), pod) for pod in self._all_pods.items())
        self._pods = {address: pod for address, pod in running if address}
        self._clusters = {_key(one): one for one in self._known["clusters"].items()}

    def context(self, address: str) -> ssl.SSLContext | None:
        """The certificate of the cluster whose pod has this address. Raises: OSError."""
        pod = self._pods.get(address)
        if pod is None:
            return None
        namespace, cluster = _cluster_of(pod)
        secret = self.api.get(f"/api/v1/namespaces/{namespace}/secrets/{cluster}-server")
        if not secret:
            return None
        data = secret["data"]
        key = (namespace, cluster, data["tls.crt"])
        if key not in self._contexts:
            with tempfile.NamedTemporaryFile("wb", suffix=".pem") as file:
                file.write(b"".join(base64.b64decode(data[n]) for n in ("tls.key", "tls.crt")))
                file.flush()
                self._contexts[key] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._contexts[key].load_cert_chain(file.name)
        return self._contexts[key]

    def status(self, address: str) -> dict[str, Any]:
        pod = self._pods.get(address)
        if pod is None:
            return {}
        known = self._clusters.get(_cluster_of(pod), {}).get("status", {})
        name = pod["metadata"]["name"]
        primary = known.get("currentPrimary") or known.get("targetPrimary")
        said = {
            "systemID": "7400000000000000001",
            "isPrimary": name == primary,
            "timeLineID": 1,
            "executableHash": self._digest,
            "instanceArch": "amd64",
            "instanceManagerVersion": "1.30.0",
            "sessionID": pod["metadata"]["uid"],
            "currentWAL": "000000010000000000000005",
        }
        return {**said, **(self._leading(pod) if name == primary else _following())}

    def _leading(self, pod: dict[str, Any]) -> dict[str, Any]:
        mates = [one for one in self._pods.values() if _cluster_of(one) == _cluster_of(pod)]
        names = {one["metadata"]["name"] for one in mates} - {pod["metadata"]["name"]}
        reached = dict.fromkeys(("receivedLsn", "writeLsn", "flushLsn", "replayLsn"), _HERE)
        follows = {"state": "streaming", "syncState": "quorum", "syncPriority": "1", **reached}
        return {
            "currentLsn": _HERE,
            "isArchivingWAL": True,
            "lastArchivedWAL": "000000010000000000000004",
            "lastArchivedWALTime": _now(),
            "replicationInfo": [{"applicationName": name, **follows} for name in sorted(names)],
        }

    def write_statuses(self) -> None:
        """Raises: OSError."""
        self.look()
        for (namespace, name), cluster in self._clusters.items():
            status = cluster.get("status", {})
            pods = {p["metadata"]["name"] for p in self._pods.values() if _key(p)[0] == namespace}
            target, current = status.get("targetPrimary"), status.get("currentPrimary")
            if target in pods and current != target:
                change = {"currentPrimary": target, "currentPrimaryTimestamp": _now()}
                self._patch("clusters", namespace, name, change)
            elif current in pods:
                self._apply_inner(namespace, name)

    def _apply_inner(self, namespace: str, cluster: str) -> None:
        for kind in _INNER:
            for one in self._known[kind].items():
                generation = one["metadata"]["generation"]
                seen = one.get("status", {}).get("observedGeneration")
                of = one["metadata"]["namespace"], one["spec"]["cluster"]["name"]
                if of == (namespace, cluster) and seen != generation:
                    applied = {"applied": True, "observedGeneration": generation}
                    self._patch(kind, namespace, one["metadata"]["name"], applied)

    def _patch(self, kind: str, namespace: str, name: str, status: dict[str, Any]) -> None:
        path = f"{GROUP}/namespaces/{namespace}/{kind}/{name}/status"
        self.api.merge(path, {"status": status})


def _key(one: dict[str, Any]) -> tuple[str, str]:
    return one["metadata"]["namespace"], one["metadata"]["name"]


def _cluster_of(pod: dict[str, Any]) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["labels"]["cnpg.io/cluster"]


def _following() -> dict[str, Any]:
    return {"receivedLsn": _HERE, "replayLsn": _HERE, "isWalReceiverActive": True}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        instances = self.server.instances  # type: ignore[attr-defined]
        instances.look()
        asked = self.path.startswith("/pg/status")
        said = instances.status(self.connection.getsockname()[0]) if asked else {}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        """Nothing: every second for each pod."""


class Server(http.server.ThreadingHTTPServer):
    """Which certificate to show depends on the address that was called."""

    daemon_threads = True

    def __init__(self, instances: Instances) -> None:
        self.instances = instances
        super().__init__(("0.0.0.0", 8000), Handler)  # noqa: S104  the rig's own network

    def finish_request(self, request: socket.socket, client: tuple[str, int]) -> None:  # type: ignore[override]
        with contextlib.suppress(OSError):  # the API server is away: the operator asks again
            self.instances.look()
            context = self.instances.context(request.getsockname()[0])
            if context is not None:
                super().finish_request(context.wrap_socket(request, server_side=True), client)


def main() -> None:
    instances = Instances(Path(sys.argv[1]))
    threading.Thread(target=Server(instances).serve_forever, daemon=True).start()
    while True:
        instances.changed.wait(0.5)
        instances.changed.clear()
        with contextlib.suppress(OSError):
            instances.write_statuses()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
