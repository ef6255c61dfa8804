"""Organisations, projects and members: who may write, what is refused, what is written down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client

from portal.audit.models import AuditEvent
from portal.audit.queries import verify
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Invalid, NotFound, NotPermitted
from portal.tenancy import access, actions, members, queries
from portal.tenancy.first_steps import make_home
from portal.tenancy.models import Membership, Organisation, Project
from portal.tenancy.permissions import Permission, Role
from tests.makers import (
    actor_for,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_user,
)

pytestmark = [pytest.mark.walk, pytest.mark.django_db]
STAFF = Actor(kind="staff", id="1", name="staff@provider.example", is_staff=True)


def membership(user: Any) -> Membership:
    return Membership.objects.get(user=user)


@contextmanager
def meanwhile(call: Callable[[], object]) -> Iterator[None]:
    """Runs `call` in another connection, begun while this transaction is done but not committed."""

    def run() -> None:
        try:
            call()
        finally:
            connection.close()

    other = threading.Thread(target=run)
    with transaction.atomic():
        yield
        other.start()
        other.join(timeout=0.4)  # time enough to pass every check that no lock stops
    other.join()


def last_event() -> AuditEvent:
    return AuditEvent.objects.latest("id")


def test_the_maker_of_an_organisation_owns_it() -> None:
    anna = actor_for(make_user())
    made = actions.create_organisation(actor=anna, name="Anna Bakery", country="NL")
    assert (made.slug, made.name, made.country) == ("anna-bakery", "Anna Bakery", "NL")
    assert access.permissions_in_organisation(anna, made) == frozenset(Permission)
    event = last_event()
    assert (event.chain, event.verb, event.actor_id) == (
        "anna-bakery",
        "organisation.create",
        anna.id,
    )


def test_the_provider_makes_an_organisation_for_somebody() -> None:
    owner = make_user()
    made = actions.create_organisation(actor=STAFF, name="Acme", owner=owner)
    assert membership(owner).role == Role.OWNER
    assert access.permissions_in_organisation(STAFF, made) == frozenset()
    with pytest.raises(NotPermitted, match="Only the provider"):
        actions.create_organisation(actor=actor_for(owner), name="Other", owner=make_user())


@pytest.mark.parametrize("slug", ["provider", "new", "A", "-a", "a-", "a_b", "1a", "x" * 41, ""])
def test_bad_and_reserved_slugs_are_refused(slug: str) -> None:
    with pytest.raises(Invalid) as refused:
        actions.create_organisation(actor=SYSTEM, name="Name", slug=slug)
    assert list(refused.value.fields) == ["slug"]


@pytest.mark.parametrize(
    "name", ["Provider", "New", "Земля", "1 2 3", "a_b", "A" * 120, "!", "Müller & Söhne"]
)
def test_every_name_gets_a_slug_that_may_be_asked_for(name: str) -> None:
    made = actions.create_organisation(actor=SYSTEM, name=name)
    again = actions.create_organisation(actor=SYSTEM, name=name)
    assert made.slug not in ("provider", "new", again.slug)
    for slug in (made.slug, again.slug):
        Organisation.objects.filter(slug=slug).delete()
        assert actions.create_organisation(actor=SYSTEM, name="x", slug=slug).slug == slug


def test_a_taken_slug_and_a_bad_country_are_both_said() -> None:
    make_organisation("acme")
    with pytest.raises(Invalid) as refused:
        actions.create_organisation(actor=SYSTEM, name=" ", slug="acme", country="nl")
    assert sorted(refused.value.fields) == ["country", "name", "slug"]


def test_a_bound_token_makes_no_organisation() -> None:
    project = make_project()
    bound = replace(make_owner(project), organisation_id=project.organisation_id)
    with pytest.raises(NotPermitted):
        actions.create_organisation(actor=bound, name="Escape")


def test_organisation_and_project_are_changed_and_written_down() -> None:
    project = make_project()
    owner = make_owner(project)
    actions.update_organisation(
        actor=owner, organisation=project.organisation, name="New name", country="DE"
    )
    actions.update_project(
        actor=owner, project=project, name="P", time_zone="Europe/Berlin", tags={"team": "a"}
    )
    event = last_event()
    assert event.verb == "project.update"
    assert event.project == project.slug
    assert event.before["time_zone"] == "Europe/Amsterdam"
    assert event.after == {"name": "P", "time_zone": "Europe/Berlin", "tags": {"team": "a"}}
    stored = Project.objects.select_related("organisation").get(pk=project.pk)
    assert (stored.name, stored.tags) == ("P", {"team": "a"})
    assert (stored.organisation.name, stored.organisation.country) == ("New name", "DE")
    assert verify(project.organisation.slug).ok


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x\0"}, "name"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"tags": {"Upper": "x"}}, "tags"),
        ({"tags": {"ok": 1}}, "tags"),
        ({"tags": {f"t{n}": "" for n in range(21)}}, "tags"),
    ],
)
def test_a_bad_change_of_a_project_is_refused(change: dict[str, Any], field: str) -> None:
    project = make_project()
    with pytest.raises(Invalid) as refused:
        actions.update_project(actor=make_owner(project), project=project, **change)
    assert list(refused.value.fields) == [field]
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.BILLING, Role.VIEWER])
def test_writes_are_refused_to_roles_without_the_right(role: Role) -> None:
    project = make_project()
    organisation = project.organisation
    actor = actor_for(make_member(project, role))
    other = membership(make_member(project, Role.VIEWER))
    for write in (
        lambda: actions.update_organisation(actor=actor, organisation=organisation, name="x"),
        lambda: actions.create_project(actor=actor, organisation=organisation, name="x"),
        lambda: actions.update_project(actor=actor, project=project, name="x"),
        lambda: members.add_member(
            actor=actor, organisation=organisation, user=make_user(), role=Role.VIEWER
        ),
        lambda: members.change_member(actor=actor, member=other, role=Role.OPERATOR),
        lambda: members.remove_member(actor=actor, member=other),
        lambda: list(queries.members_for(actor, organisation)),
    ):
        with pytest.raises(NotPermitted):
            write()
    assert not AuditEvent.objects.exists()


def test_strangers_cannot_write_either() -> None:
    project = make_project()
    stranger = make_owner(make_project())
    member = membership(make_member(project, Role.VIEWER))
    with pytest.raises(NotFound):
        actions.create_project(actor=stranger, organisation=project.organisation, name="x")
    with pytest.raises(NotFound):
        members.remove_member(actor=stranger, member=member)
    with pytest.raises(NotFound):
        queries.member_for(stranger, member.public_id)


def test_suspension_is_the_provider_s() -> None:
    project = make_project()
    owner = make_owner(project)
    organisation = project.organisation
    with pytest.raises(NotPermitted):
        actions.suspend_organisation(actor=owner, organisation=organisation, reason="unpaid")
    with pytest.raises(Invalid):
        actions.suspend_organisation(actor=STAFF, organisation=organisation, reason=" ")
    actions.suspend_organisation(actor=STAFF, organisation=organisation, reason="unpaid")
    assert (last_event().verb, last_event().reason) == ("organisation.suspend", "unpaid")
    with pytest.raises(NotPermitted, match="suspended"):
        actions.update_project(
            actor=owner, project=access.project(owner, project.slug, Permission.PROJECT_VIEW)
        )
    with pytest.raises(NotPermitted):
        actions.lift_suspension(actor=owner, organisation=organisation, reason="paid")
    actions.lift_suspension(actor=STAFF, organisation=organisation, reason="paid")
    assert access.project(owner, project.slug, Permission.PROJECT_UPDATE) == project


def test_a_new_person_gets_a_home_once() -> None:
    user = make_user("anna@test.example")
    home = make_home(user)
    assert home is not None
    assert home.organisation.slug == "anna"
    assert access.permissions_in(actor_for(user), home) == frozenset(Permission)
    assert make_home(user) is None
    assert make_home(make_member(home, Role.VIEWER)) is None
    assert Project.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_first_requests_make_one_home() -> None:
    user = make_user()
    homes: list[Project | None] = []
    with meanwhile(lambda: homes.append(make_home(user))):
        assert make_home(user) is not None
    assert homes == [None]
    assert (Organisation.objects.count(), Project.objects.count()) == (1, 1)


def test_lists_show_what_is_one_s_own() -> None:
    project = make_project()
    owner = make_owner(project)
    make_owner(make_project())
    viewer = make_member(project, Role.VIEWER, only_project=True)
    assert list(queries.projects_for(owner)) == [project]
    assert list(queries.organisations_for(owner)) == [project.organisation]
    members = list(queries.members_for(owner, project.organisation))
    assert [m.user for m in members][-1] == viewer
    assert len(members) == 2
    assert queries.member_for(owner, members[0].public_id) == members[0]


ADMIN_PAGES = [
    ("tenancy", "organisation"),
    ("tenancy", "project"),
    ("tenancy", "membership"),
    ("tenancy", "invitation"),
    ("regions", "quotarequest"),
    ("accounts", "serviceaccount"),
    ("accounts", "apitoken"),
    ("audit", "auditevent"),
]


@pytest.mark.usefixtures("plain_static")
@pytest.mark.parametrize(("app", "model"), ADMIN_PAGES)
def test_admin_lists_are_to_look_at(client: Client, app: str, model: str) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    assert client.get(f"/admin/{app}/{model}/").status_code == 200
    assert client.get(f"/admin/{app}/{model}/add/").status_code == 403


@pytest.mark.usefixtures("plain_static")
def test_a_change_of_staff_rights_is_written_down(client: Client) -> None:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    person = make_user()
    page = f"/admin/accounts/user/{person.pk}/change/"
    assert client.post(page, {"name": "P", "is_staff": "on"}).status_code == 302
    event = last_event()
    assert (event.chain, event.target) == ("provider", str(person.pk))
    assert (event.before["is_active"], event.after["is_active"]) == (True, False)
    assert client.post(f"/admin/accounts/user/{person.pk}/delete/").status_code == 403
