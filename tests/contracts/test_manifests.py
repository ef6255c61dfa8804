"""What the Kubernetes renderers of every offering make."""

from __future__ import annotations

from typing import Any

import pytest

from services.manifests.objects import PLAIN, total
from services.spec import Entry
from tests.contracts import manifests
from tests.contracts.made_up import ENTRIES, all_specs, each, made_up_spec
from tests.contracts.manifests import BARE, RICH, renderer

ON_KUBERNETES = {slug: e for slug, e in ENTRIES.items() if e.kubernetes is not None}
# Those whose work is done by what the region shares, or by machines outside it: no pods of theirs.
ELSEWHERE = {
    "kubernetes": "its machines are made by the region's infrastructure",
    "object-storage": "the region's object store holds the buckets of all tenants",
}
WITH_PODS = {slug: e for slug, e in ON_KUBERNETES.items() if slug not in ELSEWHERE}
GOLDEN = [
    (entry, name) for entry in ON_KUBERNETES.values() for name, _, _ in manifests.specs(entry)
]


@pytest.mark.parametrize(
    ("entry", "name"), GOLDEN, ids=[f"{e.offering.slug}-{name}" for e, name in GOLDEN]
)
def test_the_manifests_are_those_that_were_looked_at(entry: Entry, name: str) -> None:
    """`python -m tests.contracts.manifests` writes them anew."""
    assert manifests.text(manifests.rendered(entry, name)) == (
        manifests.file_of(entry, name).read_text()
    )


@each(ON_KUBERNETES)
def test_versions_are_the_offerings_own(entry: Entry) -> None:
    assert set(renderer(entry).VERSIONS) <= {v.id for v in entry.offering.versions}
    assert renderer(entry).VERSIONS


def runnable(entry: Entry) -> list[Any]:
    return [spec for spec in all_specs(entry) if spec.version in renderer(entry).VERSIONS]


@each(ON_KUBERNETES)
def test_objects_bear_the_instances_name_and_nothing_of_the_backends(entry: Entry) -> None:
    for spec in runnable(entry):
        for made in renderer(entry).manifests(spec, RICH):
            name = made["metadata"]["name"]
            assert name == spec.name or name.startswith(f"{spec.name}-")
            assert "namespace" not in made["metadata"]
            assert "status" not in made


@each(ON_KUBERNETES)
def test_every_kind_is_declared_or_plain(entry: Entry) -> None:
    declared = {(kind.api, kind.name) for kind in renderer(entry).KINDS}
    platform = {
        ("cert-manager.io/v1", "Certificate"),
        ("monitoring.coreos.com/v1", "PodMonitor"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
    }
    for spec in runnable(entry):
        for made in renderer(entry).manifests(spec, RICH):
            kind = (made["apiVersion"], made["kind"])
            assert kind in declared | platform or kind[0] in PLAIN


@each(ON_KUBERNETES)
def test_secrets_stand_in_secrets_alone(entry: Entry) -> None:
    spec = made_up_spec(entry, version=renderer(entry).VERSIONS[0])
    for made in renderer(entry).manifests(spec, RICH):
        said = manifests.text([made])
        told = [secret for secret in spec.secrets.values() if secret in said]
        assert not told or made["kind"] == "Secret"


@each(ON_KUBERNETES)
def test_a_paused_service_is_made_of_the_same_objects(entry: Entry) -> None:
    """What the region's pause takes away it must bring back: nothing may be forgotten meanwhile."""
    first = entry.offering.plans[0].id
    running, paused = (manifests.rendered(entry, name) for name in (first, "paused"))
    assert [(m["kind"], m["metadata"]["name"]) for m in running] == [
        (m["kind"], m["metadata"]["name"]) for m in paused
    ]


@each(ON_KUBERNETES)
def test_who_has_no_pods_is_listed_with_the_reason(entry: Entry) -> None:
    has_pods = [bool(renderer(entry).pods(spec, BARE)) for spec in runnable(entry)]
    assert all(has_pods) == (entry.offering.slug not in ELSEWHERE)
    assert all(has_pods) or not any(has_pods)


@each(WITH_PODS)
def test_pods_take_at_least_what_the_plan_promises(entry: Entry) -> None:
    for plan in entry.offering.plans:
        spec = made_up_spec(entry, plan=plan, version=renderer(entry).VERSIONS[0])
        taken = total(renderer(entry).pods(spec, BARE))
        assert taken["vcpu"] >= plan.vcpu * plan.nodes
        assert taken["memory_mib"] >= plan.memory_mib * plan.nodes


@each(ON_KUBERNETES)
def test_nothing_in_the_cluster_is_absent(entry: Entry) -> None:
    spec = made_up_spec(entry, version=renderer(entry).VERSIONS[0])
    assert renderer(entry).observe(spec, BARE, {}).observed == "absent"


@each(ON_KUBERNETES)
def test_pods_can_be_found_by_their_labels(entry: Entry) -> None:
    """Logs are read by them, and the network is opened and closed by them."""
    spec = made_up_spec(entry, version=renderer(entry).VERSIONS[0])
    found = renderer(entry).selectors(spec)
    assert all(any(spec.name in value for value in labels.values()) for labels in found)
    assert bool(found) == bool(total(renderer(entry).pods(spec, BARE))["vcpu"])
