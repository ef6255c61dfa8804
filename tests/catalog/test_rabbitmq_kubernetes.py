"""RabbitMQ on Kubernetes: how it is read, and what a tenant gets to know."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from typing import Any

import pytest

from services.catalog.integration.rabbitmq import kubernetes
from services.manifests import objects
from services.spec import InstanceSpec, Live, Manifest, Ref
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE, RICH

ENTRY = ENTRIES["rabbitmq"]
ONE = made_up_spec(ENTRY, version="4.2")
THREE = replace(ONE, plan=ENTRY.offering.plan("ha-2x8"))
NAME = ONE.name
USER = {"defaultUser": {"secretReference": {"name": f"{NAME}-default-user"}}}
ALL = ("True", "AllPodsAreReady", "")
SOME = ("False", "NotAllPodsReady", "2/3 Pods ready")
GOOD = ("True", "Success", "Finish reconciling")


def told(seen: int = 1, more: Any = USER, **said: tuple[str, str, str]) -> Manifest:
    names = ("status", "reason", "message")
    rows = [{"type": kind, **dict(zip(names, row, strict=True))} for kind, row in said.items()]
    return {
        "metadata": {"generation": 1},
        "status": {"observedGeneration": seen, "conditions": rows, **more},
    }


def cluster(
    made: tuple[str, str, str] = GOOD, ready: tuple[str, str, str] = ALL, **more: Any
) -> Manifest:
    available = ("True", "AtLeastOneEndpointAvailable", "")
    return told(ReconcileSuccess=made, AllReplicasReady=ready, ClusterAvailable=available, **more)


def servers(wanted: int, ready: int) -> Manifest:
    said = {"observedGeneration": 1, "updatedReplicas": wanted, "readyReplicas": ready}
    return {"metadata": {"generation": 1}, "spec": {"replicas": wanted}, "status": said}


DECLARED = told(more={}, Ready=("True", "SuccessfulCreateOrUpdate", ""))
REFUSED = told(more={}, Ready=("False", "FailedCreateOrUpdate", "connection refused"))


def live(found: Manifest, sets: Manifest, user: Manifest = DECLARED) -> Live:
    app = f"{NAME}-app"
    return {
        Ref(kubernetes.CLUSTER, NAME): found,
        Ref(objects.STATEFUL_SET, f"{NAME}-server"): sets,
        Ref(kubernetes.VHOST, app): DECLARED,
        Ref(kubernetes.USER_OF, app): user,
        Ref(kubernetes.PERMISSION, app): DECLARED,
    }


INITIAL = ("Unknown", "Initialising", "")
REFUSAL = ("False", "UnsupportedOperation", "Cluster Scale down not supported")
PASSING = ("False", "FailedCLICommand", "rabbitmqctl did not answer")


@pytest.mark.parametrize(
    ("spec", "found", "observed", "code"),
    [
        (ONE, live({}, {}), "progressing", "operator-works"),
        (ONE, live(cluster(INITIAL, SOME, more={}), servers(1, 0)), "progressing", None),
        (ONE, live(cluster(), servers(1, 1)), "ready", ""),
        (ONE, live(cluster(seen=0), servers(1, 1)), "progressing", None),
        (ONE, live(cluster(REFUSAL), servers(1, 1)), "failed", "operator-failed"),
        (ONE, live(cluster(PASSING), servers(1, 1)), "progressing", "operator-retries"),
        (ONE, live(cluster(), servers(1, 1), {}), "progressing", "operator-works"),
        (ONE, live(cluster(), servers(1, 1), REFUSED), "progressing", "operator-retries"),
        (THREE, live(cluster(), servers(1, 1)), "progressing", "operator-works"),
        (THREE, live(cluster(), servers(3, 3)), "ready", ""),
        (THREE, live(cluster(GOOD, SOME), servers(3, 2)), "degraded", "operator-degraded"),
        # It never was ready: its nodes start one after another.
        (THREE, live(cluster(INITIAL, SOME, more={}), servers(3, 2)), "progressing", None),
    ],
)
def test_how_it_is(spec: InstanceSpec, found: Live, observed: str, code: str | None) -> None:
    seen = kubernetes.observe(spec, BARE, found)
    assert seen.observed == observed
    assert code in (None, seen.code)


def test_credentials_tell_the_authority_and_no_key() -> None:
    texts = {"ca.crt": "AUTHORITY", "tls.key": "PRIVATE"}
    data = {name: b64encode(text.encode()).decode() for name, text in texts.items()}
    (secret,) = kubernetes.revealed(ONE)
    found = kubernetes.credentials(ONE, BARE, {secret: {"data": data}})
    assert found.ca_certificate == "AUTHORITY"
    assert "PRIVATE" not in "".join(found.env.values())


def test_users_and_rights_go_before_the_cluster() -> None:
    kinds = [made["kind"] for made in reversed(kubernetes.manifests(ONE, RICH))]
    assert kinds.index("RabbitmqCluster") > max(
        kinds.index(kind) for kind in ("User", "Permission", "Vhost")
    )
