"""What a tenant sees of a service whose region is a Kubernetes cluster."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from billing.orders import ordering
from portal.console import acts
from portal.console.service import can
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Invalid, Temporary
from services import backends, registry
from services.backends.fake import FakeBackend
from services.instances import actions
from services.instances.admission import newer_versions
from services.instances.models import Instance, Operation
from services.instances.reconcile import POINT_OF_NO_RETURN
from services.instances.specs import entry_of
from services.instances.states import Kind
from services.spec import Observation, Observed
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_region,
    signed_in,
)
from tests.portal.test_ui import strict

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static"),
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """In the place of the cluster of a Kubernetes region."""
    backend = FakeBackend()
    monkeypatch.setitem(backends.BACKENDS, "kubernetes", lambda region: backend)
    monkeypatch.setattr("services.instances.specs.keeps_secrets", lambda region: True)
    monkeypatch.setattr("services.instances.actions.keeps_secrets", lambda region: True)
    return backend


def running(offering: str, backend: str = "kubernetes", **fields: Any) -> Instance:
    settings = {"issuer": "platform-ca", "domain": "eu-1.example.eu"}
    region = make_region("eu-1", backend=backend, settings=settings)
    return make_instance(make_project(), region, offering=offering, protected=False, **fields)


@pytest.mark.parametrize(
    ("offering", "kind", "said"),
    [
        ("postgresql", "delete", "The server stops at once"),
        ("rabbitmq", "delete", "It runs on, but nobody reaches it any more"),
        ("object-storage", "purge", "This cannot be undone."),
    ],
)
def test_a_deletion_says_what_it_does_and_does_it(
    cluster: FakeBackend, offering: str, kind: str, said: str
) -> None:
    instance = running(offering)
    assert said in " ".join(acts.delete(instance, 7).points)
    assert actions.delete(actor=SYSTEM, instance=instance).kind == kind


@pytest.mark.parametrize(
    ("offering", "pause", "rotate"),
    [("postgresql", True, True), ("rabbitmq", False, True), ("object-storage", False, False)],
)
def test_buttons_are_those_of_where_it_runs(
    cluster: FakeBackend, offering: str, pause: bool, rotate: bool
) -> None:
    instance = running(offering)
    able = can(make_owner(instance.project), instance)
    assert (able.pause, able.rotate) == (pause, rotate)


def test_a_region_that_is_away_is_said(
    cluster: FakeBackend, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    instance = running("postgresql")
    signed_in(client, make_member(instance.project))

    def away(*_: Any) -> Any:
        raise Temporary("region-unreachable", retry_after=5)

    monkeypatch.setattr(cluster, "credentials", away)
    told = client.get(f"/services/{instance.public_id}/connection/").content.decode()
    assert "The region does not answer" in told
    assert "There is nothing to connect to" not in told
    assert client.get(f"/services/{instance.public_id}/ca.pem").status_code == 503


def order_page(client: Client, around: dict[str, Any], offering: str = "postgresql") -> str:
    make_region("eu-1", backend="kubernetes", settings=around)
    signed_in(client, make_member(make_project()))
    page: str = client.get(f"/catalogue/{offering}/order/?region=eu-1").content.decode()
    return page


@pytest.mark.parametrize(
    ("around", "offered"),
    [({"external": True, "domain": "eu-1.example.eu"}, True), ({"external": True}, False)],
)
def test_a_public_endpoint_is_offered_where_there_is_a_way_in(
    cluster: FakeBackend, client: Client, around: dict[str, Any], offered: bool
) -> None:
    page = order_page(client, around)
    assert ('name="p-public"' in page) is offered
    assert 'name="p-work_mem_mib"' in page
    listed = client.get("/catalogue/postgresql/?region=eu-1").content.decode()
    assert ("Reachable from the internet" in listed) is offered


SMALLER = "Disks only grow in Eu-1, and this plan has smaller ones."


@pytest.mark.parametrize("offering", ["postgresql", "redis", "rabbitmq", "kafka", "nats"])
def test_a_smaller_disk_is_refused_before_anything_is_done(
    cluster: FakeBackend, client: Client, offering: str
) -> None:
    entry = registry.get(offering)
    small, large = entry.offering.plans[:2]
    instance = running(offering, plan=large.id)
    with pytest.raises(Invalid) as caught:
        ordering.change_order(actor=SYSTEM, instance=instance, plan=small.id)
    assert set(caught.value.fields) == {"plan"}
    assert caught.value.fields["plan"].startswith(SMALLER)
    assert instance.operations.count() == 1
    signed_in(client, make_member(instance.project))
    page = client.get(f"/services/{instance.public_id}/settings/").content.decode()
    (row,) = re.findall(rf'<input[^>]*value="{small.id}"[^>]*>', page)
    assert "disabled" in row
    assert SMALLER in page


@pytest.mark.parametrize(
    ("offering", "backend", "before", "after"),
    [
        ("postgresql", "kubernetes", "dev-1x1", "single-2x8"),
        ("postgresql", "fake", "single-2x8", "dev-1x1"),
        ("object-storage", "kubernetes", "single-2x4", "dev-1x1"),
        ("memcached", "kubernetes", "single-2x4", "dev-1x1"),
    ],
)
def test_other_changes_of_a_plan_are_taken(
    cluster: FakeBackend, fake: FakeBackend, offering: str, backend: str, before: str, after: str
) -> None:
    instance = running(offering, backend, plan=before)
    operation = ordering.change_order(actor=SYSTEM, instance=instance, plan=after)
    assert drive(operation).state == "succeeded"


@pytest.mark.parametrize(
    ("backend", "said"),
    [("kubernetes", "any time; the server restarts"), ("process", "any time; connections stay")],
)
def test_what_a_change_of_a_setting_does_is_said_as_it_is_there(
    client: Client, backend: str, said: str
) -> None:
    make_region("eu-1", backend=backend)
    page = client.get("/catalogue/mariadb/?region=eu-1").content.decode()
    (row,) = re.findall(r"<tr>(?:(?!</tr>).)*sql_mode.*?</tr>", page, re.DOTALL)
    assert said in row


def test_a_change_of_several_nodes_says_that_connections_end(
    cluster: FakeBackend, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = running("postgresql", plan="ha-2x8")
    monkeypatch.setattr(cluster, "effect", lambda *_: "rolling")
    signed_in(client, make_member(instance.project))
    page = client.get(f"/services/{instance.public_id}/settings/?plan=ha-4x16").content.decode()
    assert "The nodes restart one after another: connections end" in page
    assert "Connections stay." not in page


# -- another version -------------------------------------------------------------------------------


def test_newer_versions_are_offered_and_what_one_means_is_said_first(
    cluster: FakeBackend, client: Client
) -> None:
    instance = running("postgresql", version="16")
    signed_in(client, make_member(instance.project))
    page = f"/services/{instance.public_id}/"
    told = client.get(f"{page}settings/").content.decode()
    strict(told)
    assert re.findall(r'name="version" value="(\d+)"', told) == ["17", "18"]
    assert "fixes until 9 Nov 2028" in told

    asked = client.get(f"{page}upgrade/", {"version": "18"}).content.decode()
    strict(asked)
    assert "There is no way back to version 16" in asked
    assert "PostgreSQL 18 gets fixes until 14 Nov 2030." in asked
    sent = dict(re.findall(r'type="hidden" name="(version|runs)" value="(\d+)"', asked))
    assert sent == {"version": "18", "runs": "16"}
    assert client.post(f"{page}upgrade/", sent).status_code == 303
    assert drive(Operation.objects.get(kind="upgrade")).state == "succeeded"

    late = client.post(f"{page}upgrade/", {"version": "17", "runs": "16"})
    assert late.status_code == 422
    assert "Version 16 ran when you opened this page, and now it is 18." in late.content.decode()
    back = client.post(f"{page}upgrade/", {"version": "17", "runs": "18"})
    assert back.status_code == 422
    assert "nothing leads back to an older one" in back.content.decode()
    assert Operation.objects.filter(kind="upgrade").count() == 1
    told = client.get(f"{page}settings/").content.decode()
    assert "There is no newer one in this region." in told


@pytest.mark.parametrize(
    ("offering", "runs", "offered"),
    [
        pytest.param("postgresql", "14", ["16", "17", "18"], id="15 is about to end"),
        pytest.param("kubernetes", "1.31", ["1.35"], id="those between have ended"),
        pytest.param("postgresql", "18", [], id="the newest"),
    ],
)
def test_what_is_about_to_end_is_no_goal(
    cluster: FakeBackend, offering: str, runs: str, offered: list[str]
) -> None:
    instance = running(offering, version=runs)
    assert [v.id for v in newer_versions(instance, entry_of(instance))] == offered


def test_where_no_service_is_upgraded_another_one_is_the_way(
    fake: FakeBackend, client: Client
) -> None:
    instance = make_instance(make_project(), make_region())
    signed_in(client, make_member(instance.project))
    page = f"/services/{instance.public_id}/"
    told = client.get(f"{page}settings/").content.decode()
    strict(told)
    assert "Version 18 can be had with another service only" in told
    assert "There is nothing to upgrade to." in client.get(f"{page}upgrade/").content.decode()
    assert client.post(f"{page}upgrade/", {"version": "18", "runs": "17"}).status_code == 422


@pytest.mark.parametrize(
    ("as_before", "said"),
    [
        (True, "The service is as it was before, and nothing is charged for the change."),
        (False, "The newer version stays its goal, since its data may be converted already."),
    ],
)
def test_an_upgrade_that_failed_says_what_runs(
    cluster: FakeBackend,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    as_before: bool,
    said: str,
) -> None:
    instance = running("postgresql", version="16")
    monkeypatch.setitem(POINT_OF_NO_RETURN, Kind.UPGRADE, ("start",))
    operation = ordering.change_order(actor=SYSTEM, instance=instance, version="18")
    seen = Observation(Observed.FAILED, "operator-failed", "no room", data_as_before=as_before)
    monkeypatch.setattr(cluster, "observe", lambda entry, spec: seen)
    assert drive(operation).state == "failed"
    signed_in(client, make_member(instance.project))
    page = client.get(f"/operations/{operation.public_id}/").content.decode()
    assert said in page
    assert "no room" in page
