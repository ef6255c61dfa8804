"""Pages of a service whose region swallows everything that is sent to it: they come soon, and say
so.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from portal.kernel import crypto
from services import backends
from services.backends.fake import FakeBackend
from services.backends.kubernetes import patience
from services.backends.kubernetes.backend import KubernetesBackend
from services.instances.models import Instance
from services.instances.region_health import check_region
from tests.makers import make_instance, make_member, make_project, make_region, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]
SHORT, LONG, SOON = 0.4, 60.0, 15.0  # for a page and for a worker; what a busy machine may take
AWAY = "The region does not answer"


@pytest.fixture(params=["nobody takes the connection", "nobody says anything"])
def hole(request: pytest.FixtureRequest) -> Iterator[int]:
    """Its port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        full = request.param == "nobody takes the connection"
        listener.listen(0 if full else 16)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4 * full)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        yield port
        for one in waiting:
            one.close()


@pytest.fixture
def instance(hole: int, monkeypatch: pytest.MonkeyPatch) -> Instance:
    fake = FakeBackend()
    monkeypatch.setitem(backends.BACKENDS, "kubernetes", lambda region: fake)
    monkeypatch.setattr(patience, "PAGE_SECONDS", SHORT)
    monkeypatch.setattr(patience, "CONNECT_SECONDS", LONG)
    monkeypatch.setattr(patience, "ANSWER_SECONDS", LONG)
    kubeconfig = {
        "clusters": [{"name": "a", "cluster": {"server": f"https://127.0.0.1:{hole}"}}],
        "users": [{"name": "a", "user": {"token": "t"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    }
    region = make_region(
        "eu-1",
        backend="kubernetes",
        settings={"issuer": "platform-ca"},
        secrets=crypto.encrypt(json.dumps({"kubeconfig": kubeconfig})),
    )
    made = make_instance(make_project(), region, offering="memcached", plan="dev-1x1")
    monkeypatch.setitem(backends.BACKENDS, "kubernetes", KubernetesBackend)
    return made


@pytest.mark.parametrize(
    ("method", "page", "status"),
    [
        ("get", "console:service", 200),
        ("get", "console:service-connection", 200),
        ("post", "console:service-reveal", 503),
        ("get", "console:service-ca", 503),
    ],
)
def test_it_comes_soon_and_says_so(
    instance: Instance, client: Client, method: str, page: str, status: int
) -> None:
    signed_in(client, make_member(instance.project))
    began = time.monotonic()
    answer = getattr(client, method)(reverse(page, args=[instance.public_id]))
    assert time.monotonic() - began < SOON
    assert answer.status_code == status
    assert AWAY in answer.content.decode()


def test_so_does_the_log_of_an_operation(instance: Instance, client: Client) -> None:
    signed_in(client, make_member(instance.project))
    operation = instance.operations.get()
    began = time.monotonic()
    answer = client.get(reverse("console:operation-log", args=[operation.public_id]))
    assert time.monotonic() - began < SOON
    assert AWAY in answer.content.decode()


def test_so_does_what_staff_look_at(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "CHECK_SECONDS", SHORT)
    began = time.monotonic()
    found = check_region(instance.region)
    assert time.monotonic() - began < SOON
    assert (found.healthy, found.detail) == (False, "region-unreachable")


def test_a_page_waits_for_all_its_reads_together_and_a_worker_longer() -> None:
    assert patience.left() == (patience.CONNECT_SECONDS, patience.ANSWER_SECONDS)
    with patience.within(5):
        assert 4 < float(patience.left()) <= 5  # type: ignore[arg-type]
    assert patience.left() == (patience.CONNECT_SECONDS, patience.ANSWER_SECONDS)
    assert patience.PAGE_SECONDS <= 3
