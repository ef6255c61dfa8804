"""The life of a PostgreSQL under the real operator, through Polder's own operations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.orders import ordering
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Temporary
from services.backends import backend_for
from services.backends.kubernetes import backend
from services.catalog.databases.postgresql import kubernetes
from services.instances import actions, admission
from services.instances.specs import entry_of, spec_of
from services.spec import Backend, Entry, InstanceSpec, Restore, Version
from tests.kubernetes.cloudnative_pg import IMAGE, CloudNativePG
from tests.kubernetes.cluster import Cluster
from tests.kubernetes.lives import Life
from tests.kubernetes.test_cluster import until
from tests.makers import make_member
from tests.portal.api import Api

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("prices")]
STORE = {"endpoint": "https://s3.example.eu", "bucket": "backups"}


def test_a_life(cnpg: CloudNativePG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "SETTLE", timedelta(seconds=3))  # nothing else keeps it busy
    cluster = cnpg.cluster
    life = Life.begin(cluster, "postgresql", "ha-2x8", storage_class="ssd", backup_store=STORE)
    created = life.done()
    assert [step["code"] for step in created.steps] == ["namespace", "objects", "operator"]
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    assert [e["name"] for e in life.instance.endpoints] == ["client", "read", "pooler"]
    told = life.credentials()
    assert "BEGIN CERTIFICATE" in told.ca_certificate
    assert "PRIVATE KEY" not in told.ca_certificate
    assert told.password in told.uri

    life.act(actions.rotate)
    assert life.credentials().password != told.password

    life.act(actions.pause)
    assert life.instance.phase == "paused"
    assert life.read(cluster, "pods")["items"] == []
    life.act(actions.resume)
    assert (life.instance.phase, life.instance.health) == ("running", "ok")

    life.act(actions.update, plan="ha-4x16")
    assert len(life.read(cluster, "pods", "-l", "cnpg.io/podRole=instance")["items"]) == 3

    life.act(actions.delete)
    assert life.instance.phase == "in_bin"
    assert len(life.read(cluster, "pvc")["items"]) == 3
    life.act(actions.undelete)
    life.act(actions.delete)
    life.act(actions.purge)
    assert life.instance.phase == "deleted"
    for kind in ("clusters.postgresql.cnpg.io", "objectstores", "poolers", "pvc"):
        assert life.read(cluster, kind)["items"] == []


def hush(code: str, *, percent: int | None = None, **params: Any) -> None:
    """Nobody reads the steps."""


def destroyed(at: Backend, entry: Entry, spec: InstanceSpec) -> bool:
    try:
        at.destroy(entry, spec, hush)
    except Temporary:
        return False
    return True


def images(life: Life, cluster: Cluster) -> list[str]:
    """What each server really runs."""
    pods = life.read(cluster, "pods", "-l", "cnpg.io/podRole=instance")["items"]
    return sorted(pod["spec"]["containers"][0]["image"] for pod in pods)


def archive(life: Life, cluster: Cluster) -> str:
    """The name that its write-ahead log lies under."""
    found = life.read(cluster, "clusters.postgresql.cnpg.io", life.instance.public_id)
    return str(found["spec"]["plugins"][0]["parameters"]["serverName"])


def test_it_is_upgraded(cnpg: CloudNativePG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "SETTLE", timedelta(seconds=3))
    cluster = cnpg.cluster
    life = Life.begin(
        cluster, "postgresql", "ha-2x8", "16", storage_class="ssd", backup_store=STORE
    )
    life.done()
    own = life.instance.public_id

    newer = IMAGE.format(major=16, minor=12)  # as a newer release of Polder has it
    monkeypatch.setitem(kubernetes._IMAGES, "16", newer)
    life.act(actions.repair)
    assert images(life, cluster) == [newer] * 3
    assert archive(life, cluster) == f"{own}-16"

    api = Api(make_member(life.project))
    asked = api("PATCH", f"instances/{own}", {"version": "18"})
    assert (asked.status_code, asked.json()["kind"]) == (202, "upgrade")
    assert life.done().kind == "upgrade"
    assert (life.instance.version, life.instance.health) == ("18", "ok")
    assert images(life, cluster) == [kubernetes._IMAGES["18"]] * 3
    assert archive(life, cluster) == f"{own}-18"

    back = api("PATCH", f"instances/{own}", {"version": "17"})
    assert back.status_code == 422
    assert "nothing leads back to an older one" in back.content.decode()
    life.act(actions.purge)


def test_an_upgrade_that_fails_leaves_what_was(
    cnpg: CloudNativePG, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's Job ends in a failure, and the operator waits for somebody to decide."""
    monkeypatch.setattr(backend, "SETTLE", timedelta(seconds=3))
    cluster = cnpg.cluster
    life = Life.begin(cluster, "postgresql", "dev-1x1", "17", storage_class="ssd")
    life.done()
    good = kubernetes._IMAGES["18"]
    monkeypatch.setitem(kubernetes._IMAGES, "18", good.replace("standard", "broken"))
    ordering.change_order(actor=SYSTEM, instance=life.refresh(), version="18")
    life.drive_until(lambda begun: "Upgrading Postgres major version" in begun.error_detail)
    until(lambda: life.read(cluster, "jobs")["items"][0]["status"].get("failed") == 1)
    life.run_out()
    failed = life.drive()
    assert (failed.state, failed.error_code) == ("failed", "timed-out")
    assert failed.error_detail == (
        "Upgrading Postgres major version: Upgrading cluster to major version 18"
    )
    assert life.instance.needs_attention
    assert life.instance.version == "17"
    life.until("ready")
    assert images(life, cluster) == [kubernetes._IMAGES["17"]]

    monkeypatch.setitem(kubernetes._IMAGES, "18", good)
    actions.retry(actor=SYSTEM, operation=failed)
    life.done()
    assert (life.instance.version, life.instance.needs_attention) == ("18", False)
    assert images(life, cluster) == [good]
    life.act(actions.purge)


def test_an_upgrade_that_the_operator_refuses_changes_nothing(
    cnpg: CloudNativePG, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes nothing up to 15."""
    monkeypatch.setattr(backend, "SETTLE", timedelta(seconds=3))
    cluster = cnpg.cluster
    life = Life.begin(cluster, "postgresql", "dev-1x1", "14", storage_class="ssd")
    life.done()
    monkeypatch.setattr(admission, "newer_versions", lambda *_: [Version("15")])
    ordering.change_order(actor=SYSTEM, instance=life.refresh(), version="15")
    failed = life.drive()
    assert (failed.state, failed.error_code) == ("failed", "object-refused")
    assert "only supported to version 16 or higher" in failed.error_detail
    assert (life.instance.version, life.instance.needs_attention) == ("14", True)
    life.until("ready")
    life.act(actions.purge)


def test_it_shrinks_and_is_set(cnpg: CloudNativePG, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "SETTLE", timedelta(seconds=3))
    cluster = cnpg.cluster
    life = Life.begin(cluster, "postgresql", "ha-2x8", storage_class="ssd")
    life.done()

    def given() -> dict[str, str]:
        found = life.read(cluster, "clusters.postgresql.cnpg.io", life.instance.public_id)
        return dict(found["spec"]["postgresql"]["parameters"])

    life.act(actions.update, parameters={"work_mem_mib": 8, "max_connections": 200})
    assert (given()["work_mem"], given()["max_connections"]) == ("8MB", "200")
    life.act(actions.update, plan="single-2x8")
    assert len(images(life, cluster)) == len(life.read(cluster, "pvc")["items"]) == 1
    assert life.read(cluster, "poolers")["items"] == []
    assert [e["name"] for e in life.instance.endpoints] == ["client"]
    life.act(actions.update, plan="ha-2x8")
    assert len(images(life, cluster)) == 3
    assert (life.instance.phase, life.instance.health) == ("running", "ok")
    life.act(actions.purge)


def test_it_is_restored_to_a_point_in_time(
    cnpg: CloudNativePG, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as nodes without a disk go: nothing is read from the store, and the Job that would
    restore ends well at once.
    """
    monkeypatch.setattr(backend, "SETTLE", timedelta(seconds=3))
    cluster = cnpg.cluster
    life = Life.begin(cluster, "postgresql", "ha-2x8", storage_class="ssd", backup_store=STORE)
    life.done()
    own, entry, at = life.instance.public_id, entry_of(life.instance), backend_for(life.region)
    noon = datetime(2026, 11, 22, 13, tzinfo=ZoneInfo("Europe/Amsterdam"))
    spec = replace(spec_of(life.instance), name="pg-0000cafe", restore=Restore(own, noon))

    at.apply(entry, spec, hush)
    until(lambda: at.observe(entry, spec).observed == "ready")
    found = life.read(cluster, "clusters.postgresql.cnpg.io", spec.name)
    recovery = found["spec"]["bootstrap"]["recovery"]
    assert recovery["recoveryTarget"] == {"targetTime": "2026-11-22T12:00:00+00:00"}
    (origin,) = found["spec"]["externalClusters"]
    store = life.read(cluster, "objectstores", origin["plugin"]["parameters"]["barmanObjectName"])
    assert origin["plugin"]["parameters"]["serverName"] == f"{own}-17"
    assert store["spec"]["configuration"]["destinationPath"].endswith(f"/{own}/")
    assert "retentionPolicy" not in store["spec"]
    assert "initdb" not in found["spec"]["bootstrap"]
    seen = life.read(cluster, "events", "--field-selector=involvedObject.kind=Job")["items"]
    assert any(f"{spec.name}-1-full-recovery" in one["involvedObject"]["name"] for one in seen)
    at.apply(entry, spec, hush)  # nothing is done twice
    assert at.observe(entry, spec).observed == "ready"
    until(lambda: destroyed(at, entry, spec))
    life.act(actions.purge)
