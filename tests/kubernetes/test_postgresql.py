"""The life of a PostgreSQL under the real operator, through Polder's own operations."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.backends.kubernetes import backend
from services.instances import actions
from tests.kubernetes.cloudnative_pg import CloudNativePG
from tests.kubernetes.lives import Life

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
