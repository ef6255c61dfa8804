"""Staff looks as a person of a tenant: who may, and what stays closed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from portal.accounts.actors import user_actor
from portal.accounts.models import ApiToken, User
from portal.audit.models import AuditEvent
from portal.kernel.actor import Actor
from portal.kernel.errors import NotPermitted
from portal.notifications import webhooks
from portal.notifications.models import Notification
from portal.outbox.models import OutboxEntry
from portal.tenancy import access, impersonation, members, tokens
from portal.tenancy.permissions import Permission, Role
from services.instances.credentials import reveal_credentials
from tests.makers import make_instance, make_member, make_region, make_user, make_webhook, signed_in
from tests.portal.looking import REASON, address_of, look
from tests.portal.test_impersonation import owner, person, project, staff, verbs

__all__ = ["owner", "person", "project", "staff"]  # fixtures
pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static", "fake"),
]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"is_staff": True}, "Nobody looks as a person of the provider."),
        ({"is_superuser": True}, "Nobody looks as a person of the provider."),
        ({"is_active": False}, "This account is closed"),
    ],
)
def test_there_are_people_whom_nobody_looks_as(staff, project, fields, said):
    user = make_member(project, user=make_user(**fields))
    answer = staff.post(address_of(user), {"reason": REASON})
    assert (answer.status_code, said in answer.content.decode()) == (403, True)
    assert verbs() == []


def test_the_button_is_shown_for_whom_one_may_look_as(staff, owner, project):
    colleague = make_member(project, user=make_user(is_staff=True))
    page = staff.get(reverse("console:staff-people", args=["dike"])).content.decode()
    assert (address_of(owner) in page, address_of(colleague) in page) == (True, False)


def test_staff_does_not_look_as_themselves(staff, person, project):
    person.is_staff = person.is_superuser = False
    with pytest.raises(NotPermitted):
        impersonation.start_impersonation(
            actor=Actor(kind="staff", id=str(person.pk), is_staff=True), user=person, reason=REASON
        )


def test_a_tenant_cannot(owner, project):
    other = make_member(project)
    client = signed_in(Client(), owner)
    assert client.post(address_of(other), {"reason": REASON}).status_code == 403
    assert client.post(reverse("console:looking-end")).status_code == 404
    assert client.get(reverse("console:looking-changes")).status_code == 404
    with pytest.raises(NotPermitted):
        impersonation.start_impersonation(actor=user_actor(owner), user=other, reason=REASON)


def test_nobody_looks_through_two(staff, owner, project):
    other = make_member(project)
    look(staff, owner)
    assert staff.post(address_of(other), {"reason": REASON}).status_code == 403
    assert verbs() == ["staff.impersonate"]


def test_it_ends_with_the_rights_of_either(staff, owner, person):
    for change in ({"is_staff": False}, {"is_active": False}):
        look(staff, owner)
        User.objects.filter(pk=person.pk).update(**change)
        page = staff.get("/catalogue/").content.decode()
        assert "You look as" not in page
        User.objects.filter(pk=person.pk).update(is_staff=True, is_active=True)
        signed_in(staff, person)
    look(staff, owner)
    User.objects.filter(pk=owner.pk).update(is_staff=True)
    assert "You look as" not in staff.get("/catalogue/").content.decode()


@pytest.mark.parametrize("changes", [False, True])
def test_no_secret_is_ever_shown(staff, owner, project, fake, changes):
    instance = make_instance(project, make_region(), name="orders-db")
    look(staff, owner, changes=changes)
    secret = str(fake.applied[instance.public_id].secrets["password"])
    answers = [
        staff.post(reverse("console:service-reveal", args=[instance.public_id])),
        staff.get(f"/api/v1/instances/{instance.public_id}/credentials"),
        staff.get(reverse("console:service-connection", args=[instance.public_id])),
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 200]
    assert not [answer for answer in answers if secret in answer.content.decode()]
    assert not AuditEvent.objects.filter(verb="credential.reveal").exists()


def as_somebody(user: User, person: User, scopes: frozenset[str] | None) -> Actor:
    """As the middleware makes one; with `scopes` None, as if the bounds had been forgotten."""
    return Actor(
        kind="user",
        id=str(person.pk),
        name=person.email,
        user_id=user.pk,
        scopes=scopes,
        on_behalf_of=user.email,
        on_behalf_of_id=str(user.pk),
    )


def test_actions_refuse_even_if_the_bounds_were_forgotten(owner, person, project):
    instance = make_instance(project, make_region())
    webhook = make_webhook(project)
    actor = as_somebody(owner, person, None)
    for act in (
        lambda: reveal_credentials(actor, instance),
        lambda: tokens.create_token(actor=actor, name="mine"),
        lambda: webhooks.create_webhook(actor=actor, project=project, url="x", kinds=[]),
        lambda: webhooks.renew_secret(actor=actor, webhook=webhook),
    ):
        with pytest.raises(NotPermitted, match="look as somebody else"):
            act()
    assert not ApiToken.objects.exists()


def test_rights_are_those_of_the_person_less_what_is_never_possible(owner, person, project):
    viewer = make_member(project, Role.VIEWER)
    looking = impersonation.scopes_of(may_change=False)
    changing = impersonation.scopes_of(may_change=True)
    held = access.permissions_in(as_somebody(owner, person, looking), project)
    assert held == {p for p in Permission if p.value.endswith(".view")}
    held = access.permissions_in(as_somebody(owner, person, changing), project)
    assert frozenset(Permission) - held == {
        Permission.CREDENTIAL_REVEAL,
        Permission.TOKEN_MANAGE,
        Permission.MEMBER_MANAGE,
        Permission.OWNER_MANAGE,
        Permission.ORGANISATION_DELETE,
    }
    held = access.permissions_in(as_somebody(viewer, person, changing), project)
    assert Permission.INSTANCE_UPDATE not in held
    with pytest.raises(NotPermitted, match="look as somebody else"):
        access.require(as_somebody(owner, person, looking), project, Permission.INSTANCE_UPDATE)


def test_staff_does_not_leave_for_the_person(owner, person, project):
    make_member(project, Role.OWNER)
    actor = as_somebody(owner, person, impersonation.scopes_of(may_change=True))
    with pytest.raises(NotPermitted):
        members.remove_member(actor=actor, member=owner.memberships.get())


def test_what_the_person_has_not_read_stays_unread(staff, owner, project):
    entry = OutboxEntry.objects.create(
        kind="member.changed", organisation=project.organisation, project=project, params={}
    )
    told = Notification.objects.create(user=owner, entry=entry)
    look(staff, owner).get(reverse("console:notification", args=[entry.public_id]))
    told.refresh_from_db()
    assert told.read_at is None
