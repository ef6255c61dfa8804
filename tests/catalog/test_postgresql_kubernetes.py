"""How CloudNativePG's status is read; the sequences are those that the real operator wrote."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services import registry
from services.catalog.databases.postgresql import kubernetes as renderer
from services.spec import BackupStore, Live, Ref, Restore
from tests.contracts.made_up import made_up_spec
from tests.contracts.manifests import BARE

ENTRY = registry.get("postgresql")
SPEC = made_up_spec(ENTRY, plan=ENTRY.offering.plan("ha-2x8"), version="17")
HEALTHY = {
    "phase": "Cluster in healthy state",
    "instances": 3,
    "readyInstances": 3,
    "currentPrimary": "pg-7f3a9c21-1",
    "targetPrimary": "pg-7f3a9c21-1",
    "pgDataImageInfo": {"majorVersion": 17},
}
PAUSED = {"type": "cnpg.io/hibernation", "status": "True", "reason": "Hibernated"}
PAUSING = {"type": "cnpg.io/hibernation", "status": "False", "reason": "DeletingPods"}


def cluster(**status: Any) -> Live:
    ref = Ref(renderer.CLUSTER, SPEC.name)
    return {ref: {"metadata": {"name": SPEC.name, "generation": 1}, "status": status}}


@pytest.mark.parametrize(
    ("status", "observed"),
    [
        pytest.param({}, "progressing", id="not looked at yet"),
        pytest.param({"phase": "Setting up primary"}, "progressing", id="begun"),
        pytest.param(HEALTHY, "ready", id="healthy"),
        pytest.param({**HEALTHY, "readyInstances": 2}, "progressing", id="grows"),
        pytest.param(
            {**HEALTHY, "targetPrimary": "pg-7f3a9c21-2"}, "progressing", id="changes its primary"
        ),
        pytest.param(
            {**HEALTHY, "pgDataImageInfo": {"majorVersion": 16}}, "progressing", id="older major"
        ),
        pytest.param({**HEALTHY, "resizingPVC": ["pg-1"]}, "progressing", id="disk grows"),
        pytest.param({**HEALTHY, "conditions": [PAUSED]}, "progressing", id="still paused"),
        pytest.param(
            {**HEALTHY, "phase": "Failing over", "readyInstances": 2}, "degraded", id="fails over"
        ),
        pytest.param(
            {"phase": "Cluster cannot proceed to reconciliation due to an unknown plugin"},
            "progressing",
            id="plugin starts",
        ),
        pytest.param({"phase": "Cluster is unrecoverable and needs"}, "failed", id="lost"),
        pytest.param({"phase": "Invalid cluster definition"}, "failed", id="refused"),
    ],
)
def test_what_runs(status: dict[str, Any], observed: str) -> None:
    assert renderer.observe(SPEC, BARE, cluster(**status)).observed == observed


@pytest.mark.parametrize(
    ("status", "observed"),
    [
        pytest.param(HEALTHY, "progressing", id="looks healthy while it is not paused yet"),
        pytest.param({**HEALTHY, "conditions": [PAUSING]}, "progressing", id="stops"),
        pytest.param({**HEALTHY, "conditions": [PAUSED]}, "paused", id="stopped"),
    ],
)
def test_what_is_paused(status: dict[str, Any], observed: str) -> None:
    spec = replace(SPEC, paused=True)
    assert renderer.observe(spec, BARE, cluster(**status)).observed == observed


# -- from a backup ---------------------------------------------------------------------------------

AT = datetime(2026, 11, 22, 13, tzinfo=ZoneInfo("Europe/Amsterdam"))
STORED = replace(BARE, backup_store=BackupStore("https://s3.example.eu", "backups"))


@pytest.mark.parametrize(
    ("at", "target"),
    [
        pytest.param(AT, {"recoveryTarget": {"targetTime": "2026-11-22T12:00:00+00:00"}}, id="at"),
        pytest.param(None, {}, id="newest"),
    ],
)
def test_a_restore_reads_where_the_other_one_wrote(at: datetime | None, target: Any) -> None:
    spec = replace(SPEC, restore=Restore("pg-0000cafe", at))
    made = {(m["kind"], m["metadata"]["name"]): m for m in renderer.manifests(spec, STORED)}
    cluster = made["Cluster", spec.name]["spec"]
    (origin,) = cluster["externalClusters"]
    (archiver,) = cluster["plugins"]
    assert set(cluster["bootstrap"]) == {"recovery"}
    assert {"source": origin["name"], **target}.items() <= cluster["bootstrap"]["recovery"].items()
    assert origin["plugin"]["parameters"]["serverName"] == "pg-0000cafe-17"
    assert archiver["parameters"]["serverName"] == f"{spec.name}-17"
    read = made["ObjectStore", origin["plugin"]["parameters"]["barmanObjectName"]]["spec"]
    assert read["configuration"]["destinationPath"].endswith("/pg-0000cafe/")
    assert "retentionPolicy" not in read  # nothing of it is taken away


def test_nothing_is_restored_from_nowhere() -> None:
    """Else an empty database would come up in its place."""
    with pytest.raises(ValueError, match="store"):
        renderer.manifests(replace(SPEC, restore=Restore("pg-0000cafe")), BARE)
