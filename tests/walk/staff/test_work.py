"""Operations that are stuck, and requests for quota."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from portal.audit.models import AuditEvent
from portal.audit.queries import events_for
from portal.kernel import clock
from portal.kernel.errors import Permanent
from services.instances import limits
from services.instances import oversight as work
from services.instances.models import Instance, Operation
from services.regions.models import Quota, Region
from services.regions.requests import request_quota
from tests.makers import drive, make_instance, make_owner, make_quota, make_staff, order
from tests.walk.staff.pages import looks, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


def stuck() -> list[tuple[str, ...]]:
    return [one.reasons for one in work.stuck_operations(make_staff())]


def age(operation: Operation, **fields: Any) -> None:
    long_ago = clock.now() - timedelta(minutes=6)
    Operation.objects.filter(pk=operation.pk).update(created_at=long_ago, **fields)


# -- work ------------------------------------------------------------------------------------------


def test_an_operation_is_stuck_when_nothing_comes_of_it(project, region, fake):
    operation = order(project, region)
    assert stuck() == []
    age(operation)
    assert stuck() == [("no-progress",)]
    recent = {"started": clock.now().isoformat(), "finished": None}
    age(operation, steps=[{"code": "data", "params": {}, "percent": None, **recent}])
    assert stuck() == []
    age(operation, attempts=100, deadline=clock.now() - timedelta(seconds=1), steps=[])
    assert stuck() == [("overdue", "no-progress", "many-attempts")]
    Region.objects.update(retry_at=clock.now() + timedelta(minutes=1))
    assert "region-waits" in stuck()[0]


def test_a_failure_that_was_dealt_with_is_gone_from_the_list(project, region, fake):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(project, region))
    rows = work.failed_operations(make_staff())
    assert list(rows) == [failed]
    Operation.objects.filter(pk=failed.pk).update(finished_at=clock.now() - timedelta(days=8))
    assert not rows.all().exists()


def test_staff_tries_again_and_the_tenant_reads_why(staff, project, region, fake):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(project, region))
    page = staff.get(url("-operations"), {"show": "failed"}).content.decode()
    assert "ended again and again" in page
    form = {"action": "retry", "id": [failed.public_id], "back": "failed"}
    answer = staff.post(url("-operations-bulk"), form)
    assert answer.status_code == 422
    assert f'value="{failed.public_id}" checked' in answer.content.decode()
    answer = staff.post(url("-operations-bulk"), form | {"reason": "Disk replaced"}, follow=True)
    assert "1 operation is tried again." in answer.content.decode()
    again = Operation.objects.get(retry_of=failed)
    assert (again.reason, again.requested_by) == ("Disk replaced", "staff@test.example")
    assert events_for("dike", verb="instance.create").first().reason == "Disk replaced"
    answer = staff.post(url("-operations-bulk"), form | {"reason": "Once more"}, follow=True)
    assert failed.public_id in answer.content.decode()
    assert "Something else was done" in answer.content.decode()


def test_staff_cancels_what_is_stuck(staff, project, region, fake):
    operation = order(project, region)
    age(operation)
    assert "Nothing came of it for 5 minutes." in staff.get(url("-operations")).content.decode()
    assert (
        "Cancel the operation" in staff.get(url("-operation", operation.public_id)).content.decode()
    )
    staff.post(
        url("-operations-bulk"),
        {"action": "cancel", "id": operation.public_id, "reason": "Asked on the phone"},
    )
    operation.refresh_from_db()
    assert operation.cancel_requested_at is not None
    assert ("staff@test.example", {"seen": "operations"}) in looks()


def test_services_that_need_a_look_are_listed(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    page = url("-operations") + "?show=services"
    assert "Every service is well" in staff.get(page).content.decode()
    Instance.objects.filter(pk=instance.pk).update(needs_attention=True)
    assert "Left half done" in staff.get(page).content.decode()


def test_a_service_shows_facts_and_never_a_secret(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    secret = fake.applied[instance.public_id].secrets["password"]
    page = staff.get(url("-service", instance.public_id)).content.decode()
    assert "Dike Ltd" in page
    assert str(secret) not in page
    assert not AuditEvent.objects.filter(verb="credential.reveal").exists()


def test_a_service_is_destroyed_with_its_name_and_a_reason(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    where = url("-destroy", instance.public_id)
    answer = staff.post(where, {"name": "orders", "reason": "Abuse"})
    assert (answer.status_code, "as it is written above" in answer.content.decode()) == (422, True)
    assert staff.post(where, {"name": "orders-db", "reason": ""}).status_code == 422
    assert staff.post(where, {"name": "orders-db", "reason": "Abuse"}).status_code == 303
    drive(Operation.objects.get(kind="purge"))
    instance.refresh_from_db()
    assert instance.deleted_at is not None
    assert events_for("dike", verb="instance.purge").last().reason == "Abuse"


def quotas() -> dict[str, tuple[int, int]]:
    return {row.name: (int(row.used), int(row.limit)) for row in Quota.objects.all()}


# -- quota -----------------------------------------------------------------------------------------


def test_staff_sets_limits_with_a_reason(staff, project, region, fake):
    make_quota(project, region, instances=3)
    where = url("-quota-edit", "dike", "shop", "local")
    assert "3" in staff.get(where).content.decode()
    answer = staff.post(where, {"instances": "many", "reason": ""})
    assert (answer.status_code, 'value="many"' in answer.content.decode()) == (422, True)
    assert staff.post(where, {"instances": "-1", "reason": "x"}).status_code == 422
    assert staff.post(where, {"instances": "9", "reason": " "}).status_code == 422
    assert staff.post(where, {"instances": "", "reason": "x"}).status_code == 422
    assert quotas() == {"instances": (0, 3)}
    assert staff.post(where, {"instances": "9", "reason": "They grow"}).status_code == 303
    assert quotas() == {"instances": (0, 9)}
    event = events_for("dike", verb="quota.set").get()
    assert (event.before["instances"], event.after["instances"], event.reason) == (
        "3",
        "9",
        "They grow",
    )


def test_a_first_limit_counts_what_is_there(staff, project, region, fake):
    make_instance(project, region)
    make_instance(project, region)
    limits.set_quotas(
        actor=make_staff(),
        project=project,
        region=region,
        limits={"instances": Decimal(2), "storage_gib": Decimal(500)},
        reason="New customer",
    )
    used, limit = quotas()["instances"]
    assert (used, limit) == (2, 2)
    assert quotas()["storage_gib"][0] > 0
    with pytest.raises(Exception, match="0 left of 2"):
        order(project, region)


def test_requests_are_answered(staff, project, region, fake):
    make_quota(project, region, instances=3, vcpu=4)
    owner = make_owner(project)
    for name, limit in (("instances", 10), ("vcpu", 64)):
        request_quota(
            actor=owner,
            project=project,
            region=region,
            name=name,
            limit=Decimal(limit),
            reason="Black Friday",
        )
    page = staff.get(url("-requests")).content.decode()
    assert page.count("Black Friday") == 2
    first, second = project.quota_requests.order_by("pk")
    staff.post(url("-request", first.public_id), {"decision": "approve", "limit": "6"})
    assert quotas()["instances"] == (0, 6)
    answer = staff.post(url("-request", second.public_id), {"decision": "refuse", "answer": ""})
    assert (answer.status_code, "Say why" in answer.content.decode()) == (422, True)
    staff.post(url("-request", second.public_id), {"decision": "refuse", "answer": "Too many"})
    assert quotas()["vcpu"] == (0, 4)
    assert "Nobody waits" in staff.get(url("-requests")).content.decode()
    again = staff.post(url("-request", second.public_id), {"decision": "approve"})
    assert again.status_code == 422
