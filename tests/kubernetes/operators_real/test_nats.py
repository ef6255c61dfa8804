"""The life of a NATS under the real Flux, with a real NATS server that NACK makes streams on."""

from __future__ import annotations

import pytest

from services.instances import actions
from tests.kubernetes.lives import Life
from tests.kubernetes.operators_real.flux import Flux
from tests.kubernetes.operators_real.nats import Nack, Server
from tests.kubernetes.test_cluster import until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "certificates"),
]
PLACE = {"storage_class": "ssd", "issuer": "platform-ca"}


def test_a_life(flux: Flux, nack: Nack) -> None:
    cluster = flux.cluster
    life = Life.begin(cluster, "nats", "dev-1x1", **PLACE)
    life.done()
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    assert [e["name"] for e in life.instance.endpoints] == ["client", "mqtt"]
    with Server(cluster, life) as server:
        old = life.credentials()
        nack.order("first", life.namespace, old)
        until(lambda: nack.said("first", life.namespace).startswith("Ready"), 60)

        life.act(actions.rotate)
        server.follow()
        nack.order("second", life.namespace, old)
        until(lambda: "Authorization Violation" in nack.said("second", life.namespace), 60)
        nack.order("second", life.namespace, life.credentials())
        until(lambda: nack.said("second", life.namespace).startswith("Ready"), 60)

    life.act(actions.update, plan="single-2x4")
    (pod,) = life.read(cluster, "pods")["items"]
    assert pod["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "4Gi"}

    life.act(actions.pause)
    assert (life.instance.phase, life.pods()) == ("paused", set())
    life.act(actions.resume)
    assert (life.instance.phase, life.instance.health) == ("running", "ok")

    life.act(actions.delete)
    assert life.instance.phase == "in_bin"
    assert len(life.names("pvc")) == 1
    life.act(actions.undelete)
    life.act(actions.delete)
    life.act(actions.purge)
    assert life.instance.phase == "deleted"
    for kind in ("helmreleases", "helmrepositories", "helmcharts", "statefulsets", "pvc", "pods"):
        assert life.names(kind) == set()


def test_trouble_comes_and_goes(flux: Flux) -> None:
    cluster = flux.cluster
    flux.stop()
    life = Life.begin(cluster, "nats", "ha-2x8", **PLACE, zones=["eu-1a", "eu-1b", "eu-1c"])
    assert life.turn().state == "running"
    in_the_way = ("service", f"{life.name}-headless")  # with an address, which the chart's has not
    cluster.kubectl(
        "-n", life.namespace, "create", "service", "clusterip", in_the_way[1], "--tcp=1"
    )
    flux.start()
    until(lambda: life.look().code == "operator-retries", 60)
    assert "clusterIP" in life.look().detail
    cluster.kubectl("-n", life.namespace, "delete", *in_the_way)
    life.done()
    assert len(life.pods()) == 3

    life.lose("statefulset", life.name)
    assert life.look().observed != "ready"
    life.act(actions.repair)
    assert len(life.pods()) == 3

    flux.stop()
    assert life.start(actions.delete).state == "running"
    flux.start()
    life.done()
    assert life.instance.phase == "in_bin"
    life.act(actions.purge)
