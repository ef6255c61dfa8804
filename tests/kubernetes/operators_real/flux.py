"""Flux's source-controller and helm-controller on the rig: the real ones, with a chart repository
at the address that Polder names.

helm-controller is built with Helm as it is published; its own build has a fork of Helm.
"""

from __future__ import annotations

from tests.kubernetes.assets.sets import HELM, SETS, SOURCE
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.operators_real import charts
from tests.kubernetes.operators_real.outside import Outside

NAMESPACE = "flux-system"
_FILES = "127.0.0.1:9095"  # where source-controller hands out what it has fetched


class Flux:
    """On a cluster with nodes. `stop` and `start` the two at will."""

    def __init__(self, cluster: Cluster, outside: Outside) -> None:
        self.cluster, self.outside = cluster, outside

    def install(self) -> Flux:
        tools = SETS["flux"]
        self.cluster.define(*(tools.manifest(of, "config/crd/bases") for of in (SOURCE, HELM)))
        named = {"metadata": {"name": NAMESPACE}}
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", **named})
        charts.publish(self.outside, "nats", charts.NATS)
        self.start()
        return self

    def start(self) -> None:
        known = {"RUNTIME_NAMESPACE": NAMESPACE, **self.outside.trusted}
        files = self.cluster.home / "source"
        files.mkdir(exist_ok=True)
        self.cluster.run(
            "source-controller",
            "--watch-all-namespaces",
            f"--storage-path={files}",
            f"--storage-addr={_FILES}",
            f"--storage-adv-addr={_FILES}",
            "--metrics-addr=127.0.0.1:18183",
            "--health-addr=127.0.0.1:18184",
            environment={**known, "TUF_ROOT": str(self.cluster.home / "sigstore")},
        )
        self.cluster.run(
            "helm-controller",
            "--watch-all-namespaces",
            "--metrics-addr=127.0.0.1:18185",
            "--health-addr=127.0.0.1:18186",
            "--requeue-dependency=2s",
            environment=known,
        )
        self.cluster.wait("helm-controller", lambda: self.cluster.network.answers(18186))

    def stop(self) -> None:
        """As a crash would."""
        self.cluster.kill("source-controller")
        self.cluster.kill("helm-controller")
