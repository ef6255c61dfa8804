"""CloudNativePG and its backup plugin on the rig: the real operators, their webhooks called by the
API server. Only the pods' instance managers are played (instances.py).
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from tests.kubernetes.assets import build
from tests.kubernetes.assets.sets import BARMAN, CNPG, SETS
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.keys import self_signed
from tests.kubernetes.nodes import run_module
from tests.kubernetes.webhooks import pointed_at

NAMESPACE = "cnpg-system"
CATALOG = "postgresql-standard-trixie"
MINORS = {14: 20, 15: 15, 16: 11, 17: 7, 18: 1}
IMAGE = "ghcr.io/cloudnative-pg/postgresql:{major}.{minor}-standard-trixie"
_QUERIES = "cnpg-default-monitoring"
_PORT = 9443


class CloudNativePG:
    """On a cluster with nodes. `install` once; `stop` and `start` the operator at will."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.home = cluster.home / "cnpg"
        self._tools = SETS["cnpg"]

    def install(self) -> CloudNativePG:
        """Definitions, catalogue, operator, plugin and instances: all ready for a Cluster."""
        self.home.mkdir()
        self._define()
        self.start()
        address = f"https://127.0.0.1:{_PORT}"
        manifest = self._tools.manifest(CNPG, "config/webhook/manifests.yaml")
        self.cluster.apply(*pointed_at(address, self.cluster.home / "ca.crt", manifest))
        self.set_minors(MINORS)
        self.start_plugin()
        run_module(self.cluster, "instances", str(build.program("cnpg")))
        return self

    def start(self) -> None:
        """Answers webhooks when it returns."""
        self.cluster.run(
            "cnpg",
            "controller",
            f"--webhook-port={_PORT}",
            "--metrics-bind-address=127.0.0.1:18080",
            folder=self.home,
            environment={
                "WEBHOOK_CERT_DIR": str(self.home),
                "OPERATOR_NAMESPACE": NAMESPACE,
                "OPERATOR_IMAGE_NAME": "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0",
                "MONITORING_QUERIES_CONFIGMAP": _QUERIES,
            },
        )
        self.cluster.wait("cnpg", lambda: self.cluster.network.answers(_PORT))

    def stop(self) -> None:
        """As a crash would: what is running stays, writes are refused with 500."""
        self.cluster.kill("cnpg")

    def start_plugin(self) -> None:
        """Backups and restores: Clusters that name the plugin cannot proceed without it."""
        server = self._pair("barman-cloud-server-tls", "barman-cloud", f"barman-cloud.{NAMESPACE}")
        client = self._pair("barman-cloud-client-tls", "barman-cloud-client")
        self.cluster.run(
            "barman-cloud",
            "operator",
            f"--server-cert={server}.crt",
            f"--server-key={server}.key",
            f"--client-cert={client}.crt",
            "--server-address=:9191",
            "--health-probe-bind-address=127.0.0.1:18090",
            "--leader-elect=false",
            environment={
                "SIDECAR_IMAGE": "ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.14.0"
            },
        )
        self.cluster.wait("barman-cloud", lambda: self.cluster.network.answers(9191))
        self.cluster.apply(_service())

    def set_minors(self, minors: dict[int, int]) -> None:
        """Which image each major has in the catalogue: a higher one is a minor upgrade for all."""
        images = [
            {"major": major, "image": IMAGE.format(major=major, minor=minor)}
            for major, minor in minors.items()
        ]
        catalog = {
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "ClusterImageCatalog",
            "metadata": {"name": CATALOG},
            "spec": {"images": images},
        }
        self.cluster.apply(catalog)

    def log(self, lines: int = 30) -> str:
        return self.cluster.log("cnpg", lines)

    def _define(self) -> None:
        """What the operator finds when it starts: definitions, queries, keys, and itself."""
        definitions = [self._tools.manifest(of, "config/crd/bases") for of in (CNPG, BARMAN)]
        self.cluster.define(*definitions)
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": _named(NAMESPACE)})
        queries = self._tools.manifest(CNPG, "config/manager/default-monitoring.yaml").read_text()
        renamed = queries.replace("name: default-monitoring", f"name: {_QUERIES}")
        self.cluster.kubectl("-n", NAMESPACE, "apply", "--server-side", "-f", "-", text=renamed)
        for kind in ("crt", "key"):
            held = (self.cluster.home / f"server.{kind}").read_bytes()
            (self.home / f"apiserver.{kind}").write_bytes(held)
        # The digest that instances must report is that of the program it finds here.
        (self.home / "operator").mkdir()
        program = build.program("cnpg")
        assert program is not None
        (self.home / "operator" / "manager_amd64").symlink_to(program)

    def _pair(self, secret: str, *names: str) -> Path:
        """Certificate and key, as files and as a Secret. Each side pins the other's certificate as
        its authority, so that both sign themselves.
        """
        certificate, key = self_signed(*names)
        target = self.home / secret
        target.with_suffix(".crt").write_bytes(certificate)
        target.with_suffix(".key").write_bytes(key)
        data = {"tls.crt": certificate, "tls.key": key, "ca.crt": certificate}
        wanted = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {**_named(secret), "namespace": NAMESPACE},
            "data": {name: base64.b64encode(held).decode() for name, held in data.items()},
        }
        self.cluster.apply(wanted)
        return target


def _named(name: str) -> dict[str, Any]:
    return {"name": name}


def _service() -> dict[str, Any]:
    """Where the operator finds the plugin. The plugin listens on every address there is."""
    metadata = {
        "name": "barman-cloud",
        "namespace": NAMESPACE,
        "labels": {"cnpg.io/pluginName": "barman-cloud.cloudnative-pg.io"},
        "annotations": {
            "cnpg.io/pluginClientSecret": "barman-cloud-client-tls",
            "cnpg.io/pluginServerSecret": "barman-cloud-server-tls",
            "cnpg.io/pluginPort": "9191",
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"ports": [{"port": 9191}]},
    }
