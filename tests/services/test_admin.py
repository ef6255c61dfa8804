"""The admin site: rows to read, and buttons that call the actions with a reason."""

from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.kernel import crypto
from portal.kernel.errors import Permanent
from portal.tenancy.invitations import invite
from portal.tenancy.permissions import Role
from portal.tenancy.tokens import create_service_account
from services.instances.models import Instance, Operation
from services.regions.models import Quota, Region
from services.regions.requests import request_quota
from tests.makers import (
    PASSWORD,
    actor_for,
    drive,
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_quota,
    make_region,
    make_token,
    make_user,
    order,
)

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static"),
]


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
        "account_emailaddress",
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


def test_somebody_is_signed_out_everywhere(staff):
    person, here, there = make_user(), Client(), Client()
    for client in (here, there):
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
        assert client.get("/account/").status_code == 200
    url = reverse("admin:accounts_user_changelist")
    page = staff.post(url, {"action": "sign_out", "_selected_action": [person.pk]}, follow=True)
    assert "2 sessions ended" in page.content.decode()
    assert [client.get("/account/").status_code for client in (here, there)] == [302, 302]
    told = AuditEvent.objects.get(verb="session.end", target=str(person.pk))
    assert told.actor_kind == "staff"
    assert staff.get(url).status_code == 200


def test_retry_and_cancel(staff, fake):
    fake.faults = [Permanent("engine-crashed")]
    failed = drive(order(make_project(), make_region()))
    press(staff, "operation", "retry", failed)
    again = Operation.objects.get(retry_of=failed)
    press(staff, "operation", "cancel", again)
    assert drive(again).state == "cancelled"
    answer = press(staff, "operation", "cancel", again)
    assert b"has ended already" in answer.content


# The provider's own records: a look at them is no look at a tenant's data.
OURS = {"tenancy.Organisation", "regions.Region", "billing.Price"}


TENANTS = [model for model in admin.site._registry if model._meta.label not in OURS]


def _ask(owner, project):
    """An invitation and a request for quota."""
    invite(
        actor=actor_for(owner),
        organisation=project.organisation,
        email="new@test.example",
        role=Role.VIEWER,
    )
    request_quota(
        actor=actor_for(owner),
        project=project,
        region=Region.objects.get(code="here"),
        name="instances",
        limit=Decimal(20),
        reason="More shops",
    )


@pytest.mark.parametrize("model", TENANTS, ids=lambda model: model._meta.label)
def test_every_list_and_page_of_tenants_rows_tells_them(staff, fake, model):
    project = make_project(make_organisation("dike"))
    make_quota(project, make_region("here"), instances=9)
    owner = make_member(project, Role.OWNER)
    EmailAddress.objects.create(user=owner, email=owner.email)
    make_token(owner)
    create_service_account(
        actor=actor_for(owner), organisation=project.organisation, name="r", role=Role.VIEWER
    )
    make_instance(project, make_region())
    _ask(owner, project)
    name, looks = model._meta.label_lower.replace(".", "_"), AuditEvent.objects.filter(chain="dike")
    theirs = {admin.site._registry[model].tenant: "dike"}
    row = model._default_manager.filter(**theirs).first()
    for page in (
        reverse(f"admin:{name}_change", args=[row.pk]),
        reverse(f"admin:{name}_changelist"),
    ):
        with transaction.atomic():
            assert staff.get(page).status_code == 200
            assert looks.get(verb="staff.view").after == {"seen": "back office"}
            transaction.set_rollback(True)


def test_what_belongs_to_a_person_alone_is_not_there(staff):
    labels = {model._meta.label for model in admin.site._registry}
    assert not {label for label in labels if label.startswith(("mfa", "usersessions", "social"))}


def test_limits_are_not_changed_here(staff, fake):
    make_quota(make_project(), make_region(), instances=9)
    row = Quota.objects.get()
    page = reverse("admin:regions_quota_change", args=[row.pk])
    assert staff.post(page, {"limit": "99"}).status_code == 403


def test_a_change_of_a_region_is_audited_and_leaves_its_settings_and_secrets(staff):
    secrets = crypto.encrypt("the kubeconfig")
    region = make_region("here", backend="process", settings={"drift": "show"}, secrets=secrets)
    page = reverse("admin:regions_region_change", args=[region.pk])
    assert secrets not in staff.get(page).content.decode()
    form = {"code": "here", "name": "There", "country": "NL", "backend": "process"}
    form |= {"status": "open", "settings": "{}", "secrets": ""}
    staff.post(page, form)
    region.refresh_from_db()
    assert (region.settings, region.secrets) == ({"drift": "show"}, secrets)
    event = AuditEvent.objects.get(verb="region.change")
    assert (event.chain, event.target) == ("provider", "here")
    assert event.after == {"changed": ["name"]}
