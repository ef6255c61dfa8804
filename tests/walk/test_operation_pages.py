"""The pages of operations: filters, steps, log, and until when one can be cancelled."""

import re
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.urls import reverse

from portal.console import operations as building
from portal.kernel import clock
from portal.kernel.errors import Permanent, Temporary
from portal.tenancy.permissions import Role
from services.instances import actions, work
from services.instances.models import Operation
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_project,
    make_region,
    order,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]
LIST = "/operations/"


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region(fake):
    return make_region()


@pytest.fixture
def owner(project):
    return make_member(project)


@pytest.fixture
def reader(client, owner):
    client.force_login(owner)
    return client


def page_of(operation, name="operation"):
    return reverse(f"console:{name}", args=[operation.public_id])


def titles(answer):
    return re.findall(r"<b>([^<]+)</b><small class=\"mono\">op-", answer.content.decode())


def test_filters_narrow_and_stay_in_the_address(reader, owner, project, region):
    make_instance(project, region, name="orders-db", actor=actor_for(owner))
    sessions = make_instance(project, region, name="sessions")
    drive(actions.pause(actor=actor_for(owner), instance=sessions))
    assert len(titles(reader.get(LIST))) == 3
    assert titles(reader.get(f"{LIST}?service=orders")) == ["Create orders-db"]
    assert titles(reader.get(f"{LIST}?service={sessions.public_id}&kind=pause")) == [
        "Pause sessions"
    ]
    assert titles(reader.get(f"{LIST}?who={owner.email}&state=succeeded")) == [
        "Pause sessions",
        "Create orders-db",
    ]
    assert titles(reader.get(f"{LIST}?state=failed")) == []
    page = reader.get(f"{LIST}?kind=pause&service=sess").content.decode()
    assert 'value="sess"' in page
    assert '<option value="pause" selected>' in page
    assert "(me)" in page


def test_what_runs_comes_first_and_polls_with_the_filters(reader, project, region):
    waiting = order(project, region, name="waiting-db")
    for number in range(3):
        make_instance(project, region, name=f"db-{number}")
    answer = reader.get(f"{LIST}?service=db")
    assert titles(answer)[0] == "Create waiting-db"
    assert 'hx-get="/operations/?service=db"' in answer.content.decode()
    drive(waiting)
    assert b'hx-trigger="every' not in reader.get(
        LIST, headers={"HX-Request": "true"}
    ).content.replace(b"every 60s", b"")


def test_a_page_tells_who_when_and_with_which_request(reader, owner, project, region):
    answer = reader.post(
        reverse("console:order", args=["postgresql"]), {"name": "orders-db", "region": "local"}
    )
    operation = drive(Operation.objects.get())
    page = reader.get(page_of(operation)).content.decode()
    assert answer["X-Request-Id"] in page
    assert operation.public_id in page
    assert f"asked for by {owner.email}" in page
    assert "Answers its first client" in page


def test_a_retry_is_linked_both_ways(reader, project, region, fake):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(project, region))
    reader.post(page_of(failed, "operation-retry"))
    again = Operation.objects.get(retry_of=failed)
    assert again.public_id in reader.get(page_of(failed)).content.decode()
    assert failed.public_id in reader.get(page_of(again)).content.decode()


@pytest.mark.parametrize("undone", [True, False])
def test_that_nothing_is_left_is_said_where_it_is_so(reader, project, region, fake, undone):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(project, region))
    failed.instance.needs_attention = not undone
    failed.instance.save()
    text = reader.get(page_of(failed)).content.decode()
    assert ("Nothing was left behind" in text) is undone


def test_until_when_it_can_be_cancelled_is_said(reader, owner, project, region, fake):
    creating = order(project, region)
    assert "until it is done" in building.cancel_note(creating)
    drive(creating)
    assert building.cancel_note(Operation.objects.get()) == ""
    pausing = actions.pause(actor=actor_for(owner), instance=creating.instance)
    assert "until “Server stopped” begins" in building.cancel_note(pausing)
    fake.faults = [Temporary("engine-not-ready", retry_after=60)]
    work.take_turn(pausing.pk)
    pausing.refresh_from_db()
    note = building.cancel_note(pausing)
    assert "can no longer be cancelled: “Server stopped” has begun" in note
    assert note in reader.get(page_of(pausing)).content.decode()
    answer = reader.post(page_of(pausing, "operation-cancel"))
    assert answer.status_code == 409


def test_a_cancelled_operation_says_that_it_is_undone(reader, project, region):
    operation = order(project, region)
    reader.post(page_of(operation, "operation-cancel"))
    operation.refresh_from_db()
    assert "being undone" in building.cancel_note(operation)


def test_the_log_comes_by_itself_is_kept_and_stops(reader, project, region, fake):
    operation = order(project, region)
    page = reader.get(page_of(operation)).content.decode()
    assert f'hx-get="{page_of(operation, "operation-log")}" hx-trigger="load"' in page
    now = clock.now()
    lines = f"{now:%F %T} UTC hello\n{now - timedelta(hours=1):%F %T} UTC <b>old</b>"
    with patch.object(fake, "logs", return_value=lines):
        part = reader.get(page_of(operation, "operation-log"), headers={"HX-Request": "true"})
        assert "hello" in part.content.decode()
        assert "old" not in part.content.decode()
        assert 'hx-trigger="every 3s"' in part.content.decode()
        drive(operation)
        part = reader.get(page_of(operation, "operation-log"), headers={"HX-Request": "true"})
        assert "hx-trigger" not in part.content.decode()
        whole = reader.get(page_of(operation, "operation-log")).content.decode()
        assert "hello" in whole
        assert "<h1>" in whole
        kept = reader.get(page_of(operation, "operation-log-file"))
    assert kept["Content-Type"].startswith("text/plain")
    assert operation.public_id in kept["Content-Disposition"]
    assert kept.content.decode().startswith(f"{now:%F %T}")


def test_a_log_that_cannot_be_read_leaves_the_page(reader, project, region, fake):
    operation = drive(order(project, region))
    with patch.object(fake, "logs", side_effect=Temporary("supervisor-down")):
        page = reader.get(page_of(operation, "operation-log"))
    assert page.status_code == 200
    assert "does not answer" in page.content.decode()


def test_a_viewer_sees_steps_and_no_log(client, project, region):
    operation = drive(order(project, region))
    client.force_login(make_member(project, Role.VIEWER))
    page = client.get(page_of(operation)).content.decode()
    assert "Answers its first client" in page
    assert "operation-log" not in page
    assert 'id="log"' not in page
    assert client.get(page_of(operation, "operation-log")).status_code == 403
