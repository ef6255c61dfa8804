"""The admin site: rows to read, and buttons that call the actions with a reason."""

import pytest
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.kernel.errors import Permanent
from services.instances.models import Instance, Operation
from tests.makers import drive, make_instance, make_project, make_region, make_user, order

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


@pytest.fixture
def staff(client):
    client.force_login(make_user("staff@test.example", is_staff=True, is_superuser=True))
    return client


def press(staff, model, action, row, reason="the tenant asked"):
    return staff.post(
        reverse(f"admin:instances_{model}_changelist"),
        {"action": action, "_selected_action": [row.pk], "reason": reason},
        follow=True,
    )


def test_every_list_opens(staff, fake):
    make_instance(make_project(), make_region())
    for name in (
        "instances_instance",
        "instances_operation",
        "instances_instanceevent",
        "regions_region",
        "regions_quota",
        "tenancy_organisation",
        "tenancy_project",
        "tenancy_membership",
        "accounts_user",
        "accounts_apitoken",
        "accounts_serviceaccount",
        "audit_auditevent",
        "billing_price",
        "billing_order",
    ):
        assert staff.get(reverse(f"admin:{name}_changelist")).status_code == 200, name


def test_rows_are_read_only_and_hold_no_secret(staff, fake):
    instance = make_instance(make_project(), make_region())
    page = staff.get(reverse("admin:instances_instance_change", args=[instance.pk]))
    assert b'name="_save"' not in page.content
    secret = instance.secrets.get(name="password").value
    assert secret.encode() not in page.content


def test_force_delete_needs_a_reason_and_is_audited(staff, fake):
    instance = make_instance(make_project(), make_region())
    press(staff, "instance", "force_delete", instance, reason=" ")
    assert not Operation.objects.filter(kind="purge").exists()
    press(staff, "instance", "force_delete", instance)
    drive(Operation.objects.get(kind="purge"))
    assert Instance.objects.get().phase == "deleted"
    event = AuditEvent.objects.get(verb="instance.purge")
    assert (event.actor_kind, event.reason) == ("staff", "the tenant asked")


def test_retry_and_cancel(staff, fake):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(make_project(), make_region()))
    press(staff, "operation", "retry", failed)
    again = Operation.objects.get(retry_of=failed)
    press(staff, "operation", "cancel", again)
    assert drive(again).state == "cancelled"
    answer = press(staff, "operation", "cancel", again)
    assert b"has ended already" in answer.content
