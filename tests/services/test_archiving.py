"""Archiving: never while services live, gone for members, brought back by the provider alone."""

from __future__ import annotations

import pytest

from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Conflict, NotFound, NotPermitted
from portal.tenancy import access
from portal.tenancy import archiving as tenancy
from portal.tenancy.models import Invitation, Project
from portal.tenancy.permissions import Permission, Role
from services.instances import actions, archiving
from services.instances.models import Instance, Operation
from tests.makers import (
    actor_for,
    drive,
    make_instance,
    make_member,
    make_owner,
    make_project,
    make_region,
    order,
)
from tests.portal.test_tenancy import meanwhile

STAFF = Actor(kind="staff", id="1", name="staff@provider.example", is_staff=True)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def owner(project):
    return make_owner(project)


def test_a_project_with_services_stays_and_says_which(owner, project):
    instance = make_instance(project, make_region(), name="orders-db", protected=False)
    with pytest.raises(Conflict, match=r"1 service is still there: orders-db\."):
        archiving.archive_project(actor=owner, project=project)
    drive(actions.delete(actor=owner, instance=instance))
    instance.refresh_from_db()
    with pytest.raises(Conflict) as refused:
        archiving.archive_organisation(actor=owner, organisation=project.organisation)
    assert (refused.value.code, refused.value.params["services"]) == (
        "services-live",
        ["orders-db"],
    )
    drive(actions.purge(actor=owner, instance=instance))
    archiving.archive_project(actor=owner, project=project)
    with pytest.raises(NotFound):
        access.project(owner, "shop", Permission.PROJECT_VIEW)
    event = AuditEvent.objects.latest("id")
    assert (event.verb, event.target, event.chain) == (
        "project.archive",
        "shop",
        project.organisation.slug,
    )


def test_many_services_are_counted(owner, project):
    region = make_region()
    for number in range(7):
        order(project, region, name=f"db-{number}")
    with pytest.raises(Conflict, match=r"7 services .* db-4 …"):
        archiving.archive_project(actor=owner, project=project)


def test_an_organisation_goes_with_its_projects_and_invitations(owner, project):
    invitation = Invitation.objects.create(
        organisation=project.organisation, email="a@b.example", expires_at=clock.now()
    )
    archiving.archive_organisation(actor=owner, organisation=project.organisation)
    assert list(access.projects(owner, Permission.PROJECT_VIEW)) == []
    assert list(access.organisations(owner, Permission.ORGANISATION_VIEW)) == []
    invitation.refresh_from_db()
    assert invitation.withdrawn_at is not None


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.BILLING, Role.VIEWER])
def test_who_may_archive(project, role):
    actor = actor_for(make_member(project, role))
    with pytest.raises(NotPermitted):
        archiving.archive_organisation(actor=actor, organisation=project.organisation)
    may = Permission.PROJECT_UPDATE in access.permissions_in(actor, project)
    assert may == (role is Role.ADMIN)


def test_an_operator_does_not_archive_a_project(project):
    actor = actor_for(make_member(project, Role.OPERATOR))
    with pytest.raises(NotPermitted):
        archiving.archive_project(actor=actor, project=project)


def test_only_the_provider_brings_back(owner, project):
    other = make_project(project.organisation)
    archiving.archive_project(actor=owner, project=project)
    archiving.archive_organisation(actor=owner, organisation=project.organisation)
    stored = Project.objects.select_related("organisation").get(pk=project.pk)
    for actor in (owner, actor_for(make_member(project, Role.OWNER))):
        with pytest.raises(NotPermitted):
            tenancy.unarchive_project(actor=actor, project=stored, reason="mine")
    tenancy.unarchive_organisation(
        actor=STAFF, organisation=stored.organisation, reason="by mistake"
    )
    assert list(access.projects(owner, Permission.PROJECT_VIEW)) == [other]
    tenancy.unarchive_project(actor=STAFF, project=stored, reason="by mistake")
    assert access.project(owner, "shop", Permission.PROJECT_UPDATE) == project


@pytest.mark.django_db(transaction=True)
def test_an_order_at_the_same_moment_waits_and_is_refused(owner, project):
    """The project is loaded before it is archived, the service inserted while that happens."""
    region = make_region()
    refused = []

    def place() -> None:
        try:
            order(project, region, actor=SYSTEM)
        except NotFound as error:
            refused.append(error.text)

    with meanwhile(place):
        archiving.archive_project(actor=owner, project=Project.objects.get(pk=project.pk))
    assert len(refused) == 1
    assert not Instance.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_archiving_at_the_same_moment_sees_the_order(owner, project):
    region = make_region()
    refused = []

    def archive() -> None:
        try:
            archiving.archive_project(actor=owner, project=project)
        except Conflict as error:
            refused.append(error.code)

    with meanwhile(archive):
        order(project, region, actor=owner)
    assert refused == ["services-live"]
    assert Operation.objects.exists()
