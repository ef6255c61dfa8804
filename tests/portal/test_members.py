"""Members: what ends with a membership, and who sees whom."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.accounts.models import ApiToken
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.errors import NotFound, NotPermitted
from portal.tenancy import members, queries
from portal.tenancy.models import Membership
from portal.tenancy.permissions import Permission, Role
from portal.tenancy.texts import permission_label, permissions_by_noun, role_label, role_text
from tests.makers import actor_for, make_member, make_owner, make_project, make_token, make_user

pytestmark = [pytest.mark.walk, pytest.mark.django_db]


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def owner(project):
    return make_owner(project)


@pytest.fixture
def leaver(project):
    """Somebody with a token of each kind."""
    user = make_member(project, Role.OPERATOR)
    make_member(make_project(), Role.OWNER, user=user)
    make_token(user)
    make_token(user, organisation=project.organisation)
    make_token(user, project=project)
    return user


def bound_in(user, project):
    return user.memberships.get(organisation=project.organisation, project=None)


def test_tokens_bound_to_the_organisation_end_with_the_member(owner, project, leaver):
    member = bound_in(leaver, project)
    assert [t.organisation for t in members.tokens_that_end(member)] == [project.organisation] * 2
    members.remove_member(actor=owner, member=member)
    left = ApiToken.objects.get(revoked_at__isnull=True)
    assert left.organisation is None
    events = AuditEvent.objects.filter(chain=project.organisation.slug).order_by("id")
    last = list(events.values_list("verb", flat=True))[-3:]
    assert last == ["token.revoke", "token.revoke", "member.remove"]


def test_what_another_membership_still_reaches_stays(owner, project, leaver):
    other = make_project(project.organisation)
    make_member(project, Role.VIEWER, user=leaver, only_project=True)
    make_member(other, Role.VIEWER, user=leaver, only_project=True)
    whole, here = bound_in(leaver, project), leaver.memberships.get(project=project)
    assert list(members.tokens_that_end(here)) == []
    members.remove_member(actor=owner, member=whole)
    assert ApiToken.objects.filter(revoked_at__isnull=True).count() == 3
    assert [t.project for t in members.tokens_that_end(here)] == [project]
    leaver.memberships.filter(project=other).update(expires_at=clock.now() - timedelta(days=1))
    assert len(members.tokens_that_end(here)) == 2


def test_whether_an_owner_may_leave_is_known_before(project, owner):
    member = Membership.objects.get(user_id=owner.user_id)
    assert not members.keeps_its_owner(member)
    make_owner(project)
    assert members.keeps_its_owner(member)


def test_a_project_s_admin_sees_its_members(project, owner):
    head = make_member(project, Role.ADMIN, only_project=True)
    elsewhere = make_member(make_project(project.organisation), Role.VIEWER, only_project=True)
    seen = {member.user for member in queries.members_in(actor_for(head), project)}
    assert seen == {head, make_user_of(owner)}
    assert queries.member_for(actor_for(head), head.memberships.get().public_id)
    with pytest.raises(NotFound):
        queries.member_for(actor_for(head), elsewhere.memberships.get().public_id)
    with pytest.raises(NotPermitted):
        queries.members_for(actor_for(head), project.organisation)


def make_user_of(actor):
    return Membership.objects.get(user_id=actor.user_id).user


def test_a_viewer_sees_only_their_own_membership(project, owner):
    viewer = make_member(project, Role.VIEWER)
    own = viewer.memberships.get()
    assert queries.member_for(actor_for(viewer), own.public_id) == own
    assert list(queries.memberships_of(actor_for(viewer), project.organisation)) == [own]
    with pytest.raises(NotFound):
        queries.member_for(actor_for(viewer), make_user_of(owner).memberships.get().public_id)
    with pytest.raises(NotPermitted):
        queries.members_in(actor_for(viewer), project)
    members.remove_member(actor=actor_for(viewer), member=own)
    assert not viewer.memberships.exists()


def test_every_role_and_permission_has_words():
    grouped = [p for _noun, permissions in permissions_by_noun() for p in permissions]
    assert sorted(grouped) == sorted(Permission)
    assert [p for p in Permission if permission_label(p) == p.value] == []
    assert [r for r in Role if not (role_label(r) and role_text(r))] == []


def test_a_stranger_s_user_is_no_member(project, owner):
    with pytest.raises(NotFound):
        queries.members_in(actor_for(make_user()), project)
