"""Memcached on Kubernetes: how it is read, and what a tenant gets to know."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from services.catalog.databases.memcached import kubernetes
from services.manifests import objects, plain
from services.spec import Live, Manifest, Observed, Ref
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE

ENTRY = ENTRIES["memcached"]
ONE = made_up_spec(ENTRY)
THREE = replace(ONE, plan=ENTRY.offering.plan("ha-2x8"))


def stateful_set(wanted: int, *, generation: int = 1, seen: int = 1, **status: int) -> Manifest:
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": wanted},
        "status": {"observedGeneration": seen, **status},
    }


def running(wanted: int, ready: int, updated: int, **more: int) -> Manifest:
    said = {"replicas": wanted, "readyReplicas": ready, "updatedReplicas": updated}
    return stateful_set(wanted, **more, **said)


def live(found: Manifest, pod: Manifest | None = None) -> Live:
    more = {Ref(plain.POD, f"{ONE.name}-0"): pod} if pod else {}
    return {Ref(objects.STATEFUL_SET, ONE.name): found, **more}


@pytest.mark.parametrize(
    ("wanted", "found", "observed"),
    [
        (THREE, {"metadata": {"generation": 1}, "spec": {"replicas": 3}}, "progressing"),
        (THREE, running(3, 0, 3), "progressing"),
        (THREE, running(3, 3, 3), "ready"),
        (THREE, running(3, 2, 3), "degraded"),
        (THREE, running(3, 3, 1), "progressing"),  # pods of the old kind are ready, too
        (THREE, running(3, 3, 3, generation=2, seen=1), "progressing"),
        (THREE, running(1, 1, 1), "progressing"),  # another plan, not applied yet
        (ONE, running(1, 1, 1), "ready"),
        (ONE, running(1, 0, 1), "progressing"),
        (replace(ONE, paused=True), running(1, 1, 1), "progressing"),
        (replace(ONE, paused=True), running(0, 0, 0), "paused"),
        (replace(ONE, paused=True), stateful_set(0, generation=2, replicas=1), "progressing"),
        (ONE, running(0, 0, 0), "progressing"),
    ],
)
def test_how_it_is(wanted: Any, found: Manifest, observed: str) -> None:
    assert kubernetes.observe(wanted, BARE, live(found)).observed == observed


UNSCHEDULED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient memory.",
}


@pytest.mark.parametrize(
    ("status", "code", "detail"),
    [
        ({"conditions": [UNSCHEDULED]}, "operator-retries", UNSCHEDULED["message"]),
        (
            {"reason": "ImagePullBackOff", "message": "Back-off pulling image"},
            "operator-retries",
            "ImagePullBackOff: Back-off pulling image",
        ),
        ({"reason": "ContainerCreating"}, "operator-works", "0/1"),
    ],
)
def test_a_pod_tells_why_it_does_not_start(status: Any, code: str, detail: str) -> None:
    waiting = {"containerStatuses": [{"state": {"waiting": status}}]}
    pod = {"status": {**waiting, **status}}
    seen = kubernetes.observe(ONE, BARE, live(running(1, 0, 1), pod))
    assert (seen.observed, seen.code, seen.detail) == (Observed.PROGRESSING, code, detail)


def test_each_node_has_a_name_that_lasts() -> None:
    seen = kubernetes.observe(THREE, BARE, live(running(3, 3, 3)))
    assert [endpoint.host for endpoint in seen.endpoints] == [
        "mc-7f3a9c21.polder-pj-00000001.svc",
        "mc-7f3a9c21-0.mc-7f3a9c21.polder-pj-00000001.svc",
        "mc-7f3a9c21-1.mc-7f3a9c21.polder-pj-00000001.svc",
        "mc-7f3a9c21-2.mc-7f3a9c21.polder-pj-00000001.svc",
    ]


def test_credentials_tell_the_authority_and_no_key() -> None:
    told = {"ca.crt": "AUTHORITY", "tls.crt": "CERTIFICATE", "tls.key": "PRIVATE"}
    data = {name: b64encode(text.encode()).decode() for name, text in told.items()}
    (secret,) = kubernetes.revealed(THREE)
    found = kubernetes.credentials(THREE, BARE, {secret: {"data": data}})
    assert found.ca_certificate == "AUTHORITY"
    assert found.password == THREE.secrets["password"]
    assert "PRIVATE" not in str({name: str(value) for name, value in found.env.items()})
    assert found.env["MEMCACHED_SERVERS"].split(",") == [
        f"mc-7f3a9c21-{n}.mc-7f3a9c21.polder-pj-00000001.svc:11211" for n in range(3)
    ]


def test_a_new_password_restarts_the_pods() -> None:
    old, new = (
        kubernetes.manifests(spec, BARE)
        for spec in (ONE, replace(ONE, secrets={"password": "another"}))
    )
    assert [made["kind"] for made, other in zip(old, new, strict=True) if made != other] == [
        "Secret",
        "StatefulSet",
    ]
