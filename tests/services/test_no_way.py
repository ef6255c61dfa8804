"""A region that there is no way to: its kubeconfig is none. Nothing waits for ever."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from portal.kernel import clock, crypto
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Permanent
from services.backends import backend_for
from services.instances import actions, texts, work
from services.instances.models import Operation
from services.regions.models import Region
from tests.makers import drive, make_project, make_quota, make_region, order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]
GOOD = {
    "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "a", "user": {"token": "t"}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    "current-context": "a",
}
KEY = base64.b64encode(b"a private key").decode()[:-3]  # cut short, so that it is none


def region_with(kubeconfig: Any) -> Region:
    return make_region(
        "eu-1",
        backend="kubernetes",
        settings={"issuer": "platform-ca"},
        secrets=crypto.encrypt(json.dumps({"kubeconfig": kubeconfig})),
    )


@pytest.fixture
def operation() -> Operation:
    region, project = region_with({**GOOD, "current-context": "b"}), make_project()
    make_quota(project, region, instances=1)
    return order(project, region, offering="memcached", plan="dev-1x1")


def turn(operation: Operation) -> Operation:
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=None)
    work.take_turn(operation.pk)
    operation.refresh_from_db()
    return operation


def over(operation: Operation) -> None:
    """Its time."""
    Operation.objects.filter(pk=operation.pk).update(deadline=clock.now() - timedelta(seconds=1))


def test_it_is_waited_for_and_said(operation: Operation) -> None:
    turn(operation)
    assert (operation.state, operation.error_code) == ("running", "")
    assert "kube-config" in operation.error_detail
    assert operation.next_attempt_at is not None


def test_when_its_time_is_over_it_ends_and_staff_see_it(operation: Operation) -> None:
    turn(operation)
    over(operation)
    turn(operation)  # a while for undoing begins
    assert (operation.state, operation.error_code) == ("running", "timed-out")
    over(operation)
    drive(operation)
    instance = operation.instance
    instance.refresh_from_db()
    assert (operation.state, instance.phase, instance.needs_attention) == ("failed", "failed", True)
    assert "kube-config" in operation.error_detail
    said, _ = texts.error_text(operation.error_code, operation.error_params)
    assert said.endswith("The access to the region's cluster cannot be used.")
    assert instance.project.quotas.get().used == 0


def test_what_was_cancelled_ends_cancelled(operation: Operation) -> None:
    turn(operation)
    actions.cancel(actor=SYSTEM, operation=operation)
    over(operation)
    drive(operation)
    assert operation.state == "cancelled"


def test_it_goes_on_once_staff_has_mended_it(operation: Operation) -> None:
    turn(operation)
    Region.objects.update(secrets=crypto.encrypt(json.dumps({"kubeconfig": GOOD})))
    turn(operation)
    assert Region.objects.get().failures == 1  # it asked: nobody answers at that address
    assert operation.state == "running"


@pytest.mark.parametrize(
    "kubeconfig",
    [
        pytest.param({**GOOD, "clusters": []}, id="no cluster"),
        pytest.param({**GOOD, "contexts": "a"}, id="another shape"),
        pytest.param(
            {**GOOD, "users": [{"name": "a", "user": {"client-key-data": KEY}}]}, id="key"
        ),
    ],
)
def test_each_fault_of_a_kubeconfig_is_one_of_ours_and_shows_no_key(kubeconfig: Any) -> None:
    with pytest.raises(Permanent, match="kubeconfig-wrong") as told:
        backend_for(region_with(kubeconfig))
    assert KEY not in str(told.value)
