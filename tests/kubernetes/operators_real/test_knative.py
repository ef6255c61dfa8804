"""Lives of containers and functions under the real Knative Serving."""

from __future__ import annotations

import pytest

from portal.kernel.actor import SYSTEM
from services.instances import actions
from tests.kubernetes.lives import Life
from tests.kubernetes.operators_real.knative import DOMAIN, Knative
from tests.kubernetes.test_cluster import until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
FIRST, OTHER = "ghcr.io/knative/helloworld-go:latest", "registry.example.eu/acme/thumbs:7"
BOTH = pytest.mark.parametrize("slug", ["functions", "serverless-containers"])
KINDS = ("services.serving.knative.dev", "revisions.serving.knative.dev", "deployments", "pods")


@BOTH
def test_a_life(knative: Knative, slug: str) -> None:
    cluster = knative.cluster
    knative.outside.publish_image(FIRST)
    life = Life.begin(cluster, slug, "dev-1x1", external=True, domain=DOMAIN)
    life.done()
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    told = life.credentials()
    assert told.host.endswith(".svc.cluster.local")

    life.act(actions.rotate)
    assert life.credentials().password != told.password
    assert len(life.names(KINDS[1])) == 2  # the old one had the old token

    life.act(actions.update, parameters={"public": True, "min_scale": 2})
    assert life.credentials().host.endswith(DOMAIN)
    life.act(actions.update, plan="single-2x4")

    life.act(actions.delete)
    assert life.instance.phase == "in_bin"
    life.act(actions.undelete)
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    life.act(actions.delete)
    life.act(actions.purge)
    for kind in KINDS:
        until(lambda kind=kind: life.names(kind) == set(), 60)


def test_an_image_that_is_not_there(knative: Knative) -> None:
    cluster = knative.cluster
    knative.outside.publish_image(FIRST)
    life = Life.begin(cluster, "functions", "dev-1x1")
    life.done()
    life.start(actions.update, parameters={"image": OTHER})
    life.until("degraded", seconds=60)
    assert "thumbs" in life.look().detail
    knative.outside.publish_image(OTHER)
    life.done()
    life.act(actions.delete)
    life.act(actions.purge)


def test_an_image_that_was_never_there(knative: Knative) -> None:
    knative.outside.withdraw("registry.example.eu")
    chosen = {"image": OTHER}
    life = Life.begin(knative.cluster, "functions", "dev-1x1", parameters=chosen)
    failed = life.drive()
    assert (failed.state, failed.error_code) == ("failed", "operator-failed")
    assert "thumbs" in failed.error_detail
    knative.outside.publish_image(OTHER)
    actions.retry(actor=SYSTEM, operation=failed)
    life.done()
    life.act(actions.delete)
    life.act(actions.purge)


def test_it_is_away_for_a_while(knative: Knative) -> None:
    cluster = knative.cluster
    knative.outside.publish_image(FIRST)
    knative.stop()
    life = Life.begin(cluster, "functions", "dev-1x1")
    assert life.turn().state == "running"
    assert life.look().observed == "progressing"
    knative.start()
    life.done()
    life.act(actions.delete)
    life.act(actions.purge)
