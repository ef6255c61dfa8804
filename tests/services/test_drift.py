"""What differs of an object from what was applied, who set it, and what today would be applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from services.backends.fake import FakeBackend
from services.backends.kubernetes import differences, drifts, stamps
from services.backends.models import Applied
from services.instances import actions, drift
from services.instances.models import Instance, Operation
from services.regions.models import Region
from tests.makers import (
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_region,
    make_staff,
    make_user,
    signed_in,
)

CONTAINER = {"name": "server", "image": "memcached:1.6.39"}
WANTED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {
        "name": "mc-1",
        "labels": {"polder.eu/instance": "mc-1"},
        "annotations": {stamps.GENERATION: "1"},
    },
    "spec": {
        "replicas": 1,
        "cpu": "1000m",
        "template": {"spec": {"containers": [CONTAINER]}},
        "rules": [{"port": 1}, {"port": 2}],
    },
}


def changed(**fields: Any) -> dict[str, Any]:
    return {**WANTED, "spec": {**WANTED["spec"], **fields}}


def row_of(made: dict[str, Any], stands: dict[str, Any]) -> Applied:
    return Applied(
        api=made["apiVersion"],
        kind=made["kind"],
        name=made["metadata"]["name"],
        manifest=stamps.without_secrets(made),
        wanted=stamps.digest(made),
        stood=stamps.stood(made, stands),
        settled=drifts.settled(made, stands),
    )


# -- what others changed ---------------------------------------------------------------------------


def differing(found: dict[str, Any] | None) -> list[tuple[str, Any, Any]]:
    """Of a cluster that writes 1 for 1000m."""
    settled = drifts.settled(WANTED, changed(cpu="1"))
    told = drifts.attributed(drifts.of(WANTED, settled, found), None)
    return [(one["field"], one["wanted"], one["stands"]) for one in told]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param({}, [], id="as the cluster made it"),
        pytest.param({"replicas": 2}, [("spec.replicas", 1, 2)], id="a number"),
        pytest.param({"cpu": "2"}, [("spec.cpu", "1", "2")], id="what it had settled itself"),
        pytest.param({"more": True}, [], id="a field that we do not set"),
        pytest.param(
            {"template": {"spec": {"containers": [{"name": "side"}, {**CONTAINER, "image": "x"}]}}},
            [("spec.template.spec.containers[server].image", "memcached:1.6.39", "x")],
            id="a row by its name",
        ),
        pytest.param(
            {"rules": [{"port": 1}]},
            [("spec.rules[number of rows]", 2, 1), ("spec.rules[1].port", 2, stamps.GONE)],
            id="a row less",
        ),
    ],
)
def test_what_differs_is_named(fields, told):
    assert differing(changed(**{"cpu": "1", **fields})) == told


def test_of_what_is_gone_and_of_secrets_nothing_is_told():
    assert differing(None) == []
    made = {**WANTED, "kind": "Secret", "data": {"password": "aGlkZGVu"}}
    other = {**made, "data": {"password": "other"}}
    assert (drifts.settled(made, other), drifts.of(made, {}, other)) == ({}, [])


def managed(manager: str, fields: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"manager": manager, "time": "2026-11-26T03:00:00Z", "fieldsV1": fields, **more}


REPLICAS = {"f:spec": {"f:replicas": {}}}
ROWS = {"f:spec": {"f:rules": {}}}
IMAGE = {
    "f:spec": {
        "f:template": {
            "f:spec": {"f:containers": {'k:{"name":"server"}': {".": {}, "f:image": {}}}}
        }
    }
}
PATH_OF_IMAGE = ("spec", "template", "spec", "containers", "[server]", "image")


@pytest.mark.parametrize(
    ("path", "managers", "who"),
    [
        pytest.param(("spec", "replicas"), [managed("kubectl", REPLICAS)], "kubectl", id="owner"),
        pytest.param(PATH_OF_IMAGE, [managed("argo", IMAGE)], "argo", id="in a row"),
        pytest.param(("spec", "rules", "[0]", "port"), [managed("hpa", ROWS)], "hpa", id="whole"),
        pytest.param(
            ("spec", "replicas"),
            [managed("old", REPLICAS), managed("new", REPLICAS, time="2026-11-26T04:00:00Z")],
            "new",
            id="the last of two",
        ),
        pytest.param(
            ("spec", "replicas"),
            [
                managed("polder", REPLICAS),
                managed("operator", REPLICAS, subresource="status"),
                managed("argo", IMAGE),
            ],
            "argo",
            id="taken away: whoever else wrote",
        ),
        pytest.param(("spec", "replicas"), [managed("polder", REPLICAS)], "", id="nobody"),
    ],
)
def test_who_set_it_is_named(path, managers, who):
    fields = [{"path": path, "wanted": 1, "stands": 2}]
    live = {"metadata": {"managedFields": managers}}
    assert drifts.attributed(fields, live)[0]["by"] == who


# -- what today would be applied -------------------------------------------------------------------


def between(wanted: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    found = differences.between([row_of(WANTED, WANTED)], wanted)
    return [(one.kind, one.change, one.fields, one.restart) for one in found]


def noted(made: dict[str, Any], generation: str) -> dict[str, Any]:
    notes = {stamps.GENERATION: generation}
    return {**made, "metadata": {**made["metadata"], "annotations": notes}}


def of_kind(kind: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "mc-1"}}


def test_another_generation_alone_is_no_difference():
    assert between([noted(WANTED, "2")]) == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ([changed(replicas=2)], [("StatefulSet", "changed", ("spec.replicas",), False)]),
        (
            [changed(template={"spec": {"containers": [CONTAINER], "dns": "x"}})],
            [("StatefulSet", "changed", ("spec.template.spec.dns",), True)],
        ),
        ([WANTED, of_kind("Service")], [("Service", "new", (), False)]),
        ([WANTED, of_kind("ConfigMap")], [("ConfigMap", "new", (), None)]),
        ([], [("StatefulSet", "gone", (), True)]),
    ],
)
def test_differences_say_what_restarts(wanted, told):
    assert between(wanted) == told


def test_a_secret_s_other_values_are_a_difference_without_words():
    made = noted({**of_kind("Secret"), "data": {"users": "aGlkZGVu"}}, "1")
    row = row_of(made, made)
    assert row.manifest["data"] == {"users": ""}
    found = differences.between([row], [{**made, "data": {"users": "b3RoZXI="}}])
    assert [(one.fields, one.restart) for one in found] == [(("data",), None)]
    assert differences.between([row], [noted(made, "7")]) == ()


# -- pages -----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """What pages and refusals say is read here, whatever an earlier request's language was."""
    with translation.override("en"):
        yield


@pytest.fixture
def service(fake: FakeBackend, prices: None, plain_static: None) -> Instance:
    """One whose StatefulSet somebody scaled, and whose Certificate is gone."""
    instance = make_instance(make_project(), make_region(), name="orders-db")
    Region.objects.update(backend="kubernetes")
    fields = [{"field": "spec.replicas", "wanted": 1, "stands": 2, "by": "kubectl-scale"}]
    for position, (kind, told) in enumerate([("StatefulSet", fields), ("Certificate", [])]):
        Applied.objects.create(
            region=instance.region,
            instance=instance.public_id,
            position=position,
            api="v1",
            kind=kind,
            name=instance.public_id,
            manifest={},
            drift=told,
            drifted_at=clock.now(),
        )
    instance.refresh_from_db()
    return instance


@pytest.fixture
def staff(db: None) -> Client:
    return signed_in(Client(), make_user("staff@test.example", is_staff=True))


def read(client: Client, name: str, *args: str) -> str:
    return client.get(reverse(name, args=args)).content.decode()


def test_staff_sees_what_differs_and_by_whom(service, staff):
    said = read(staff, "console:staff-drift")
    for text in ("orders-db", "spec.replicas: 1 → 2", "by kubectl-scale", "It is gone."):
        assert text in said
    assert "Show them, leave them" in said
    assert "1 service was changed by others" in read(staff, "console:staff")
    assert "Changed by others" in read(staff, "console:staff-service", service.public_id)


def test_the_tenant_reads_that_it_was_changed_and_what_becomes_of_it(service):
    owner = signed_in(Client(), make_member(service.project))
    said = read(owner, "console:service", service.public_id)
    assert "changed outside of Polder" in said
    assert "staff sees it and decides" in said
    assert "kubectl-scale" not in said  # who works for the provider is the provider's own affair
    Region.objects.update(settings={"drift": "correct"})
    assert "put back by itself" in read(owner, "console:service", service.public_id)
    Applied.objects.all().delete()
    assert "changed outside" not in read(owner, "console:service", service.public_id)


def test_staff_puts_back_with_a_reason(service, staff):
    address = reverse("console:staff-drift")
    refused = staff.post(address, {"id": [service.public_id], "reason": " "})
    assert (refused.status_code, "Say why" in refused.content.decode()) == (422, True)
    assert staff.post(address, {"reason": "x"}).status_code == 422
    staff.post(address, {"id": [service.public_id, "pg-00000000"], "reason": "By mistake"})
    operation = Operation.objects.latest("pk")
    assert (operation.kind, operation.goal) == ("repair", {"as_applied": True})
    assert operation.reason == "By mistake"
    said = read(staff, "console:staff-drift")
    assert "1 service is put back." in said
    assert "pg-00000000: There is no service" in said


def test_nothing_else_may_be_done_to_it_meanwhile(service):
    actions.repair(actor=SYSTEM, instance=service)
    with pytest.raises(Conflict):
        drift.put_back(actor=make_staff(), instance=service, reason="x")


def test_only_staff_may(service):
    owner = make_owner(service.project)
    for act in (
        lambda: drift.drifted_instances(owner),
        lambda: drift.changes_of(owner, [service]),
        lambda: drift.put_back(actor=owner, instance=service, reason="x"),
    ):
        with pytest.raises(NotPermitted):
            act()
    with pytest.raises(Invalid):
        drift.put_back(actor=make_staff(), instance=service, reason=" ")
