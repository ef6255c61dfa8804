"""What is built: sets of programs, each from the go.mod in the folder of its name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cache import cache_folder

HERE = Path(__file__).parent


@dataclass(frozen=True)
class ToolSet:
    """`programs`: the package of each. `manifests`: folders that are kept of a module's source."""

    name: str
    programs: Mapping[str, str]
    manifests: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        return HERE / self.name

    @property
    def folder(self) -> Path:
        """Where the programs of this go.sum belong, built or not."""
        digest = hashlib.sha256((self.source / "go.sum").read_bytes()).hexdigest()[:12]
        return cache_folder() / "kubernetes" / f"{self.name}-{digest}"

    @property
    def has_manifests(self) -> bool:
        return all(
            self.manifest(module, folder).is_dir()
            for module, folders in self.manifests.items()
            for folder in folders
        )

    @property
    def go_version(self) -> str:
        return self._said(r"^go (\S+)$")

    def version(self, module: str) -> str:
        """As go.mod requires it: v1.36.3."""
        return self._said(rf"^\s*(?:require )?{re.escape(module)} (v\S+)")

    def manifest(self, module: str, path: str) -> Path:
        """A kept file or folder of a module."""
        return self.folder / "manifests" / module.rsplit("/", 1)[-1] / path

    def _said(self, pattern: str) -> str:
        found = re.search(pattern, (self.source / "go.mod").read_text(), re.MULTILINE)
        assert found is not None
        return found[1]


CNPG = "github.com/cloudnative-pg/cloudnative-pg"
BARMAN = "github.com/cloudnative-pg/plugin-barman-cloud"
HELM = "github.com/fluxcd/helm-controller"
SOURCE = "github.com/fluxcd/source-controller"
NACK = "github.com/nats-io/nack"
CLUSTER_API = "sigs.k8s.io/cluster-api"
SERVING = "knative.dev/serving"

SETS = {
    tools.name: tools
    for tools in (
        ToolSet(
            "kubernetes",
            {
                "etcd": "go.etcd.io/etcd/server/v3",
                "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
                "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
                "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
                "kubectl": "k8s.io/kubernetes/cmd/kubectl",
            },
        ),
        ToolSet("kwok", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"}),
        ToolSet(
            "cnpg",
            {"cnpg": f"{CNPG}/cmd/manager", "barman-cloud": f"{BARMAN}/cmd/manager"},
            {
                CNPG: ("config/crd/bases", "config/manager", "config/webhook"),
                BARMAN: ("config/crd/bases",),
            },
        ),
        ToolSet(
            "flux",
            {"source-controller": SOURCE, "helm-controller": HELM},
            {SOURCE: ("config/crd/bases",), HELM: ("config/crd/bases",)},
        ),
        ToolSet(
            "nats",
            {
                "jetstream-controller": f"{NACK}/cmd/jetstream-controller",
                "nats-server": "github.com/nats-io/nats-server/v2",
            },
            {NACK: ("deploy",)},
        ),
        ToolSet(
            "capi",
            {
                "capi-core": f"{CLUSTER_API}/core",
                "capi-kubeadm-bootstrap": f"{CLUSTER_API}/bootstrap/kubeadm",
                "capi-kubeadm-control-plane": f"{CLUSTER_API}/controlplane/kubeadm",
            },
            {
                CLUSTER_API: tuple(
                    f"{part}/config/{what}"
                    for part in ("core", "bootstrap/kubeadm", "controlplane/kubeadm")
                    for what in ("crd/bases", "webhook")
                )
            },
        ),
        ToolSet(
            "knative",
            {
                "knative-controller": f"{SERVING}/cmd/controller",
                "knative-webhook": f"{SERVING}/cmd/webhook",
            },
            {
                SERVING: ("config/core",),
                "knative.dev/networking": ("config",),
                "knative.dev/caching": ("config",),
            },
        ),
    )
}
