"""The pages of the console on the fake backend: what they say, what a person can do there."""

import pytest
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.kernel.errors import Permanent
from portal.tenancy.permissions import Role
from services.instances.models import Instance, Operation
from tests.makers import (
    drive,
    make_instance,
    make_member,
    make_project,
    make_quota,
    make_region,
    make_user,
    order,
    signed_in,
)

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static"),
]


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def owner(client, project):
    return signed_in(client, make_member(project, Role.OWNER))


def url(name, instance):
    return reverse(f"console:{name}", args=[instance.public_id])


def test_a_newcomer_makes_an_organisation(client):
    client.force_login(make_user("new@test.example"))
    assert b"not in any project yet" in client.get("/").content
    client.post(reverse("console:begin"))
    assert b"Nothing runs in" in client.get("/").content


def test_an_order_with_faults_loses_nothing(owner, region, fake):
    answer = owner.post(
        reverse("console:order", args=["postgresql"]),
        {"name": "No Good", "region": "local", "plan": "single-2x8", "p-work_mem_mib": "9999"},
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "2 things to fix" in page
    assert 'value="No Good"' in page
    assert 'value="9999"' in page
    assert 'value="single-2x8" checked' in page
    assert not Instance.objects.exists()


def test_an_order_goes_to_its_service(owner, region, fake):
    answer = owner.post(
        reverse("console:order", args=["postgresql"]), {"name": "orders-db", "region": "local"}
    )
    instance = Instance.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, url("service", instance))
    assert b"Create orders-db" in owner.get(url("service", instance)).content


def test_a_small_quota_is_said_before_and_after(owner, project, region, fake):
    make_quota(project, region, vcpu=1)
    address = reverse("console:order", args=["postgresql"])
    assert b"quota is too small" in owner.get(f"{address}?plan=single-2x8").content
    answer = owner.post(address, {"name": "big", "region": "local", "plan": "single-2x8"})
    assert answer.status_code == 422
    assert b"1 left of 1" in answer.content


def test_a_look_at_the_password_is_audited_and_not_kept(owner, project, region, fake):
    instance = make_instance(project, region)
    page = owner.get(url("service", instance)).content.decode()
    assert "••••" in page
    answer = owner.post(url("service-reveal", instance), headers={"HX-Request": "true"})
    secret = fake.applied[instance.public_id].secrets["password"]
    assert str(secret) not in page
    assert str(secret) in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert AuditEvent.objects.filter(verb="credential.reveal").count() == 1


def test_a_viewer_cannot_reveal(client, project, region, fake):
    instance = make_instance(project, region)
    signed_in(client, make_member(project, Role.VIEWER))
    assert b"Reveal" not in client.get(url("service", instance)).content
    assert client.post(url("service-reveal", instance)).status_code == 403


def test_a_failed_operation_says_what_to_do(owner, project, region, fake):
    fake.faults = [Permanent("engine-crashed", detail="FATAL: no space")]
    operation = drive(order(project, region))
    page = owner.get(reverse("console:operation", args=[operation.public_id])).content.decode()
    assert "ended again and again" in page
    assert "FATAL: no space" in page
    assert "Try again" in page
    owner.post(reverse("console:operation-retry", args=[operation.public_id]))
    assert Operation.objects.filter(retry_of=operation).exists()


def test_a_change_shows_its_price_and_its_faults(owner, project, region, fake):
    instance = make_instance(project, region)
    page = owner.get(url("service-settings", instance) + "?plan=single-2x8").content.decode()
    assert "113.34" in page
    assert "restarts" in page
    answer = owner.post(url("service-change", instance), {"p-max_connections": "1"})
    assert answer.status_code == 422
    answer = owner.post(url("service-change", instance), {"plan": "single-2x8"})
    assert answer.status_code == 303
    assert drive(Operation.objects.get(kind="update")).state == "succeeded"


def test_deleting_takes_the_name_and_lifts_protection(owner, project, region, fake):
    instance = make_instance(project, region)
    assert b"for 7 days" in owner.get(url("service-delete", instance)).content
    assert owner.post(url("service-delete", instance), {"name": "other"}).status_code == 422
    sent = {"name": instance.name, "unprotect": "1"}
    assert owner.post(url("service-delete", instance), sent).status_code == 303
    drive(Operation.objects.get(kind="delete"))
    assert b"Bring it back" in owner.get(url("service", instance)).content
    owner.post(url("service-undelete", instance))
    drive(Operation.objects.get(kind="undelete"))
    assert Instance.objects.get().phase == "running"


def test_a_running_operation_is_polled_and_an_ended_one_is_not(owner, project, region, fake):
    operation = order(project, region)
    page = url("service", operation.instance)
    assert b'hx-trigger="every 1s"' in owner.get(page).content
    drive(operation)
    assert b"hx-trigger" not in owner.get(page, headers={"HX-Request": "true"}).content


def test_pages_ask_few_questions(
    owner, project, region, fake, subtests, django_assert_max_num_queries
):
    for _ in range(12):
        make_instance(project, region)
    most = {"overview": 17, "services": 14, "catalogue": 8, "operations": 12, "go": 10}
    for name, count in most.items():
        address = reverse(f"console:{name}")
        owner.get(address)
        with subtests.test(name), django_assert_max_num_queries(count):
            assert owner.get(address).status_code == 200
