"""Tokens and service accounts: shown once, refused when due, never more than their maker."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from portal.accounts import tokens as door
from portal.accounts.actors import actor_of, staff_actor
from portal.accounts.models import ApiToken, ServiceAccount
from portal.audit.models import AuditEvent
from portal.kernel import clock, crypto
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.tenancy import access, tokens
from portal.tenancy.models import Project
from portal.tenancy.permissions import GRANTS, Permission, Role
from tests.makers import actor_for, make_member, make_owner, make_project, make_token, make_user

pytestmark = pytest.mark.django_db
P = Permission


def let_in(text: str) -> Actor:
    actor = door.authenticate(text, address="192.0.2.7", request_id="req-1")
    assert actor is not None
    return actor


def make_account(project: Project, role: Role, **fields: Any) -> ServiceAccount:
    return ServiceAccount.objects.create(
        organisation=project.organisation,
        public_id=f"sa-{role}",
        name=fields.pop("name", f"ci {role}"),
        role=role,
        **fields,
    )


def test_the_text_is_shown_once_and_never_stored() -> None:
    actor = make_owner(make_project())
    token, text = tokens.create_token(actor=actor, name="laptop")
    assert text.startswith("polder_")
    assert len(text.removeprefix("polder_")) * 6 >= 160  # six bits a letter
    stored = serializers.serialize("json", [*ApiToken.objects.all(), *AuditEvent.objects.all()])
    assert text not in stored
    assert text.removeprefix("polder_") not in stored
    assert token.digest == crypto.digest(text)
    assert token.digest not in serializers.serialize("json", AuditEvent.objects.all())


def test_a_token_is_its_owner() -> None:
    project = make_project()
    user = make_member(project)
    actor = let_in(make_token(user))
    assert (actor.kind, actor.user_id, actor.name) == ("user", user.pk, user.email)
    assert (actor.address, actor.request_id) == ("192.0.2.7", "req-1")
    assert actor.scopes is None
    assert access.permissions_in(actor, project) == frozenset(P)


@pytest.mark.parametrize("text", ["", "polder_", "polder_wrong", "Bearer x", "polder_" + "a" * 32])
def test_unknown_texts_are_refused(text: str) -> None:
    make_token(make_user())
    assert door.authenticate(text) is None


def test_revoked_expired_and_orphaned_tokens_are_refused() -> None:
    project = make_project()
    user = make_member(project)
    revoked, expired, inactive = (make_token(user) for _ in range(3))
    account = make_account(project, Role.VIEWER)
    _, disabled = tokens.create_token(actor=actor_for(user), name="ci", service_account=account)
    for text in (revoked, expired, inactive, disabled):
        assert door.authenticate(text) is not None
    tokens.revoke_token(
        actor=actor_for(user), token=ApiToken.objects.get(digest=crypto.digest(revoked))
    )
    ApiToken.objects.filter(digest=crypto.digest(expired)).update(expires_at=clock.now())
    tokens.disable_service_account(actor=actor_for(user), account=account)
    assert [door.authenticate(text) for text in (revoked, expired, disabled)] == [None] * 3
    user.is_active = False
    user.save()
    assert door.authenticate(inactive) is None


def test_the_door_costs_one_query_and_notes_use_once_a_minute() -> None:
    text = make_token(make_user())
    with CaptureQueriesContext(connection) as first:
        let_in(text)
    with CaptureQueriesContext(connection) as second:
        let_in(text)
    assert (len(first), len(second)) == (2, 1)
    token = ApiToken.objects.get()
    assert token.last_used_at is not None
    long_ago = token.last_used_at - timedelta(seconds=61)
    ApiToken.objects.update(last_used_at=long_ago)
    let_in(text)
    assert ApiToken.objects.get().last_used_at > long_ago


def test_scopes_and_bounds_reach_the_door() -> None:
    project = make_project()
    user = make_member(project)
    actor = let_in(make_token(user, permissions=["instance.view"], project=project))
    assert actor.scopes == {"instance.view"}
    assert (actor.organisation_id, actor.project_id) == (project.organisation_id, project.pk)
    assert access.permissions_in(actor, project) == {P.INSTANCE_VIEW}
    assert access.permissions_in(actor, make_project(project.organisation)) == frozenset()


@pytest.mark.parametrize(
    ("fields", "faulty"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "x\0y"}, "name"),
        ({"permissions": ["instance.fly"]}, "permissions"),
        ({"expires_at": clock.now()}, "expires_at"),
    ],
)
def test_bad_fields_are_refused(fields: dict[str, Any], faulty: str) -> None:
    with pytest.raises(Invalid) as refused:
        tokens.create_token(**{"actor": actor_for(make_user()), "name": "x", **fields})
    assert list(refused.value.fields) == [faulty]


def test_nobody_bounds_a_token_by_what_they_cannot_see() -> None:
    hidden = make_project()
    stranger = make_owner(make_project())
    with pytest.raises(NotFound):
        tokens.create_token(actor=stranger, name="x", project=hidden)
    with pytest.raises(NotFound):
        tokens.create_token(actor=stranger, name="x", organisation=hidden.organisation)
    assert not AuditEvent.objects.filter(chain=hidden.organisation.slug).exists()


def test_a_token_hands_on_no_more_than_it_has() -> None:
    project = make_project()
    sibling = make_project(project.organisation)
    elsewhere = make_project()
    user = make_member(project)
    make_member(elsewhere, user=user)
    ends = clock.now() + timedelta(hours=1)
    scopes = ["token.manage", "instance.view", "project.view", "organisation.view"]
    maker = let_in(make_token(user, permissions=scopes, project=project, expires_at=ends))
    child, _ = tokens.create_token(actor=maker, name="child")
    assert child.permissions == sorted(scopes)
    assert (child.organisation, child.project) == (project.organisation, project)
    assert child.expires_at == ends
    later = ends + timedelta(days=1)
    child, _ = tokens.create_token(actor=maker, name="later", expires_at=later)
    assert child.expires_at == ends
    with pytest.raises(NotPermitted, match="cannot hand on"):
        tokens.create_token(actor=maker, name="x", permissions=["instance.delete"])
    for place in (sibling, elsewhere):
        with pytest.raises(NotFound):
            tokens.create_token(actor=maker, name="x", project=place)
    with pytest.raises(NotFound):
        tokens.create_token(actor=maker, name="x", organisation=elsewhere.organisation)


def test_a_token_without_the_right_makes_and_ends_no_other() -> None:
    user = make_member(make_project())
    maker = let_in(make_token(user, permissions=["instance.view"]))
    other = ApiToken.objects.get(digest=crypto.digest(make_token(user)))
    with pytest.raises(NotPermitted, match="“token"):
        tokens.create_token(actor=maker, name="x")
    with pytest.raises(NotPermitted, match="“token"):
        tokens.revoke_token(actor=maker, token=other)
    itself = ApiToken.objects.get(public_id=maker.token_id)
    tokens.revoke_token(actor=maker, token=itself)
    assert itself.revoked_at is not None


@pytest.mark.parametrize("role", Role)
def test_no_service_account_is_a_way_to_more_rights(role: Role) -> None:
    project = make_project()
    admin = actor_for(make_member(project, Role.ADMIN))
    account = make_account(project, role)
    within = GRANTS[role] <= GRANTS[Role.ADMIN]
    try:
        tokens.create_token(actor=admin, name="x", service_account=account)
        made = True
    except NotPermitted:
        made = False
    assert made == within
    _, text = tokens.create_token(
        actor=admin, name="y", service_account=account, permissions=["project.view"]
    )
    assert access.permissions_in(let_in(text), project) == {P.PROJECT_VIEW}
    try:
        tokens.create_service_account(
            actor=admin, organisation=project.organisation, name="new", role=role
        )
        created = True
    except Invalid as refused:
        created = list(refused.fields) != ["role"]
    assert created == within


def test_the_life_of_a_service_account() -> None:
    project = make_project()
    owner = make_owner(project)
    account = tokens.create_service_account(
        actor=owner,
        organisation=project.organisation,
        name="ci",
        role=Role.OPERATOR,
        project=project,
    )
    token, text = tokens.create_token(actor=owner, name="deploy", service_account=account)
    actor = let_in(text)
    assert (actor.kind, actor.id) == ("service_account", account.public_id)
    assert access.permissions_in(actor, project) == GRANTS[Role.OPERATOR]
    assert list(tokens.tokens_for(owner)) == [token]
    assert tokens.token_for(owner, token.public_id) == token
    assert tokens.service_account_for(owner, account.public_id) == account
    with pytest.raises(Invalid, match="already in use"):
        tokens.create_service_account(
            actor=owner, organisation=project.organisation, name="ci", role=Role.VIEWER
        )
    with pytest.raises(NotPermitted, match="cannot make tokens for itself"):
        tokens.create_token(actor=actor, name="x")
    tokens.disable_service_account(actor=owner, account=account)
    with pytest.raises(Conflict, match="was disabled"):
        tokens.create_token(actor=owner, name="x", service_account=account)
    assert list(tokens.service_accounts_for(owner)) == []
    verbs = AuditEvent.objects.order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["service_account.create", "token.create", "service_account.disable"]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.BILLING, Role.VIEWER])
def test_service_accounts_are_for_those_who_manage_tokens(role: Role) -> None:
    project = make_project()
    account = make_account(project, Role.VIEWER)
    actor = actor_for(make_member(project, role))
    with pytest.raises(NotPermitted):
        tokens.create_token(actor=actor, name="x", service_account=account)
    with pytest.raises(NotPermitted):
        tokens.disable_service_account(actor=actor, account=account)
    with pytest.raises(NotPermitted):
        tokens.create_service_account(
            actor=actor, organisation=project.organisation, name="x", role=Role.VIEWER
        )
    assert list(tokens.service_accounts_for(actor)) == []


def test_tokens_of_others_are_out_of_sight_and_reach() -> None:
    project = make_project()
    theirs = ApiToken.objects.get(digest=crypto.digest(make_token(make_member(project))))
    owner = make_owner(project)
    with pytest.raises(NotFound):
        tokens.token_for(owner, theirs.public_id)
    with pytest.raises(NotFound):
        tokens.revoke_token(actor=owner, token=theirs)
    theirs.refresh_from_db()
    assert theirs.revoked_at is None


def test_a_bound_token_sees_tokens_within_its_bounds() -> None:
    project = make_project()
    user = make_member(project)
    make_token(user)
    maker = let_in(make_token(user, organisation=project.organisation))
    assert [t.public_id for t in tokens.tokens_for(maker)] == [maker.token_id]
    assert tokens.tokens_for(actor_for(user)).count() == 2
    assert tokens.tokens_for(replace(maker, user_id=None)).count() == 0


def test_the_command_prints_a_token_and_nothing_else() -> None:
    user = make_user("owner@demo.example")
    out = StringIO()
    call_command("token", stdout=out)
    (line,) = out.getvalue().splitlines()
    assert let_in(line).user_id == user.pk
    with pytest.raises(CommandError, match="no user"):
        call_command("token", user="nobody@test.example", stdout=out)


def test_the_actor_of_a_session(rf: RequestFactory) -> None:
    user = make_user(is_staff=True)
    request = rf.get("/", REMOTE_ADDR="192.0.2.9")
    request.user = user
    actor = actor_of(request)
    assert (actor.user_id, actor.is_staff, actor.address) == (user.pk, True, "192.0.2.9")
    assert actor_of(request) is actor
    assert staff_actor(request).kind == "staff"
    anonymous = rf.get("/")
    anonymous.user = AnonymousUser()
    with pytest.raises(TypeError):
        actor_of(anonymous)
    with pytest.raises(TypeError):
        staff_actor(anonymous)


@pytest.mark.usefixtures("plain_static")
def test_the_admin_site_never_shows_a_digest(client: Client) -> None:
    make_token(make_user())
    token = ApiToken.objects.get()
    client.force_login(make_user(is_staff=True, is_superuser=True))
    for page in ("", f"{token.pk}/change/"):
        answer = client.get(f"/admin/accounts/apitoken/{page}")
        assert answer.status_code == 200
        assert token.public_id in answer.content.decode()
        assert token.digest not in answer.content.decode()


def test_bounds_that_do_not_agree_are_refused() -> None:
    project, elsewhere = make_project(), make_project()
    user = make_member(project)
    make_member(elsewhere, user=user)
    call: dict[str, Any] = {"actor": actor_for(user), "name": "x", "project": elsewhere}
    with pytest.raises(Invalid, match="another organisation"):
        tokens.create_token(**call, organisation=project.organisation)
    with pytest.raises(Invalid, match="another organisation"):
        tokens.create_token(**call, service_account=make_account(project, Role.VIEWER))
