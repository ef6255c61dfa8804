"""The life of a Kubernetes cluster under the real Cluster API with kubeadm's providers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from services.instances import actions
from tests.kubernetes.assets import build
from tests.kubernetes.lives import Life
from tests.kubernetes.nodes import ZONES
from tests.kubernetes.operators_real.cluster_api import ClusterApi
from tests.kubernetes.test_cluster import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
LONG = 240


def machines(life: Life, capi: ClusterApi) -> list[str]:
    """The version of each."""
    found = life.read(capi.cluster, "machines.cluster.x-k8s.io")["items"]
    return [one["spec"]["version"] for one in found]


def flavors(life: Life, capi: ClusterApi) -> list[str]:
    """Of the workers, as OpenStack was asked for them."""
    labels = "!cluster.x-k8s.io/control-plane"
    found = life.read(capi.cluster, "openstackmachines", "-l", labels)["items"]
    return [one["spec"]["flavor"] for one in found]


def test_a_life(capi: ClusterApi, tmp_path: Path) -> None:
    life = Life.begin(capi.cluster, "kubernetes", "dev-2x4", version="1.34", zones=list(ZONES))
    life.done(seconds=LONG)
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    assert machines(life, capi) == ["v1.34.9"] * 2
    assert len(nodes_by(life.credentials().password, tmp_path)) == 3 + 2  # KWOK's, and ours

    life.act(actions.update, parameters={"more_workers": 3, "gpu": "l4"}, seconds=LONG)
    life.act(actions.update, plan="single-2x8", seconds=LONG)
    (flavor,) = flavors(life, capi)
    assert flavor == "polder-2x8"  # its worker is another one
    life.act(actions.update, version="1.35", seconds=LONG)
    assert machines(life, capi) == ["v1.35.6"] * 2

    life.act(actions.delete, seconds=LONG)  # there is no bin for it
    assert life.instance.phase == "deleted"
    assert machines(life, capi) == []
    assert life.names("clusters.cluster.x-k8s.io") == set()


def nodes_by(kubeconfig: str, place: Path) -> list[str]:
    """With what a tenant is given."""
    file = place / "kubeconfig"
    file.write_text(kubeconfig)
    argv = [str(build.program("kubectl")), "--kubeconfig", str(file), "get", "nodes", "-o", "name"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_highly_available_and_back_after_trouble(capi: ClusterApi) -> None:
    life = Life.begin(capi.cluster, "kubernetes", "ha-2x8", version="1.35", zones=list(ZONES))
    life.done(seconds=LONG)
    assert len(machines(life, capi)) == 6
    worker = "topology.cluster.x-k8s.io/deployment-name=workers-1"
    life.lose("machines.cluster.x-k8s.io", "-l", worker, "--wait=false")
    until(lambda: life.look().observed != "ready", 60)
    life.until("ready", seconds=120)
    assert len(machines(life, capi)) == 6
    capi.stop()
    assert life.start(actions.update, plan="ha-4x16").state == "running"
    capi.start()
    life.done(seconds=LONG)
    life.act(actions.delete, seconds=LONG)
