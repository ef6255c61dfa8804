"""NATS on Kubernetes: how it is read, and what a tenant gets to know."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from services.catalog.integration.nats import kubernetes
from services.manifests import flux, objects
from services.spec import InstanceSpec, Live, Manifest, Ref
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE

ENTRY = ENTRIES["nats"]
ONE = made_up_spec(ENTRY)
THREE = replace(ONE, plan=ENTRY.offering.plan("ha-2x8"))
PAUSED = replace(ONE, paused=True)
NAME = ONE.name


def release(ready: str, reason: str, *, seen: int = 1, generation: int = 1) -> Manifest:
    said = {"type": "Ready", "status": ready, "reason": reason, "message": reason}
    conditions = [{**said, "observedGeneration": generation}]
    status = {"observedGeneration": seen, "conditions": conditions}
    return {"metadata": {"generation": generation}, "status": status}


def servers(wanted: int, ready: int) -> Manifest:
    counted = {"replicas": wanted, "updatedReplicas": wanted, "readyReplicas": ready}
    status = {"observedGeneration": 1, **counted}
    return {"metadata": {"generation": 1}, "spec": {"replicas": wanted}, "status": status}


DONE = release("True", "InstallSucceeded")
GROWING: Manifest = {"status": {"conditions": [{"type": "Resizing", "status": "True"}]}}


def live(made: Manifest, sets: Manifest | None = None, disk: Manifest | None = None) -> Live:
    found = {Ref(flux.HELM_RELEASE, NAME): made}
    if sets:
        found[Ref(objects.STATEFUL_SET, NAME)] = sets
    if disk:
        found[Ref(objects.VOLUME_CLAIM, f"{NAME}-js-{NAME}-0")] = disk
    return found


@pytest.mark.parametrize(
    ("spec", "found", "observed", "code"),
    [
        (ONE, live({"metadata": {"generation": 1}}), "progressing", "operator-works"),
        (ONE, live(release("False", "SourceNotReady", seen=-1)), "progressing", "operator-works"),
        (ONE, live(release("False", "InstallFailed")), "progressing", "operator-retries"),
        (ONE, live(DONE), "progressing", "operator-works"),
        (ONE, live(DONE, servers(1, 1)), "ready", ""),
        (ONE, live(DONE, servers(1, 1), GROWING), "progressing", "operator-works"),
        (
            ONE,
            live(release("True", "UpgradeSucceeded", generation=2), servers(1, 1)),
            "progressing",
            "operator-works",
        ),
        (THREE, live(DONE, servers(3, 2)), "degraded", "operator-degraded"),
        (PAUSED, live(DONE, servers(1, 1)), "progressing", "operator-works"),
        (PAUSED, live(DONE, servers(0, 0)), "paused", ""),
    ],
)
def test_how_it_is(spec: InstanceSpec, found: Live, observed: str, code: str) -> None:
    seen = kubernetes.observe(spec, BARE, found)
    assert (seen.observed, seen.code) == (observed, code)


def test_credentials_tell_the_authority_and_no_key() -> None:
    texts = {"ca.crt": "AUTHORITY", "tls.key": "PRIVATE"}
    data = {name: b64encode(text.encode()).decode() for name, text in texts.items()}
    (secret,) = kubernetes.revealed(ONE)
    found = kubernetes.credentials(ONE, BARE, {secret: {"data": data}})
    assert found.ca_certificate == "AUTHORITY"
    assert "PRIVATE" not in "".join(found.env.values())


def test_a_larger_disk_changes_its_claim_and_no_template() -> None:
    larger = replace(ONE, plan=ENTRY.offering.plan("single-4x16"))
    old, new = (kubernetes.manifests(spec, BARE) for spec in (ONE, larger))
    changed = {made["kind"] for made, other in zip(old, new, strict=True) if made != other}
    assert changed == {"PersistentVolumeClaim", "HelmRelease"}
    templates = [
        made["spec"]["values"]["config"]["jetstream"]["fileStore"]["pvc"]
        for made in (*old, *new)
        if made["kind"] == "HelmRelease"
    ]
    assert templates[0] == templates[1]


def test_a_repair_asks_flux_to_look_again() -> None:
    """Nothing else would be another manifest."""
    asked = [
        made["metadata"].get("annotations")
        for made in kubernetes.manifests(replace(ONE, repair="op-1"), BARE)
        if made["kind"].startswith("Helm")
    ]
    assert asked == [{"reconcile.fluxcd.io/requestedAt": "op-1"}] * 2
