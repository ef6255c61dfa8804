"""The door to tenant rows: role × permission, expiry, scopes, bounds, suspension, strangers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.accounts.models import ServiceAccount
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import NotFound, NotPermitted
from portal.tenancy import access
from portal.tenancy.models import Membership, Project
from portal.tenancy.permissions import GRANTS, Permission, Role
from tests.makers import actor_for, make_member, make_organisation, make_owner, make_project

pytestmark = pytest.mark.django_db
P = Permission

# Written out by hand, from the table of ARCHITECTURE §4: a change of GRANTS must change this too.
HELD = {
    Role.OWNER: {p.value for p in P},
    Role.ADMIN: {p.value for p in P} - {"organisation.delete", "owner.manage", "billing.manage"},
    Role.OPERATOR: {
        "organisation.view",
        "project.view",
        "instance.view",
        "instance.create",
        "instance.update",
        "instance.delete",
        "operation.view",
        "operation.manage",
        "credential.reveal",
        "cost.view",
    },
    Role.BILLING: {
        "organisation.view",
        "project.view",
        "cost.view",
        "invoice.view",
        "billing.manage",
    },
    Role.VIEWER: {
        "organisation.view",
        "project.view",
        "instance.view",
        "operation.view",
        "cost.view",
    },
}


def answer(actor: Actor, project: Project, permission: Permission) -> int:
    """The status that `access.project` answers with; all doors must agree with it."""
    try:
        access.project(actor, project.slug, permission)
        status = 200
    except (NotFound, NotPermitted) as error:
        status = error.status
    try:
        access.require(actor, project, permission)
        by_require = 200
    except (NotFound, NotPermitted) as error:
        by_require = error.status
    listed = access.projects(actor, permission).filter(pk=project.pk).count()
    held = permission in access.permissions_in(actor, project)
    assert (by_require, listed, held) == (status, int(status == 200), status == 200)
    return status


def answer_in_organisation(actor: Actor, project: Project, permission: Permission) -> int:
    organisation = project.organisation
    try:
        access.organisation(actor, organisation.slug, permission)
        status = 200
    except (NotFound, NotPermitted) as error:
        status = error.status
    try:
        access.require_in_organisation(actor, organisation, permission)
        by_require = 200
    except (NotFound, NotPermitted) as error:
        by_require = error.status
    listed = access.organisations(actor, permission).filter(pk=organisation.pk).count()
    held = permission in access.permissions_in_organisation(actor, organisation)
    assert (by_require, listed, held) == (status, int(status == 200), status == 200)
    return status


def all_answers(actor: Actor, project: Project) -> dict[str, int]:
    return {p.value: answer(actor, project, p) for p in P}


def all_answers_in_organisation(actor: Actor, project: Project) -> dict[str, int]:
    return {p.value: answer_in_organisation(actor, project, p) for p in P}


def expected(held: set[str], *, otherwise: int = 403) -> dict[str, int]:
    return {p.value: 200 if p.value in held else otherwise for p in P}


@pytest.mark.parametrize("role", Role)
def test_role_holds_what_the_table_says_and_nothing_more(role: Role) -> None:
    project = make_project()
    actor = actor_for(make_member(project, role))
    assert all_answers(actor, project) == expected(HELD[role])
    assert all_answers_in_organisation(actor, project) == expected(HELD[role])


@pytest.mark.parametrize("role", Role)
def test_role_in_one_project_reaches_no_other(role: Role) -> None:
    project = make_project()
    sibling = make_project(project.organisation)
    actor = actor_for(make_member(project, role, only_project=True))
    assert all_answers(actor, project) == expected(HELD[role])
    assert all_answers(actor, sibling) == expected(set(), otherwise=404)
    assert all_answers_in_organisation(actor, project) == expected({"organisation.view"})


def test_another_tenant_finds_nothing() -> None:
    project = make_project()
    stranger = make_owner(make_project())
    assert all_answers(stranger, project) == expected(set(), otherwise=404)
    assert all_answers_in_organisation(stranger, project) == expected(set(), otherwise=404)


def test_an_unknown_name_reads_like_a_hidden_one() -> None:
    project = make_project(slug="hidden")
    stranger = make_owner(make_project())
    with pytest.raises(NotFound) as hidden:
        access.project(stranger, project.slug, P.PROJECT_VIEW)
    with pytest.raises(NotFound) as unknown:
        access.project(stranger, "absent", P.PROJECT_VIEW)
    assert hidden.value.text.replace("hidden", "absent") == unknown.value.text
    assert hidden.value.hint == unknown.value.hint


def test_roles_of_organisation_and_project_add_up() -> None:
    project = make_project()
    user = make_member(project, Role.BILLING)
    make_member(project, Role.OPERATOR, only_project=True, user=user)
    held = access.permissions_in(actor_for(user), project)
    assert {p.value for p in held} == HELD[Role.BILLING] | HELD[Role.OPERATOR]
    assert access.projects(actor_for(user), P.PROJECT_VIEW).count() == 1


def test_an_expired_membership_counts_as_none() -> None:
    project = make_project()
    now = clock.now()
    ended = actor_for(make_member(project, Role.OWNER, expires_at=now - timedelta(seconds=1)))
    lasting = actor_for(make_member(project, Role.OWNER, expires_at=now + timedelta(minutes=1)))
    assert answer(ended, project, P.PROJECT_VIEW) == 404
    assert answer_in_organisation(ended, project, P.ORGANISATION_VIEW) == 404
    assert answer(lasting, project, P.INSTANCE_CREATE) == 200


def test_archived_rows_are_hidden() -> None:
    project = make_project()
    owner = make_owner(project)
    project.archived_at = clock.now()
    project.save()
    assert answer(owner, project, P.PROJECT_VIEW) == 404
    assert answer_in_organisation(owner, project, P.ORGANISATION_VIEW) == 200
    other = make_project()
    owner = make_owner(other)
    other.organisation.archived_at = clock.now()
    other.organisation.save()
    assert answer(owner, other, P.PROJECT_VIEW) == 404
    assert answer_in_organisation(owner, other, P.ORGANISATION_VIEW) == 404


def test_a_suspended_organisation_is_only_looked_at() -> None:
    project = make_project()
    owner = make_owner(project)
    project.organisation.suspended_at = clock.now()
    project.organisation.save()
    views = {
        "organisation.view",
        "project.view",
        "member.view",
        "audit.view",
        "instance.view",
        "operation.view",
        "cost.view",
        "invoice.view",
    }
    assert all_answers(owner, project) == expected(views)
    assert all_answers_in_organisation(owner, project) == expected(views)


def test_scopes_cut_down_and_never_add() -> None:
    project = make_project()
    scopes = {"instance.view", "instance.create"}
    owner = replace(make_owner(project), scopes=frozenset(scopes))
    viewer = replace(actor_for(make_member(project, Role.VIEWER)), scopes=frozenset(scopes))
    assert all_answers(owner, project) == expected(scopes)
    assert all_answers_in_organisation(owner, project) == expected(scopes)
    assert all_answers(viewer, project) == expected({"instance.view"})


def test_a_token_stays_within_its_bounds() -> None:
    project = make_project()
    sibling = make_project(project.organisation)
    elsewhere = make_project()
    user = make_member(project)
    make_member(elsewhere, user=user)
    in_organisation = replace(actor_for(user), organisation_id=project.organisation_id)
    in_project = replace(in_organisation, project_id=project.pk)
    assert [answer(in_organisation, p, P.INSTANCE_CREATE) for p in (project, sibling)] == [200, 200]
    assert answer(in_organisation, elsewhere, P.INSTANCE_CREATE) == 404
    assert answer_in_organisation(in_organisation, elsewhere, P.ORGANISATION_VIEW) == 404
    assert [answer(in_project, p, P.INSTANCE_CREATE) for p in (project, sibling)] == [200, 404]
    assert answer_in_organisation(in_project, project, P.ORGANISATION_VIEW) == 200
    assert answer_in_organisation(in_project, project, P.MEMBER_MANAGE) == 403
    assert answer_in_organisation(in_project, project, P.PROJECT_CREATE) == 403


def test_the_system_may_do_everything_and_staff_nothing_by_being_staff() -> None:
    project = make_project()
    assert access.permissions_in(SYSTEM, project) == frozenset(P)
    assert access.permissions_in_organisation(SYSTEM, project.organisation) == frozenset(P)
    assert access.projects(SYSTEM, P.INSTANCE_DELETE).get() == project
    assert access.project(SYSTEM, project.slug, P.OWNER_MANAGE) == project
    staff = replace(make_owner(make_project()), is_staff=True)
    provider = Actor(kind="staff", id="1", is_staff=True)
    assert answer(staff, project, P.PROJECT_VIEW) == 404
    assert answer(provider, project, P.PROJECT_VIEW) == 404
    assert answer_in_organisation(provider, project, P.ORGANISATION_VIEW) == 404


def test_a_service_account_holds_its_role() -> None:
    project = make_project()
    sibling = make_project(project.organisation)
    account = ServiceAccount.objects.create(
        organisation=project.organisation, public_id="sa-1", name="ci", role=Role.OPERATOR
    )
    actor = Actor(kind="service_account", id="sa-1", service_account_id=account.pk)
    assert answer(actor, sibling, P.INSTANCE_CREATE) == 200
    assert answer(actor, sibling, P.MEMBER_MANAGE) == 403
    assert answer(actor, make_project(), P.PROJECT_VIEW) == 404
    account.project = project
    account.save()
    assert [answer(actor, p, P.INSTANCE_CREATE) for p in (project, sibling)] == [200, 404]
    account.disabled_at = clock.now()
    account.save()
    assert answer(actor, project, P.INSTANCE_VIEW) == 404


def test_a_refusal_names_right_roles_and_who_can_give_it() -> None:
    project = make_project()
    for role, name in ((Role.OWNER, "Anna"), (Role.ADMIN, "Bert"), (Role.BILLING, "Cleo")):
        user = make_member(project, role)
        user.name = name
        user.save()
    gone = make_member(project, Role.OWNER, expires_at=clock.now())
    asleep = make_member(project, Role.OWNER)
    asleep.is_active = False
    asleep.save()
    viewer = actor_for(make_member(project, Role.VIEWER))
    with pytest.raises(NotPermitted) as refused:
        access.project(viewer, project.slug, P.INSTANCE_CREATE)
    assert "“instance.create”" in refused.value.text
    assert "owner, admin, operator" in refused.value.text
    assert refused.value.hint == "Ask Anna, Bert for it."
    assert gone.email not in refused.value.hint
    with pytest.raises(NotPermitted, match="billing") as refused:
        access.organisation(viewer, project.organisation.slug, P.BILLING_MANAGE)
    assert refused.value.hint == "Ask Anna for it."


def test_a_refusal_says_when_it_is_the_token_or_the_suspension() -> None:
    project = make_project()
    owner = make_owner(project)
    with pytest.raises(NotPermitted, match="This token does not hold") as refused:
        access.require(replace(owner, scopes=frozenset()), project, P.INSTANCE_VIEW)
    assert refused.value.params == {"permission": "instance.view"}
    project.organisation.suspended_at = clock.now()
    with pytest.raises(NotPermitted, match="is suspended"):
        access.require(owner, project, P.INSTANCE_CREATE)


def test_require_says_what_is_missing_in_the_caller_s_words() -> None:
    stranger = make_owner(make_project())
    with pytest.raises(NotFound, match="no service pg-1"):
        access.require(
            stranger, make_project(), P.INSTANCE_VIEW, missing="There is no service pg-1"
        )


@pytest.mark.parametrize("organisations", [1, 5])
def test_queries_stay_few(organisations: int) -> None:
    project = make_project()
    user = make_member(project, Role.VIEWER)
    for _ in range(organisations):
        make_member(make_project(), user=user)
    actor = actor_for(user)
    loaded = Project.objects.select_related("organisation").get(pk=project.pk)

    def refused() -> None:
        with pytest.raises(NotPermitted):
            access.project(actor, project.slug, P.INSTANCE_CREATE)

    slug = project.organisation.slug
    counts = {}
    for name, call in {
        "project": lambda: access.project(actor, project.slug, P.PROJECT_VIEW).organisation.slug,
        "organisation": lambda: access.organisation(actor, slug, P.ORGANISATION_VIEW),
        "projects": lambda: list(access.projects(actor, P.PROJECT_VIEW)),
        "organisations": lambda: list(access.organisations(actor, P.PROJECT_VIEW)),
        "permissions": lambda: access.permissions_in(actor, loaded),
        "require": lambda: access.require(actor, loaded, P.PROJECT_VIEW),
        "refused": refused,
    }.items():
        with CaptureQueriesContext(connection) as queries:
            call()
        counts[name] = len(queries)
    assert counts.pop("refused") == 2
    assert set(counts.values()) == {1}


def test_lists_hold_each_project_once() -> None:
    project = make_project()
    user = make_member(project)
    make_member(project, Role.VIEWER, only_project=True, user=user)
    make_member(project, Role.OWNER)
    assert list(access.projects(actor_for(user), P.PROJECT_VIEW)) == [project]
    assert list(access.organisations(actor_for(user), P.ORGANISATION_VIEW)) == [
        project.organisation
    ]


def test_an_organisation_without_projects_is_seen_by_its_members() -> None:
    organisation = make_organisation()
    user = make_member(make_project())
    Membership.objects.create(user=user, organisation=organisation, role=Role.ADMIN)
    assert organisation in access.organisations(actor_for(user), P.MEMBER_MANAGE)
    assert organisation not in access.organisations(actor_for(user), P.BILLING_MANAGE)


def test_the_table_above_is_the_one_in_use() -> None:
    assert {role: {p.value for p in held} for role, held in GRANTS.items()} == HELD
