"""Cluster API on the rig: core, kubeadm's bootstrap and control plane, the real ones, with their
own webhooks. Machines alone are played, as OpenStack would make them.

The clusters that are made have the rig's own API server: its authority is put where theirs would be
made, so that they reach it, join nodes to it (KWOK plays those) and hand out a kubeconfig that
works. Their etcd stands outside, as nobody could speak with one in a pod here.
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml

from tests.kubernetes.api import Api, place
from tests.kubernetes.assets.sets import CLUSTER_API, SETS
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.nodes import ZONES
from tests.kubernetes.operators.double import Object, Play, Seen
from tests.kubernetes.webhooks import pointed_at

CLASS = Path(__file__).parent / "cluster_class.yaml"
_NAMESPACE = "capi-system"
_VERSIONS = {f"cluster.x-k8s.io/{name}": name for name in ("v1beta1", "v1beta2")}
_GATES = "ClusterTopology=true,MachineTaintPropagation=true"
# Each program, where its manifests lie, and the port of its webhooks.
_PARTS = {
    "capi-core": ("core", 9444),
    "capi-kubeadm-bootstrap": ("bootstrap/kubeadm", 9445),
    "capi-kubeadm-control-plane": ("controlplane/kubeadm", 9446),
}


class ClusterApi:
    """On a cluster with nodes. `crds` holds the definitions of its provider for OpenStack."""

    def __init__(self, cluster: Cluster, crds: Path) -> None:
        self.cluster, self.crds = cluster, crds
        self.home = cluster.home / "capi"

    def install(self) -> ClusterApi:
        """Kinds, the three programs, and the class of the region."""
        self.home.mkdir()
        for kind in ("crt", "key"):
            shutil.copy(self.cluster.home / f"server.{kind}", self.home / f"tls.{kind}")
        named = {"apiVersion": "v1", "kind": "Namespace"}
        for name in (_NAMESPACE, "polder-classes"):
            self.cluster.apply({**named, "metadata": {"name": name}})
        folders = [self._manifests(part, "crd/bases") for part, _ in _PARTS.values()]
        self._define(*folders, versions=_VERSIONS)
        provider = self.crds / "cluster-api-provider-openstack"
        self._define(provider, versions={"cluster.x-k8s.io/v1beta1": "v1beta1"})
        for program in _PARTS:
            self.start(program)
        for part, port in _PARTS.values():
            manifest = self._manifests(part, "webhook") / "manifests.yaml"
            address = f"https://127.0.0.1:{port}"
            self.cluster.apply(*pointed_at(address, self.cluster.home / "ca.crt", manifest))
        self.cluster.apply(*yaml.safe_load_all(CLASS.read_text()))
        return self

    def start(self, program: str = "capi-core") -> None:
        _, port = _PARTS[program]
        health = port - 9444 + 18188
        self.cluster.run(
            program,
            f"--feature-gates={_GATES}",
            f"--webhook-port={port}",
            f"--webhook-cert-dir={self.home}",
            f"--health-addr=127.0.0.1:{health}",
            f"--diagnostics-address=127.0.0.1:{health + 10}",
            "--insecure-diagnostics=true",
            "--skip-crd-migration-phases=StorageVersionMigration,CleanupManagedFields",
            environment={"POD_NAMESPACE": _NAMESPACE, "POD_NAME": program, "POD_UID": program},
        )
        self.cluster.wait(program, lambda: self.cluster.network.answers(port))

    def stop(self) -> None:
        """The core, as a crash would."""
        self.cluster.kill("capi-core")

    def _manifests(self, part: str, folder: str) -> Path:
        return SETS["capi"].manifest(CLUSTER_API, f"{part}/config/{folder}")

    def _define(self, *folders: Path, versions: dict[str, str]) -> None:
        """With the labels that say which contract each kind keeps."""
        files = [file for folder in folders for file in sorted(folder.glob("*.yaml"))]
        made = [yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in files]
        for one in made:
            one["metadata"]["labels"] = versions
        self.cluster.apply(*made)
        names = [f"crd/{one['metadata']['name']}" for one in made]
        self.cluster.kubectl("wait", "--for=condition=Established", "--timeout=120s", *names)


_V1 = {"apiVersion": "v1"}
_PROVIDER = "infrastructure.cluster.x-k8s.io/v1beta1"
_CORE = "cluster.x-k8s.io/v1beta2"
_CONTROL = "node-role.kubernetes.io/control-plane"
_BOOT = "bootstrap.cluster.x-k8s.io/v1beta2"
# Else the control plane would ask the API server in the pod, which has none.
_EXPIRY = {"machine.cluster.x-k8s.io/certificates-expiry": "2126-01-01T00:00:00Z"}
_EXPIRES = {"metadata": {"annotations": _EXPIRY}}
_KUBEADM_CONFIG = place("v1", "configmaps", "kube-system", "kubeadm-config")
_KUBEADM = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
"""


def _owner_of(one: Object, kind: str) -> str:
    owners = one["metadata"].get("ownerReferences", ())
    return next((owner["name"] for owner in owners if owner["kind"] == kind), "")


class OpenStackClusters(Play):
    """Network and load balancer: there is an address, that of the rig."""

    api = _PROVIDER
    plural = "openstackclusters"
    finalizer = "openstackcluster.infrastructure.cluster.x-k8s.io"
    observes = False

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def children(self, one: Object) -> Iterable[Object]:
        """What the control plane would make itself for any other API server."""
        name = _owner_of(one, "Cluster")
        if not name:
            return
        pair = {key: (self.cluster.home / f"ca.{file}").read_bytes() for key, file in _PAIR.items()}
        for what in ("ca", "etcd", "apiserver-etcd-client"):
            held = {"tls.crt": pair["tls.crt"]} if what == "etcd" else pair
            yield {
                **_V1,
                "kind": "Secret",
                "type": "cluster.x-k8s.io/secret",
                "metadata": {
                    "name": f"{name}-{what}",
                    "labels": {"cluster.x-k8s.io/cluster-name": name},
                },
                "data": {key: base64.b64encode(text).decode() for key, text in held.items()},
            }

    def status(self, one: Object, seen: Seen) -> Object:
        if not seen.settled or not _owner_of(one, "Cluster"):
            return {}
        api = Api(self.cluster.kubeconfig)
        path = place(self.api, self.plural, one["metadata"]["namespace"], one["metadata"]["name"])
        where = {"host": "127.0.0.1", "port": self.cluster.network.port}
        if one["spec"].get("controlPlaneEndpoint") != where:
            api.merge(path, {"spec": {"controlPlaneEndpoint": where}})
            return {}
        return {"ready": True, "failureDomains": {zone: {"controlPlane": True} for zone in ZONES}}

    def leaves(self, api: Api, one: Object) -> bool:
        api.delete(_KUBEADM_CONFIG)
        return True


_PAIR = {"tls.crt": "crt", "tls.key": "key"}


class OpenStackMachines(Play):
    """A machine starts once there is something to boot it with, and its kubelet joins."""

    api = _PROVIDER
    plural = "openstackmachines"
    finalizer = "openstackmachine.infrastructure.cluster.x-k8s.io"
    observes = False

    def __init__(self, api: Api) -> None:
        self.of = api

    def status(self, one: Object, seen: Seen) -> Object:
        named = one["metadata"]
        machine = self.of.get(
            place(_CORE, "machines", named["namespace"], _owner_of(one, "Machine") or "-")
        )
        if not machine or not machine["spec"]["bootstrap"].get("dataSecretName"):
            return {}
        provider = f"openstack:///{named['uid']}"
        if one["spec"].get("providerID") != provider:
            path = place(self.api, self.plural, named["namespace"], named["name"])
            self.of.merge(path, {"spec": {"providerID": provider}})
            return {}
        control = "cluster.x-k8s.io/control-plane" in machine["metadata"].get("labels", {})
        config = machine["spec"]["bootstrap"]["configRef"]["name"]
        self.of.merge(place(_BOOT, "kubeadmconfigs", named["namespace"], config), _EXPIRES)
        self._join(named["name"], provider, machine["spec"], control)
        return {"ready": True}

    def leaves(self, api: Api, one: Object) -> bool:
        """Its pods first: nobody ends those of a node that is gone."""
        node = one["metadata"]["name"]
        pods = [place("v1", "pods", "kube-system", f"{part}-{node}") for part in _STATIC]
        for pod in pods:
            api.delete(pod)
        if any(api.get(pod) for pod in pods):
            return False
        api.delete(place("v1", "nodes", name=node))
        return True

    def _join(self, name: str, provider: str, spec: Object, control: bool) -> None:
        path = place("v1", "nodes", name=name)
        if self.of.get(path):
            return
        zone = {"topology.kubernetes.io/zone": spec.get("failureDomain", "eu-1a")}
        taint = {"key": _CONTROL, "effect": "NoSchedule"}
        version = {"rig.test/kubelet": spec["version"]}
        labels = {**zone, **version, **({_CONTROL: ""} if control else {})}
        size = {"cpu": "8", "memory": "32Gi", "pods": "110"}
        self.of.post(
            place("v1", "nodes"),
            {
                **_V1,
                "kind": "Node",
                "metadata": {"name": name, "labels": labels},
                "spec": {"providerID": provider, "taints": [taint] if control else []},
                "status": {"allocatable": size, "capacity": size},
            },
        )
        if control:
            self._run_control_plane(name, spec["version"])

    def _run_control_plane(self, node: str, version: str) -> None:
        """What kubeadm leaves behind on it and in the cluster."""
        where = {"namespace": "kube-system"}
        for part in _STATIC:
            spec = {"nodeName": node, "containers": [{"name": part, "image": f"{part}:{version}"}]}
            labels = {"component": part, "tier": "control-plane"}
            metadata = {**where, "name": f"{part}-{node}", "labels": labels}
            pod = {**_V1, "kind": "Pod", "metadata": metadata, "spec": spec}
            self.of.post(place("v1", "pods", "kube-system"), pod)
        held = {"ClusterConfiguration": _KUBEADM.format(version=version)}
        if not self.of.get(_KUBEADM_CONFIG):
            metadata = {**where, "name": "kubeadm-config"}
            config = {**_V1, "kind": "ConfigMap", "metadata": metadata, "data": held}
            self.of.post(place("v1", "configmaps", "kube-system"), config)


_STATIC = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


def machines(cluster: Cluster) -> tuple[Play, ...]:
    """The provider's part."""
    return OpenStackClusters(cluster), OpenStackMachines(Api(cluster.kubeconfig))
