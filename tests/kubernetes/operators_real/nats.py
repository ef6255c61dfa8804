"""NATS on the rig: a real server in the place of its pod, and NACK beside it, the real one."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from services.spec import Credentials
from tests.kubernetes.assets.sets import NACK, SETS
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.lives import Life

_STREAMS = "jetstream.nats.io/v1beta2"


class Server:
    """The one pod of a life: its configuration, its variables and its certificate, read as a
    kubelet would. It listens on all addresses, so also on those of the Services.
    """

    def __init__(self, cluster: Cluster, life: Life) -> None:
        self.cluster, self.life = cluster, life
        self.home = cluster.home / "nats"

    def __enter__(self) -> Server:
        self.follow()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def follow(self) -> None:
        """Started anew as the pod says now."""
        self.stop()
        (pod,) = self._read("pods", "-l", f"app.kubernetes.io/instance={self._name}")["items"]
        server = pod["spec"]["containers"][0]
        variables = {one["name"]: self._value(pod, one) for one in server["env"]}
        config = self._read("configmap", f"{self._name}-config")["data"]["nats.conf"]
        self._write_keys()
        for inside in ("/etc/nats-certs/nats", "/etc/nats-certs/mqtt", "/etc/nats-ca-cert"):
            config = config.replace(inside, str(self.home))
        config = config.replace("/data", str(self.home / "data"))
        config = config.replace("/var/run/nats", str(self.home))
        (self.home / "nats.conf").write_text(config)
        # A disk of the plan's size is more than a test's machine may have.
        self.cluster.run(
            "nats-server", "--config", str(self.home / "nats.conf"), environment=variables
        )
        self.cluster.wait("nats-server", lambda: self.cluster.network.answers(8222))

    def stop(self) -> None:
        if "nats-server" in self.cluster.processes:
            self.cluster.kill("nats-server")

    @property
    def _name(self) -> str:
        return self.life.instance.public_id

    def _value(self, pod: dict[str, Any], variable: dict[str, Any]) -> str:
        source = variable.get("valueFrom", {})
        if "secretKeyRef" in source:
            return self._secret(source["secretKeyRef"]["name"])[source["secretKeyRef"]["key"]]
        return str(pod["metadata"]["name"] if "fieldRef" in source else variable["value"])

    def _write_keys(self) -> None:
        self.home.mkdir(exist_ok=True)
        for file, text in self._secret(f"{self._name}-tls").items():
            Path(self.home / file).write_text(text)

    def _secret(self, name: str) -> dict[str, str]:
        held = self._read("secret", name)["data"]
        return {key: base64.b64decode(value).decode() for key, value in held.items()}

    def _read(self, *words: str) -> Any:
        return self.life.read(self.cluster, *words)


class Nack:
    """Makes streams as a tenant's own program would: with what the tenant is told, and no more."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def install(self) -> Nack:
        self.cluster.define(SETS["nats"].manifest(NACK, "deploy/crds.yml"))
        self.cluster.run(
            "jetstream-controller",
            "-control-loop",
            "-s=nats://127.0.0.1:4222",  # which it wants, and does not use
            f"-kubeconfig={self.cluster.kubeconfig}",
            f"-cache-dir={self.cluster.home / 'nack'}",
            "-health-probe-bind-address=127.0.0.1:18187",
        )
        self.cluster.wait("jetstream-controller", lambda: self.cluster.network.answers(18187))
        return self

    def order(self, name: str, namespace: str, told: Credentials) -> None:
        """A stream, made with these credentials."""
        where = {"namespace": namespace, "name": name}
        login = {"username": told.username, "password": str(told.password)}
        keys = {"ca.crt": told.ca_certificate, **login}
        held = {"apiVersion": "v1", "kind": "Secret", "metadata": where, "stringData": keys}
        account = {
            "servers": [f"tls://{told.host}:{told.port}"],
            "tls": {"secret": {"name": name}, "ca": "ca.crt"},
            "user": {"secret": {"name": name}, "user": "username", "password": "password"},
        }
        stream = {"name": name, "account": name, "subjects": [f"{name}.>"], "storage": "file"}
        self.cluster.apply(
            held,
            {"apiVersion": _STREAMS, "kind": "Account", "metadata": where, "spec": account},
            {"apiVersion": _STREAMS, "kind": "Stream", "metadata": where, "spec": stream},
        )

    def said(self, name: str, namespace: str) -> str:
        """Of a stream: what NACK tells, with the server's own words."""
        found = self.cluster.read("-n", namespace, "streams.jetstream.nats.io", name)
        rows = found.get("status", {}).get("conditions", [])
        return "".join(f"{row['reason']}: {row['message']}" for row in rows)
