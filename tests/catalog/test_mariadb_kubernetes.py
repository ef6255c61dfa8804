"""MariaDB on Kubernetes: how it is read, and what a tenant gets to know."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from services.catalog.databases.mariadb import kubernetes
from services.manifests import objects
from services.spec import InstanceSpec, Live, Manifest, Observed, Ref, RegionSettings
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE, RICH

ENTRY = ENTRIES["mariadb"]
ONE = made_up_spec(ENTRY)
THREE = replace(ONE, plan=ENTRY.offering.plan("ha-2x8"))
RUNS = ("True", "StatefulSetReady", "Running")
SUSPENDED = ("True", "Suspended", "Suspended")  # its pods run
NOT_READY = ("False", "StatefulSetNotReady", "Not ready")
DONE = ("True", "Created", "Created")
REFUSED = ("False", "Failed", "Error creating user: access denied")


def said(status: str, reason: str, message: str) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {"conditions": [ready]}


def servers(wanted: int, ready: int, *, updated: int = 3, mark: str = "new") -> Manifest:
    marked = {"metadata": {"annotations": {objects.RESTART: mark}}}
    counted = {"readyReplicas": ready, "updatedReplicas": min(updated, wanted)}
    return {
        "metadata": {"generation": 1},
        "spec": {"replicas": wanted, "template": marked},
        "status": {"observedGeneration": 1, **counted},
    }


def live(
    ready: tuple[str, str, str] | None,
    pods: Manifest | None,
    user: tuple[str, str, str] | None = DONE,
) -> Live:
    marked = {"podMetadata": {"annotations": {objects.RESTART: "new"}}}
    found = {Ref(kubernetes.MARIADB, ONE.name): {"spec": marked}}
    found[Ref(kubernetes.MARIADB, ONE.name)]["status"] = said(*ready) if ready else {}
    if pods:
        found[Ref(objects.STATEFUL_SET, ONE.name)] = pods
    for kind in (kubernetes.DATABASE, kubernetes.GRANT):
        found[Ref(kind, ONE.name)] = {"status": said(*DONE)}
    found[Ref(kubernetes.SQL_USER, ONE.name)] = {"status": said(*user)} if user else {}
    return found


@pytest.mark.parametrize(
    ("spec", "found", "observed", "code"),
    [
        (ONE, live(None, None), "progressing", "operator-works"),
        (ONE, live(("False", "Initializing", ""), None), "progressing", "operator-works"),
        (ONE, live(RUNS, servers(1, 1), user=None), "progressing", "operator-works"),
        (ONE, live(RUNS, servers(1, 1), user=REFUSED), "progressing", "operator-retries"),
        (ONE, live(RUNS, servers(1, 1)), "ready", ""),
        (ONE, live(NOT_READY, servers(1, 0)), "progressing", "operator-works"),
        (ONE, live(SUSPENDED, servers(1, 1)), "progressing", "operator-works"),
        (ONE, live(RUNS, servers(1, 1, mark="old")), "progressing", "operator-works"),
        (ONE, live(RUNS, servers(1, 1, updated=0)), "progressing", "operator-works"),
        (THREE, live(RUNS, servers(3, 3)), "ready", ""),
        (THREE, live(RUNS, servers(3, 2)), "degraded", "operator-degraded"),
        (THREE, live(NOT_READY, servers(3, 2)), "degraded", "operator-degraded"),
        (THREE, live(NOT_READY, servers(3, 0)), "progressing", "operator-works"),
        (
            THREE,
            live(("False", "SwitchPrimary", ""), servers(3, 3)),
            "degraded",
            "operator-degraded",
        ),
        (THREE, live(("False", "Updating", ""), servers(3, 2)), "progressing", "operator-works"),
        (THREE, live(("False", "InitError", "no"), servers(3, 1)), "failed", "operator-failed"),
        (THREE, live(RUNS, servers(1, 1)), "progressing", "operator-works"),
    ],
)
def test_how_it_is(spec: InstanceSpec, found: Live, observed: str, code: str) -> None:
    seen = kubernetes.observe(spec, BARE, found)
    assert (seen.observed, seen.code) == (observed, code)


def test_what_the_server_refused_is_told() -> None:
    seen = kubernetes.observe(ONE, BARE, live(RUNS, servers(1, 1), user=REFUSED))
    assert seen.detail == "User: Error creating user: access denied"


def test_it_comes_back() -> None:
    broken = live(("False", "InitError", "no disk"), servers(1, 0))
    assert kubernetes.observe(ONE, BARE, broken).observed == Observed.FAILED
    assert kubernetes.observe(ONE, BARE, live(RUNS, servers(1, 1))).observed == Observed.READY


def made(spec: InstanceSpec, kind: str, region: RegionSettings = RICH) -> list[Manifest]:
    return [m for m in kubernetes.manifests(spec, region) if m["kind"] == kind]


def test_the_operators_own_field_never_stands_there() -> None:
    (server,) = made(THREE, "MariaDB")
    assert server["spec"]["replication"]["primary"].keys() == {"autoFailover", "autoFailoverDelay"}


def test_a_new_password_restarts_nothing() -> None:
    rotated = replace(ONE, secrets={**ONE.secrets, "password": "another"})
    assert made(rotated, "MariaDB") == made(ONE, "MariaDB")
    assert made(rotated, "Secret") != made(ONE, "Secret")


def test_backups_only_where_there_is_a_store() -> None:
    assert [m["metadata"]["name"] for m in made(THREE, "PhysicalBackup")] == [
        f"{ONE.name}-daily",
        f"{ONE.name}-replica",
    ]
    assert made(THREE, "PhysicalBackup", BARE) == []
    (server,) = made(THREE, "MariaDB", BARE)
    assert "bootstrapFrom" not in server["spec"]["replication"]["replica"]
    (nightly,) = made(
        replace(ONE, parameters={**ONE.parameters, "backup_days": 14}), "PhysicalBackup"
    )
    assert nightly["spec"]["maxRetention"] == "336h"


BUNDLE = Ref(objects.SECRET, f"{ONE.name}-ca-bundle")


@pytest.mark.parametrize(
    ("spec", "host"),
    [
        (ONE, "ma-7f3a9c21.polder-pj-00000001.svc"),
        (THREE, "ma-7f3a9c21-primary.polder-pj-00000001.svc"),
        (
            replace(ONE, parameters={**ONE.parameters, "public": True}),
            "ma-7f3a9c21.eu-1.example.eu",
        ),
    ],
)
def test_credentials(spec: InstanceSpec, host: str) -> None:
    bundle = {"data": {"ca.crt": b64encode(b"CA").decode()}}
    told = kubernetes.credentials(spec, RICH, {BUNDLE: bundle})
    assert told.uri == f"mysql://app:{spec.secrets['password']}@{host}:3306/app" + (
        "?ssl-mode=VERIFY_IDENTITY"
    )
    assert told.ca_certificate == "CA"
    assert spec.secrets["root_password"] not in str([told.uri, *told.env.values()])
