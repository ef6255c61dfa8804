"""Invitations: who may send them, what stands in the mail, who may take them, when they end."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db import DEFAULT_DB_ALIAS
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.errors import (
    Conflict,
    Gone,
    Invalid,
    NotFound,
    NotPermitted,
    TooManyRequests,
)
from portal.privacy.actions import delete_account
from portal.privacy.queries import personal_data
from portal.tenancy import access, invitations, members, queries
from portal.tenancy.models import Invitation, Membership
from portal.tenancy.permissions import Permission, Role
from tests.makers import PASSWORD, actor_for, make_member, make_owner, make_project, make_user

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
GUEST = "guest@test.example"


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def owner(project):
    return make_owner(project)


@pytest.fixture
def invite(owner, project, django_capture_on_commit_callbacks):
    """Invites; the mail has left when it answers."""

    def call(email: str = GUEST, role: str = "operator", **fields: Any) -> Invitation:
        wanted = {"actor": owner, "organisation": project.organisation, "project": project}
        with django_capture_on_commit_callbacks(using=DEFAULT_DB_ALIAS, execute=True):
            return invitations.invite(**(wanted | {"email": email, "role": role} | fields))

    return call


def link(message: Any) -> str:
    """The address in the newest mail, as a path."""
    return re.search(r"http://[^/]+(/invitations/\S+)", message.body).group(1)


def aged(invitation: Invitation, **fields: Any) -> Invitation:
    Invitation.objects.filter(pk=invitation.pk).update(**fields)
    return Invitation.objects.get(pk=invitation.pk)


def test_the_link_stands_in_the_mail_and_nowhere_else(invite, owner):
    found = invite(member_expires_at=clock.now() + timedelta(days=30))
    (message,) = mail.outbox
    assert message.to == [GUEST]
    assert message.subject == "Invitation to Shop on Polder Cloud"
    html = message.alternatives[0].content
    secret = link(message).split("/")[3]
    for text in (message.body, html):
        assert secret in text
        assert owner.name in text
        assert "Operator" in text
        assert "7 days" in text
    stored = Invitation.objects.values().get()
    assert secret not in str(stored)
    assert secret not in str(list(AuditEvent.objects.values()))
    assert GUEST not in str(list(AuditEvent.objects.values_list("after", "target")))
    assert stored["sent_at"] is not None
    assert found.expires_at - found.created_at >= timedelta(days=6, hours=23)


def test_a_mail_server_that_is_away_leaves_the_invitation(invite, monkeypatch):
    def away(*_args: Any, **_kwargs: Any) -> int:
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", away)
    assert invite().sent_at is None
    assert Invitation.objects.get().sent_at is None


def test_bad_wishes_are_all_said(invite):
    with pytest.raises(Invalid) as refused:
        invite("no address", member_expires_at=clock.now())
    assert sorted(refused.value.fields) == ["email", "member_expires_at"]
    with pytest.raises(Invalid, match="role"):
        invite(role="king")
    with pytest.raises(Invalid, match="another organisation"):
        invite(project=make_project())
    assert mail.outbox == []


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.BILLING, Role.VIEWER])
def test_whoever_manages_no_members_invites_nobody(invite, project, role):
    waiting = invite()
    actor = actor_for(make_member(project, role))
    for do in (
        lambda: invite("other@test.example", actor=actor),
        lambda: invitations.resend_invitation(actor=actor, invitation=waiting),
        lambda: invitations.withdraw_invitation(actor=actor, invitation=waiting),
        lambda: queries.invitations_for(actor, project.organisation),
    ):
        with pytest.raises(NotPermitted):
            do()
    with pytest.raises(NotFound):
        queries.invitation_for(actor, waiting.public_id)


def test_nobody_offers_more_than_they_hold(invite, project):
    admin = actor_for(make_member(project, Role.ADMIN))
    with pytest.raises(NotPermitted, match="more rights than you do"):
        invite(role="owner", actor=admin)
    assert invite(role="admin", actor=admin).role == "admin"


def test_a_project_s_admin_invites_to_it_and_nowhere_else(invite, project):
    head = actor_for(make_member(project, Role.ADMIN, only_project=True))
    found = invite(actor=head)
    assert queries.invitation_for(head, found.public_id) == found
    assert list(queries.invitations_in(head, project)) == [found]
    with pytest.raises(NotPermitted):
        invite("other@test.example", actor=head, project=None)
    with pytest.raises(NotFound):
        invite("other@test.example", actor=head, project=make_project(project.organisation))


def test_a_member_is_not_invited_to_what_they_have(invite, project):
    member = make_member(project, Role.VIEWER)
    with pytest.raises(Conflict, match="member already"):
        invite(member.email.upper(), role="viewer")
    invite(member.email, role="operator")
    with pytest.raises(Conflict, match="member already"):
        invite(member.email, role="operator", project=None)


def test_one_invitation_at_a_time_whatever_the_letters(invite):
    first = invite()
    with pytest.raises(Conflict, match="has an invitation already"):
        invite(GUEST.title())
    aged(first, expires_at=clock.now())
    second = invite(GUEST.upper())
    assert (second.email, second.pk == first.pk) == (GUEST, False)
    assert aged(first).withdrawn_at is not None


def test_a_new_mail_voids_the_link_before_it(invite, owner, django_capture_on_commit_callbacks):
    found = aged(invite(), tried_at=clock.now() - timedelta(minutes=2), expires_at=clock.now())
    with django_capture_on_commit_callbacks(execute=True):
        invitations.resend_invitation(actor=owner, invitation=found)
    old, new = (link(message).split("/")[3] for message in mail.outbox)
    assert queries.invitation_behind(found.public_id, new).expires_at > clock.now()
    with pytest.raises(NotFound):
        queries.invitation_behind(found.public_id, old)


def test_mail_is_not_sent_in_bulk(invite, owner, project):
    found = invite()
    with pytest.raises(TooManyRequests) as soon:
        invitations.resend_invitation(actor=owner, invitation=found)
    assert 0 < soon.value.params["retry_after"] <= 60
    found = aged(found, tries=10, tried_at=clock.now() - timedelta(hours=2))
    with pytest.raises(TooManyRequests, match="10 times"):
        invitations.resend_invitation(actor=owner, invitation=found)
    for number in range(50):
        invite(f"g{number}@test.example")
    with pytest.raises(TooManyRequests, match="at most 50"):
        invite("one-more@test.example")
    elsewhere = make_member(make_project(), user=User.objects.get(pk=owner.user_id))
    place = elsewhere.memberships.latest("id").organisation
    with pytest.raises(TooManyRequests):
        invite("one-more@test.example", organisation=place, project=None)


def test_the_invited_person_joins(invite, project):
    found = invite(member_expires_at=clock.now() + timedelta(days=30))
    guest = make_user(GUEST)
    member = invitations.accept_invitation(actor=actor_for(guest), invitation=found)
    assert (member.role, member.project, member.expires_at) == (
        "operator",
        project,
        found.member_expires_at,
    )
    assert list(access.projects(actor_for(guest), Permission.INSTANCE_CREATE)) == [project]
    event = AuditEvent.objects.latest("id")
    assert (event.verb, event.target, event.actor_id) == (
        "invitation.accept",
        str(guest.pk),
        str(guest.pk),
    )
    with pytest.raises(Gone, match="accepted already"):
        invitations.accept_invitation(actor=actor_for(guest), invitation=found)


def test_another_person_does_not(invite):
    found = invite()
    other = make_user()
    with pytest.raises(NotPermitted, match=f"is for {GUEST}; you are signed in as {other.email}"):
        invitations.accept_invitation(actor=actor_for(other), invitation=found)
    address = EmailAddress.objects.create(user=other, email=GUEST.title(), verified=False)
    with pytest.raises(NotPermitted):
        invitations.accept_invitation(actor=actor_for(other), invitation=found)
    address.verified = True
    address.save()
    assert invitations.accept_invitation(actor=actor_for(other), invitation=found)


def test_what_has_ended_is_not_accepted(invite, owner, project):
    guest = actor_for(make_user(GUEST))
    found, past = invite(), clock.now()
    for fields, said in (
        ({"expires_at": past}, "expired"),
        ({"member_expires_at": past}, "expired"),
        ({"withdrawn_at": past}, "withdrawn"),
    ):
        aged(found, **fields)
        with pytest.raises(Gone, match=said):
            invitations.accept_invitation(actor=guest, invitation=found)
        aged(found, expires_at=past + timedelta(days=1), member_expires_at=None, withdrawn_at=None)
    project.archived_at = past
    project.save()
    with pytest.raises(Gone, match="archived"):
        invitations.accept_invitation(actor=guest, invitation=found)
    project.archived_at = None
    project.save()
    project.organisation.suspended_at = past
    project.organisation.save()
    with pytest.raises(NotPermitted, match="suspended"):
        invitations.accept_invitation(actor=guest, invitation=found)


def test_withdrawn_is_withdrawn(invite, owner):
    found = invite()
    invitations.withdraw_invitation(actor=owner, invitation=found)
    for do in (invitations.withdraw_invitation, invitations.resend_invitation):
        with pytest.raises(Gone):
            do(actor=owner, invitation=found)
    assert invite().pk != found.pk


def test_whoever_is_removed_takes_their_invitations_along(invite, owner, project):
    admin = make_member(project, Role.ADMIN)
    theirs, other = invite(actor=actor_for(admin)), invite("other@test.example")
    members.remove_member(actor=owner, member=admin.memberships.get())
    assert aged(theirs).withdrawn_at is not None
    assert aged(other).withdrawn_at is None


def test_ended_ones_are_forgotten_after_a_month(invite):
    old, long_ago = invite(), clock.now() - timedelta(days=31)
    aged(old, accepted_at=long_ago)
    recent = invite("recent@test.example")
    assert invitations.forget_ended() == 1
    assert Invitation.objects.get() == recent


# -- the pages -------------------------------------------------------------------------------------


def test_somebody_new_signs_up_by_the_link_and_joins(client, invite, project, settings):
    settings.POLDER_SIGNUP = "invite"
    invite()
    assert "closed" in client.get(reverse("account_signup")).content.decode()
    path = link(mail.outbox[0])
    answer = client.get(path)
    assert (answer.status_code, answer["Location"]) == (303, "/invitations/accept/")
    assert "no-store" in answer["Cache-Control"]
    page = client.get("/invitations/accept/").content.decode()
    assert "Create an account to join" in page
    assert f"email={GUEST.replace('@', '%40')}" in page
    passwords = {"password1": PASSWORD, "password2": PASSWORD}
    answer = client.post(
        f"{reverse('account_signup')}?next=/invitations/accept/",
        {"email": GUEST, "next": "/invitations/accept/"} | passwords,
    )
    assert answer["Location"] == "/invitations/accept/"
    assert EmailAddress.objects.get(email=GUEST).verified
    assert b"Join Shop" in client.get("/invitations/accept/").content
    answer = client.post("/invitations/take/", follow=True)
    assert "You are now in Shop." in answer.content.decode()
    member = Membership.objects.get(user__email=GUEST)
    assert (member.project, member.role) == (project, "operator")
    assert client.post("/invitations/take/").status_code == 404


def test_the_wrong_person_is_told_so(invite, project):
    invite()
    other, client = make_user(), Client()
    client.force_login(other)
    client.get(link(mail.outbox[0]))
    page = client.get("/invitations/accept/").content.decode()
    assert "not your invitation" in page
    assert other.email in page
    assert client.post("/invitations/take/").status_code == 403
    assert not Membership.objects.filter(user=other).exists()


def test_somebody_with_an_account_signs_in(client, invite):
    make_user(GUEST)
    invite()
    client.get(link(mail.outbox[0]))
    assert b"Sign in to join" in client.get("/invitations/accept/").content


def test_a_made_up_link_leads_nowhere(client, invite):
    found = invite()
    assert client.get(f"/invitations/{found.public_id}/nonsense/").status_code == 404
    assert client.get("/invitations/accept/").status_code == 404


def test_an_ended_invitation_says_why(client, invite):
    found = invite()
    client.get(link(mail.outbox[0]))
    aged(found, withdrawn_at=clock.now())
    page = client.get("/invitations/accept/").content.decode()
    assert "withdrawn" in page
    assert "Join Shop" not in page


def test_what_is_known_of_the_invited_is_told_and_goes_with_the_account(invite):
    guest = make_user(GUEST)
    invite()
    (told,) = personal_data(guest)["invitations"]
    assert (told["project"], told["role"]) == ("shop", "operator")
    delete_account(actor=actor_for(guest), user=guest)
    assert not Invitation.objects.exists()
