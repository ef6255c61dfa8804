"""Staff finds organisations and looks at them."""

from __future__ import annotations

import pytest
from django.test import Client

from portal.audit.models import AuditEvent
from portal.audit.queries import events_for
from portal.kernel import clock
from portal.kernel.errors import NotPermitted, Permanent
from portal.tenancy import access, oversight
from portal.tenancy.permissions import Permission, Role
from services.instances import archiving, limits
from services.instances import oversight as work
from services.instances.models import Operation
from services.regions.models import Region
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_region,
    make_staff,
    make_user,
    order,
    signed_in,
)
from tests.walk.staff.pages import looks, url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


# -- the first page --------------------------------------------------------------------------------


def test_the_first_page_says_what_needs_a_person(staff, project, region, fake):
    assert "Nothing needs you" in staff.get(url("")).content.decode()
    fake.faults = [Permanent("engine-crashed")]
    drive(order(project, region))
    Region.objects.update(healthy=False, checked_at=clock.now())
    project.organisation.suspended_at = clock.now()
    project.organisation.save()
    page = staff.get(url("")).content.decode()
    for said in (
        "1 region is not well",
        "1 operation failed",
        "1 service needs a look",
        "1 organisation is suspended",
    ):
        assert said in page
    assert "is stuck" not in page
    assert looks() == []  # numbers are no look


# -- search ----------------------------------------------------------------------------------------


def test_one_box_finds_everything(staff, project, region, fake):
    instance = make_instance(project, region, name="orders-db")
    member = make_member(project, Role.VIEWER, user=make_user("ilse@dike.example"))
    operation = Operation.objects.get()
    event = AuditEvent.objects.filter(chain="dike").latest("pk")
    found = {
        "dike l": url("-organisation", "dike"),
        "shop": url("-organisation", "dike"),
        "ilse@": url("-people", "dike"),
        "orders": url("-service", instance.public_id),
        instance.public_id[:5]: url("-service", instance.public_id),
        operation.public_id: url("-operation", operation.public_id),
        event.request_id: url("-organisation", "dike"),
    }
    for text, where in found.items():
        page = staff.get(url("-search"), {"q": text}).content.decode()
        assert f'href="{where}"' in page, text
    assert member.email in staff.get(url("-search"), {"q": "ilse"}).content.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [("x", "Type a little more"), ("nowhere", "Nothing matches “nowhere”"), ("", "One box")],
)
def test_a_search_without_a_result_says_why(staff, text, said):
    assert said in staff.get(url("-search"), {"q": text}).content.decode()


def test_a_search_shows_eight_of_a_kind_and_says_there_are_more(staff):
    for number in range(9):
        make_organisation(f"many-{number}")
    page = staff.get(url("-search"), {"q": "many-"}).content.decode()
    assert (page.count("<small>many-"), "Only the first 8" in page) == (8, True)


def test_whoever_s_data_a_search_shows_is_told(staff, project, region, fake):
    make_instance(project, region, name="orders-db")
    make_project(make_organisation("other"), "orders-elsewhere")
    make_organisation("orders-organisation")
    staff.get(url("-search"), {"q": "orders"})
    staff.get(url("-search"), {"q": "orders"})
    assert looks() == [("staff@test.example", {"seen": "search"})]
    assert len(looks("other")) == 1
    assert looks("orders-organisation") == []  # a customer's name is the provider's own record


def test_a_percent_sign_finds_a_percent_sign(staff, project):
    assert "Nothing matches" in staff.get(url("-search"), {"q": "%%"}).content.decode()


# -- organisations ---------------------------------------------------------------------------------


def test_customers_are_listed_with_what_they_have(staff, project, region, fake):
    make_instance(project, region)
    make_member(project)
    make_member(project, only_project=True)
    make_organisation("gone", suspended_at=clock.now())
    page = staff.get(url("-organisations")).content.decode()
    assert "2 organisations" in page
    rows = oversight.organisations(make_staff()).values_list("slug", "people", "project_count")
    assert list(rows) == [("dike", 2, 1), ("gone", 0, 0)]
    assert work.counts_by_organisation(make_staff(), [project.organisation]) == {
        project.organisation_id: 1
    }
    page = staff.get(url("-organisations"), {"state": "suspended"}).content.decode()
    assert ("Dike Ltd" in page, "Gone" in page) == (False, True)
    assert "No organisation fits" in staff.get(url("-organisations"), {"q": "zz"}).content.decode()


def test_every_page_of_a_customer_tells_it_once_an_hour(staff, project, region, fake):
    make_instance(project, region, name="orders-db")
    owner = make_member(project, Role.OWNER, user=make_user("ilse@dike.example"))
    for name, said in (
        ("-organisation", "Whom to write to"),
        ("-people", owner.email),
        ("-services", "orders-db"),
        ("-quota", "No limits."),
    ):
        assert said in staff.get(url(name, "dike")).content.decode()
    assert looks() == [("staff@test.example", {"seen": "organisation"})]


def test_the_tenant_reads_who_looked(client, staff, project):
    staff.get(url("-people", "dike"))
    owner = make_member(project, Role.OWNER)
    reader = Client()
    signed_in(reader, owner)
    answer = reader.get("/api/v1/audit?verb=staff.view").json()["results"]
    assert [(row["actor"], row["after"]) for row in answer] == [
        ({"kind": "staff", "name": "staff@test.example"}, {"seen": "people"})
    ]


def test_staff_suspends_and_lifts_with_a_reason(staff, project):
    answer = staff.post(url("-suspend", "dike"), {"reason": " "})
    assert (answer.status_code, "Say why" in answer.content.decode()) == (422, True)
    staff.post(url("-suspend", "dike"), {"reason": "Unpaid since May"})
    project.organisation.refresh_from_db()
    assert project.organisation.suspended_at is not None
    assert "Unpaid since May" in staff.get(url("-organisation", "dike")).content.decode()
    staff.post(url("-lift", "dike"), {"reason": "Paid"})
    project.organisation.refresh_from_db()
    assert project.organisation.suspended_at is None
    event = events_for("dike", verb="organisation.").first()
    assert (event.verb, event.reason) == ("organisation.lift_suspension", "Paid")


def test_what_is_not_there_is_not_found(staff, project):
    for name, args in (
        ("-organisation", ["nope"]),
        ("-operation", ["op-00000000"]),
        ("-service", ["pg-00000000"]),
        ("-region", ["nope"]),
        ("-quota-edit", ["dike", "nope", "local"]),
    ):
        assert staff.get(url(name, *args)).status_code == 404


def test_only_staff_reads_across_tenants(project):
    owner = make_owner(project)
    for read in (
        lambda: oversight.organisations(owner),
        lambda: oversight.organisation(owner, "dike", seen="x"),
        lambda: work.stuck_operations(owner),
        lambda: work.instance(owner, "pg-1"),
        lambda: limits.set_quotas(
            actor=owner, project=project, region=make_region(), limits={}, reason="mine"
        ),
    ):
        with pytest.raises(NotPermitted):
            read()


def test_staff_brings_back_what_was_archived(staff, project):
    owner = actor_for(make_member(project, Role.OWNER))
    other = make_project(project.organisation, slug="ditch")
    archiving.archive_project(actor=owner, project=other)
    archiving.archive_organisation(actor=owner, organisation=project.organisation)
    page = staff.get(url("-organisation", "dike")).content.decode()
    assert "with the projects that were archived together with it" in page
    early = staff.post(url("-bring-back", "dike"), {"project": "ditch", "reason": "Asked"})
    assert (early.status_code, "is archived itself" in early.content.decode()) == (422, True)
    without = staff.post(url("-bring-back", "dike"), {"reason": " "})
    assert (without.status_code, "Say why" in without.content.decode()) == (422, True)
    assert staff.post(url("-bring-back", "dike"), {"reason": "Asked by mail"}).status_code == 303
    assert list(access.projects(owner, Permission.PROJECT_VIEW)) == [project]
    assert "ditch" in staff.get(url("-organisation", "dike")).content.decode()
    staff.post(url("-bring-back", "dike"), {"project": "ditch", "reason": "That too"})
    assert set(access.projects(owner, Permission.PROJECT_VIEW)) == {project, other}
    told = AuditEvent.objects.filter(chain="dike", verb__endswith=".unarchive")
    assert [event.reason for event in told.order_by("pk")] == ["Asked by mail", "That too"]
