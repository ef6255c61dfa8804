"""Who is in an organisation, as what, and who may change that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from portal.kernel import clock
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.tenancy import access, members
from portal.tenancy.models import Membership
from portal.tenancy.permissions import Role
from tests.makers import actor_for, make_member, make_owner, make_project, make_user
from tests.portal.test_tenancy import last_event, meanwhile, membership

pytestmark = [pytest.mark.walk, pytest.mark.django_db]


GIVEN_BY_ADMIN = {
    Role.OWNER: False,
    Role.ADMIN: True,
    Role.OPERATOR: True,
    Role.BILLING: False,
    Role.VIEWER: True,
}


@pytest.mark.parametrize("role", Role)
def test_nobody_gives_more_than_they_hold(role: Role) -> None:
    project = make_project()
    admin = actor_for(make_member(project, Role.ADMIN))
    viewer = membership(make_member(project, Role.VIEWER))
    own = membership(make_member(project, Role.ADMIN))
    given = []
    for member, actor in ((viewer, admin), (own, actor_for(own.user))):
        try:
            members.change_member(actor=actor, member=member, role=role)
            given.append(True)
        except NotPermitted:
            given.append(False)
    try:
        members.add_member(
            actor=admin, organisation=project.organisation, user=make_user(), role=role
        )
        given.append(True)
    except NotPermitted:
        given.append(False)
    assert given == [GIVEN_BY_ADMIN[role]] * 3
    owner = make_owner(project)
    members.add_member(actor=owner, organisation=project.organisation, user=make_user(), role=role)


def test_an_admin_leaves_owners_alone_and_may_remove_others() -> None:
    project = make_project()
    admin = actor_for(make_member(project, Role.ADMIN))
    owner = membership(make_member(project, Role.OWNER))
    make_owner(project)
    billing = membership(make_member(project, Role.BILLING))
    with pytest.raises(NotPermitted):
        members.remove_member(actor=admin, member=owner)
    with pytest.raises(NotPermitted):
        members.change_member(actor=admin, member=owner, role=Role.VIEWER)
    members.remove_member(actor=admin, member=billing)
    assert not Membership.objects.filter(pk=billing.pk).exists()
    assert (last_event().verb, last_event().before["role"]) == ("member.remove", "billing")


def test_a_project_s_owner_manages_its_members_and_no_others() -> None:
    project = make_project()
    head = actor_for(make_member(project, Role.OWNER, only_project=True))
    added = members.add_member(
        actor=head,
        organisation=project.organisation,
        project=project,
        user=make_user(),
        role=Role.OPERATOR,
    )
    assert access.permissions_in(actor_for(added.user), project)
    with pytest.raises(NotPermitted):
        members.add_member(
            actor=head, organisation=project.organisation, user=make_user(), role=Role.VIEWER
        )
    with pytest.raises(NotFound):
        members.add_member(
            actor=head,
            organisation=project.organisation,
            project=make_project(project.organisation),
            user=make_user(),
            role=Role.VIEWER,
        )


def test_bad_members_are_refused() -> None:
    project = make_project()
    owner = make_owner(project)
    user = make_member(project, Role.VIEWER)
    call: dict[str, Any] = {"actor": owner, "organisation": project.organisation}
    with pytest.raises(Conflict, match="is a member already"):
        members.add_member(**call, user=user, role=Role.ADMIN)
    with pytest.raises(Invalid, match="role"):
        members.add_member(**call, user=make_user(), role="king")
    with pytest.raises(Invalid, match="another organisation"):
        members.add_member(**call, user=user, role=Role.VIEWER, project=make_project())
    with pytest.raises(Invalid, match="still to come"):
        members.add_member(**call, user=make_user(), role=Role.VIEWER, expires_at=clock.now())


def test_expiry_is_set_and_taken_off() -> None:
    project = make_project()
    owner = make_owner(project)
    member = membership(make_member(project, Role.VIEWER))
    soon = clock.now() + timedelta(days=1)
    assert members.change_member(actor=owner, member=member, expires_at=soon).expires_at == soon
    assert members.change_member(actor=owner, member=member, role=Role.ADMIN).expires_at == soon
    assert members.change_member(actor=owner, member=member, forever=True).expires_at is None
    assert last_event().before == {"role": "admin", "expires_at": soon.isoformat()}
    with pytest.raises(Invalid):
        members.change_member(actor=owner, member=member, expires_at=clock.now())


def test_the_last_owner_stays() -> None:
    project = make_project()
    user = make_member(project, Role.OWNER)
    owner, member = actor_for(user), membership(user)
    sleeping = make_member(project, Role.OWNER)
    sleeping.is_active = False
    sleeping.save()
    make_member(project, Role.OWNER, expires_at=clock.now() + timedelta(days=1))
    make_member(project, Role.OWNER, only_project=True)
    soon = clock.now() + timedelta(days=9)
    for change in (
        lambda: members.remove_member(actor=owner, member=member),
        lambda: members.change_member(actor=owner, member=member, role=Role.ADMIN),
        lambda: members.change_member(actor=owner, member=member, expires_at=soon),
    ):
        with pytest.raises(Conflict) as refused:
            change()
        assert refused.value.code == "last-owner"
    make_owner(project)
    members.remove_member(actor=owner, member=member)
    assert access.permissions_in(owner, project) == frozenset()


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_leave_at_the_same_time() -> None:
    project = make_project()
    first, second = (make_member(project, Role.OWNER) for _ in range(2))
    outcomes: list[str] = []

    def leave() -> None:
        try:
            members.remove_member(actor=actor_for(second), member=membership(second))
        except Conflict as refused:
            outcomes.append(refused.code)

    with meanwhile(leave):
        members.remove_member(actor=actor_for(first), member=membership(first))
    assert outcomes == ["last-owner"]
    assert Membership.objects.get().user == second


def test_members_leave_by_themselves_but_not_by_a_token() -> None:
    project = make_project()
    user = make_member(project, Role.VIEWER)
    member = membership(user)
    token = replace(actor_for(user), token_id="tk-1", scopes=frozenset({"instance.view"}))
    with pytest.raises(NotPermitted):
        members.remove_member(actor=token, member=member)
    members.remove_member(actor=actor_for(user), member=member)
    with pytest.raises(NotFound, match="removed in the meantime"):
        members.remove_member(actor=actor_for(user), member=member)
