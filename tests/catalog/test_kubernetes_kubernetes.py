"""Clusters as Cluster API shows them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from services.manifests.objects import SECRET
from services.spec import InstanceSpec, Live, Observed, Ref
from tests.contracts.made_up import ENTRIES, made_up_spec
from tests.contracts.manifests import BARE, RICH, renderer

ENTRY = ENTRIES["kubernetes"]
RENDERER = renderer(ENTRY)
NAME = "kube-7f3a9c21"
HA = ENTRY.offering.plan("ha-2x8")
ALL = {"desiredReplicas": 3, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3}
QUIET = dict.fromkeys(("RollingOut", "ScalingUp", "ScalingDown"), ("False", ""))
GOOD = {"Available": ("True", ""), "TopologyReconciled": ("True", "ReconcileSucceeded"), **QUIET}


def spec(**parameters: Any) -> InstanceSpec:
    first = made_up_spec(ENTRY, plan=HA)
    return made_up_spec(ENTRY, plan=HA, parameters={**first.parameters, **parameters})


def live(
    conditions: dict[str, tuple[str, str]] | None = None, *, seen: int = 4, **status: Any
) -> Live:
    said = [
        {"type": t, "status": s, "reason": r, "message": f"{t} {r}", "observedGeneration": seen}
        for t, (s, r) in {**GOOD, **(conditions or {})}.items()
    ]
    return {
        Ref(RENDERER.KINDS[0], NAME): {
            "metadata": {"generation": 4},
            "spec": {"controlPlaneEndpoint": {"host": "203.0.113.7", "port": 6443}},
            "status": {
                "observedGeneration": seen,
                "phase": "Provisioned",
                "conditions": said,
                "controlPlane": part(),
                "workers": part(),
                **status,
            },
        }
    }


def part(version: str = "v1.35.6", **counts: int) -> dict[str, Any]:
    versions = [{"version": version, "replicas": 3}]
    return {**ALL, "upToDateReplicas": 3, "versions": versions, **counts}


ONE_WORKER = part(**dict.fromkeys((*ALL, "upToDateReplicas"), 1))  # as before a larger plan
MISSING = {"Available": ("False", "NotAvailable")}
GROWING = {**MISSING, "ScalingUp": ("True", "ScalingUp")}


@pytest.mark.parametrize(
    ("found", "observed", "code"),
    [
        (live(), Observed.READY, ""),
        (live(seen=3), Observed.PROGRESSING, "operator-works"),
        (live(GROWING, workers={}), Observed.PROGRESSING, "operator-works"),
        (live(controlPlane=part("v1.34.9")), Observed.PROGRESSING, "operator-works"),
        (live(workers=ONE_WORKER), Observed.PROGRESSING, "operator-works"),
        (live(workers=part(upToDateReplicas=1)), Observed.DEGRADED, "operator-degraded"),
        (
            live({"RollingOut": ("True", "RollingOut")}, workers=part(upToDateReplicas=1)),
            Observed.PROGRESSING,
            "operator-works",
        ),
        (
            live({"TopologyReconciled": ("False", "ControlPlaneUpgradePending")}),
            Observed.PROGRESSING,
            "operator-works",
        ),
        (
            live({"TopologyReconciled": ("False", "ReconcileFailed")}),
            Observed.PROGRESSING,
            "operator-retries",
        ),
        (live(MISSING, workers=part(availableReplicas=2)), Observed.DEGRADED, "operator-degraded"),
        (live(phase="Deleting"), Observed.PROGRESSING, "operator-works"),
        (live(MISSING, phase="Failed"), Observed.FAILED, "operator-failed"),
    ],
)
def test_what_is_seen(found: Live, observed: Observed, code: str) -> None:
    seen = RENDERER.observe(spec(), RICH, found)
    assert (seen.observed, seen.code) == (observed, code)


def test_the_address_and_machines_that_nobody_has_are_not_ready() -> None:
    """What the operator shows seconds after the network is there: nothing runs."""
    found = live({**MISSING, "ScalingUp": ("True", "ScalingUp")}, controlPlane={}, workers={})
    assert RENDERER.observe(spec(), RICH, found).observed == Observed.PROGRESSING


def pools(region: Any = RICH, **parameters: Any) -> list[dict[str, Any]]:
    (cluster,) = RENDERER.manifests(spec(**parameters), region)
    found: list[dict[str, Any]] = cluster["spec"]["topology"]["workers"]["machineDeployments"]
    return found


def limits(pool: dict[str, Any]) -> tuple[str, str]:
    marks = pool["metadata"]["annotations"]
    name = "cluster.x-k8s.io/cluster-api-autoscaler-node-group-{}-size"
    return marks[name.format("min")], marks[name.format("max")]


def test_further_workers_are_shared_out_over_the_zones() -> None:
    made = pools(more_workers=4)
    assert [limits(pool) for pool in made] == [("1", "3"), ("1", "2"), ("1", "2")]
    assert not [pool for pool in made if "replicas" in pool]


def test_a_number_that_is_fixed_is_never_the_autoscalers() -> None:
    made = pools(more_workers=1)
    assert [("replicas" in pool, "metadata" in pool) for pool in made] == [
        (False, True),
        (True, False),
        (True, False),
    ]


def test_without_zones_there_is_one_pool() -> None:
    (pool,) = pools(BARE)
    assert (pool["replicas"], "failureDomain" in pool) == (3, False)


def test_gpu_workers_start_from_none() -> None:
    gpu = pools(gpu="l40s", gpu_workers=2)[-1]
    assert limits(gpu) == ("0", "2")
    assert gpu["variables"]["overrides"] == [{"name": "workerFlavor", "value": "polder-gpu-l40s"}]


KUBECONFIG = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {authority}
    server: https://203.0.113.7:6443
  name: kube-7f3a9c21
users:
- name: kube-7f3a9c21-admin
  user: {{client-certificate-data: x, client-key-data: x}}
"""


def test_the_kubeconfig_is_what_a_client_needs() -> None:
    authority = base64.b64encode(b"the CA").decode()
    kubeconfig = KUBECONFIG.format(authority=authority)
    data = {"value": base64.b64encode(kubeconfig.encode()).decode()}
    (wanted,) = RENDERER.revealed(spec())
    given = RENDERER.credentials(spec(), RICH, {wanted: {"data": data}})
    assert wanted == Ref(SECRET, f"{NAME}-kubeconfig")
    assert given.env["KUBECONFIG_CONTENT"] == given.password == kubeconfig
    assert (given.host, given.port, given.ca_certificate) == ("203.0.113.7", 6443, "the CA")
