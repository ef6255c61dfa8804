"""Apache Kafka on Kubernetes: how it is read, and what a tenant gets to know."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from services.catalog.integration.kafka import kubernetes
from services.spec import InstanceSpec, Live, Manifest, Ref
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE, RICH

ENTRY = ENTRIES["kafka"]
ONE = made_up_spec(ENTRY, version="4.2")
THREE = replace(ONE, plan=ENTRY.offering.plan("ha-2x8"))
NAME = ONE.name


def told(kind: str, reason: str = "", message: str = "", seen: int = 1, **more: str) -> Manifest:
    """One condition, as the operator writes it: `NotReady` takes the place of `Ready`."""
    said = {"type": kind, "status": "True", "reason": reason, "message": message}
    return {
        "metadata": {"generation": 1},
        "status": {"observedGeneration": seen, "conditions": [said], **more},
    }


READY = told("Ready", "Ready", kafkaVersion="4.2.1")
CREATING = told("NotReady", "Creating", "Kafka cluster is being deployed")
STALE = told("Ready", "Ready", seen=0, kafkaVersion="4.2.1")
TIMED_OUT = told("NotReady", "TimeoutException", "Exceeded timeout of 300000ms")
USER = told("Ready", "Ready")


def pod_set(pods: int, ready: int, current: int) -> Manifest:
    return {"status": {"pods": pods, "readyPods": ready, "currentPods": current}}


def live(kafka: Manifest, user: Manifest = USER, **sets: Manifest) -> Live:
    found = {Ref(kubernetes.KAFKA, NAME): kafka, Ref(kubernetes.KAFKA_USER, f"{NAME}-app"): user}
    return {**found, **{Ref(kubernetes.POD_SET, f"{NAME}-{NAME}-{r}"): s for r, s in sets.items()}}


NODE = {"node": pod_set(1, 1, 1)}
NODES = {"controller": pod_set(3, 3, 3), "broker": pod_set(3, 3, 3)}


@pytest.mark.parametrize(
    ("spec", "found", "observed", "code"),
    [
        (ONE, live({"metadata": {"generation": 1}}), "progressing", "operator-works"),
        (ONE, live(CREATING), "progressing", "operator-works"),
        (ONE, live(READY, **NODE), "ready", ""),
        (ONE, live(READY), "progressing", "operator-works"),
        (ONE, live(STALE, **NODE), "progressing", "operator-works"),
        (ONE, live(told("Ready", kafkaVersion="4.1.1"), **NODE), "progressing", "operator-works"),
        (ONE, live(READY, user={}, **NODE), "progressing", "operator-works"),
        (ONE, live(TIMED_OUT, **NODE), "progressing", "operator-retries"),
        (
            ONE,
            live(told("NotReady", "InvalidResourceException", "No."), **NODE),
            "failed",
            "operator-failed",
        ),
        (THREE, live(READY, **NODES), "ready", ""),
        (THREE, live(READY, **NODES | {"broker": pod_set(3, 2, 3)}), "degraded", None),
        (THREE, live(TIMED_OUT, **NODES | {"broker": pod_set(3, 2, 3)}), "degraded", None),
        # One is being made anew after a change.
        (THREE, live(READY, **NODES | {"broker": pod_set(3, 3, 2)}), "progressing", None),
        (THREE, live(READY, **NODES | {"broker": pod_set(3, 2, 2)}), "progressing", None),
    ],
)
def test_how_it_is(spec: InstanceSpec, found: Live, observed: str, code: str | None) -> None:
    seen = kubernetes.observe(spec, BARE, found)
    assert seen.observed == observed
    assert code in (None, seen.code)


def test_a_public_one_has_a_name_of_its_own() -> None:
    spec = replace(ONE, parameters={**ONE.parameters, "public": True})
    seen = kubernetes.observe(spec, RICH, live(READY, **NODE))
    assert [(e.host, e.port) for e in seen.endpoints] == [
        (f"{NAME}-kafka-bootstrap.polder-pj-00000001.svc", 9093),
        (f"{NAME}.eu-1.example.eu", 9094),
    ]


def secrets() -> dict[Ref, Any]:
    login = {"password": "set-by-the-operator", "sasl.jaas.config": "…"}
    authority = {"ca.crt": "AUTHORITY", "ca.p12": "…", "ca.password": "…"}
    data = ({k: b64encode(v.encode()).decode() for k, v in d.items()} for d in (login, authority))
    return dict(zip(kubernetes.revealed(ONE), ({"data": one} for one in data), strict=True))


def test_credentials_are_what_the_operator_has_set() -> None:
    assert not any(ref.name.endswith("-ca") for ref in kubernetes.revealed(ONE))
    found = kubernetes.credentials(ONE, BARE, secrets())
    assert (found.username, found.password) == (f"{NAME}-app", "set-by-the-operator")
    assert found.ca_certificate == "AUTHORITY"


def test_a_new_password_is_shown_to_the_operator() -> None:
    old, new = (
        kubernetes.manifests(spec, BARE)
        for spec in (ONE, replace(ONE, secrets={"password": "another"}))
    )
    assert [made["kind"] for made, other in zip(old, new, strict=True) if made != other] == [
        "Secret",
        "KafkaUser",
    ]


def test_the_user_goes_before_the_server_and_that_before_its_pools() -> None:
    kinds = [made["kind"] for made in reversed(kubernetes.manifests(THREE, BARE))]
    order = ["KafkaUser", "Kafka", "KafkaNodePool", "KafkaNodePool", "Secret"]
    assert [kind for kind in kinds if kind in order] == order


def test_in_the_bin_the_operator_opens_the_network_to_nobody() -> None:
    made = kubernetes.manifests(replace(ONE, paused=True), RICH)
    (kafka,) = (one for one in made if one["kind"] == "Kafka")
    for listener in kafka["spec"]["kafka"]["listeners"]:
        assert all(peer["podSelector"] for peer in listener["networkPolicyPeers"])
