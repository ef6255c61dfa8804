"""An organisation that requires a second factor is closed to members without one."""

from __future__ import annotations

import pytest
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.kernel.errors import Conflict, NotFound, NotPermitted
from portal.tenancy import access, queries
from portal.tenancy.actions import require_mfa
from portal.tenancy.permissions import Permission, Role
from services.instances import listing
from services.instances.queries import instance_for, instances_for
from tests.makers import (
    actor_for,
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_region,
    make_second_factor,
    make_user,
    signed_in,
)
from tests.portal.api import Api

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static"),
]


@pytest.fixture
def closed():
    """A project of an organisation that requires a second factor."""
    return make_project(make_organisation("closed", name="Closed Ltd", requires_mfa=True), "vault")


@pytest.fixture
def instance(closed, fake):
    return make_instance(closed, make_region())


@pytest.fixture
def weak(closed):
    return make_member(closed, Role.OWNER)


def seen_by(actor, project, instance):
    """Everything of the organisation that an actor gets to see, by each of the doors."""
    return {
        "projects": list(queries.projects_for(actor)),
        "organisations": list(queries.organisations_for(actor)),
        "instances": list(instances_for(actor)),
        "places": list(listing.places_for(actor)),
        "permissions": access.permissions_in(actor, project),
        "in organisation": access.permissions_in_organisation(actor, project.organisation),
    }


def test_without_one_nothing_is_seen_and_with_one_everything(closed, weak, instance):
    assert not any(seen_by(actor_for(weak), closed, instance).values())
    make_second_factor(weak)
    assert all(seen_by(actor_for(weak), closed, instance).values())


def test_recovery_codes_alone_are_none(closed, weak, instance):
    make_second_factor(weak)
    weak.authenticator_set.update(type="recovery_codes")
    assert not any(seen_by(actor_for(weak), closed, instance).values())
    weak.authenticator_set.update(type="webauthn")
    assert all(seen_by(actor_for(weak), closed, instance).values())


def test_a_member_is_told_and_a_stranger_is_not(closed, weak, instance):
    stranger = actor_for(make_user())
    lookups = [
        lambda actor: access.project(actor, "vault", Permission.PROJECT_VIEW),
        lambda actor: access.organisation(actor, "closed", Permission.ORGANISATION_VIEW),
        lambda actor: instance_for(actor, instance.public_id),
    ]
    for look in lookups:
        with pytest.raises(NotPermitted) as told:
            look(actor_for(weak))
        assert told.value.code == "second-factor-required"
        with pytest.raises(NotFound):
            look(stranger)


def test_a_member_of_another_project_learns_nothing_about_this_one(closed):
    elsewhere = make_project(closed.organisation, "side")
    member = actor_for(make_member(elsewhere, Role.VIEWER, only_project=True))
    with pytest.raises(NotFound):
        access.project(member, "vault", Permission.PROJECT_VIEW)
    with pytest.raises(NotPermitted):
        access.project(member, "side", Permission.PROJECT_VIEW)


def test_tokens_go_on(closed, weak, instance):
    answer = Api(weak).get(f"instances/{instance.public_id}")
    assert answer.status_code == 200
    assert instance.public_id in Api(weak).get("instances").content.decode()
    # The session of the same person, asked right after it, is judged by itself.
    assert not listing.places_for(actor_for(weak))


def test_other_organisations_stay_open(closed, weak):
    free = make_project(slug="free")
    make_member(free, Role.VIEWER, user=weak)
    assert [p.slug for p in queries.projects_for(actor_for(weak))] == ["free"]


# -- in the console --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/services/", "/operations/", "/services/{id}/"])
def test_whoever_has_none_is_sent_to_add_one(client, weak, instance, path):
    signed_in(client, weak)
    answer = client.get(path.format(id=instance.public_id))
    assert (answer.status_code, answer["Location"]) == (303, reverse("mfa_index"))
    page = client.get(answer["Location"]).content.decode()
    assert "Closed Ltd opens only to members with a second factor" in page


def test_htmx_is_sent_there_as_a_whole_page(client, weak, instance):
    signed_in(client, weak)
    path = reverse("console:service", args=[instance.public_id])
    answer = client.get(path, headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, reverse("mfa_index"))


def test_whoever_works_elsewhere_too_is_told_once(client, closed, weak):
    free = make_project(slug="free")
    make_member(free, Role.VIEWER, user=weak)
    closed.organisation.requires_mfa = False
    closed.organisation.save()
    signed_in(client, weak)
    client.post(reverse("console:scope"), {"project": "vault"})
    closed.organisation.requires_mfa = True
    closed.organisation.save()
    assert client.get("/services/")["Location"] == reverse("mfa_index")
    assert b"free" in client.get("/services/").content.lower()
    assert client.post(reverse("console:scope"), {"project": "vault"})["Location"] == reverse(
        "mfa_index"
    )


# -- the switch ------------------------------------------------------------------------------------


def test_an_owner_with_a_second_factor_requires_it(closed):
    organisation = make_project().organisation
    owner = make_member(organisation.projects.get(), Role.OWNER)
    make_second_factor(owner)
    require_mfa(actor=actor_for(owner), organisation=organisation, required=True)
    organisation.refresh_from_db()
    assert organisation.requires_mfa
    event = AuditEvent.objects.get(verb="organisation.require_mfa")
    assert (event.chain, event.after) == (organisation.slug, {"requires_mfa": True})
    require_mfa(actor=actor_for(owner), organisation=organisation, required=True)
    assert AuditEvent.objects.filter(verb="organisation.require_mfa").count() == 1


def test_nobody_shuts_themselves_out():
    project = make_project()
    owner = make_member(project, Role.OWNER)
    with pytest.raises(Conflict) as refused:
        require_mfa(actor=actor_for(owner), organisation=project.organisation, required=True)
    assert refused.value.code == "no-second-factor"
    project.organisation.refresh_from_db()
    assert not project.organisation.requires_mfa


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.BILLING, Role.VIEWER])
def test_others_may_not(role):
    project = make_project()
    member = make_member(project, role)
    make_second_factor(member)
    with pytest.raises(NotPermitted):
        require_mfa(actor=actor_for(member), organisation=project.organisation, required=True)
