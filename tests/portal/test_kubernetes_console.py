"""What a tenant sees of a service whose region is a Kubernetes cluster."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.console import acts
from portal.console.service import can
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Temporary
from services import backends
from services.backends.fake import FakeBackend
from services.instances import actions
from services.instances.models import Instance
from tests.makers import (
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_region,
    signed_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeBackend:
    """In the place of the cluster of a Kubernetes region."""
    backend = FakeBackend()
    monkeypatch.setitem(backends.BACKENDS, "kubernetes", lambda region: backend)
    monkeypatch.setattr("services.instances.specs.keeps_secrets", lambda region: True)
    monkeypatch.setattr("services.instances.actions.keeps_secrets", lambda region: True)
    return backend


def running(offering: str) -> Instance:
    settings = {"issuer": "platform-ca", "domain": "eu-1.example.eu"}
    region = make_region("eu-1", backend="kubernetes", settings=settings)
    return make_instance(make_project(), region, offering=offering, protected=False)


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
