"""Every address × every role. An address that is not listed fails: say who may use it first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from portal.tenancy.permissions import GRANTS, Permission, Role
from services.instances.models import Operation
from tests.makers import (
    make_instance,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_region,
    make_token,
    make_user,
)

pytestmark = pytest.mark.django_db

P = Permission
PUBLIC, SIGNED, STAFF, ANY = "public", "signed", "staff", "any signed-in, own things only"
Rule = str | Permission
HTML, API = "html", "api"


@dataclass(frozen=True)
class Door:
    """One method of one address: who may pass, and what is sent."""

    name: str
    method: str
    rule: Rule
    body: Any = None


# The doors of the console: what the page shows is bounded by the project at hand.
ONE = (
    ("console:service", "GET", P.INSTANCE_VIEW),
    ("console:service-connection", "GET", P.INSTANCE_VIEW),
    ("console:service-settings", "GET", P.INSTANCE_VIEW),
    ("console:service-events", "GET", P.INSTANCE_VIEW),
    ("console:service-operations", "GET", P.INSTANCE_VIEW),
    ("console:service-ca", "GET", P.INSTANCE_VIEW),
    ("console:service-reveal", "POST", P.CREDENTIAL_REVEAL),
    ("console:service-change", "POST", P.INSTANCE_UPDATE),
    ("console:service-edit", "POST", P.INSTANCE_UPDATE),
    ("console:service-pause", "POST", P.INSTANCE_UPDATE),
    ("console:service-resume", "POST", P.INSTANCE_UPDATE),
    ("console:service-rotate", "POST", P.INSTANCE_UPDATE),
    ("console:service-undelete", "POST", P.INSTANCE_UPDATE),
    ("console:service-delete", "GET", P.INSTANCE_VIEW),
    ("console:operation", "GET", P.OPERATION_VIEW),
    ("console:operation-cancel", "POST", P.OPERATION_MANAGE),
    ("console:operation-retry", "POST", P.OPERATION_MANAGE),
)
DOORS = [
    *(Door(*one) for one in ONE),
    Door("console:service-delete", "POST", P.INSTANCE_DELETE, {"name": "matrix", "unprotect": "1"}),
    Door("console:overview", "GET", ANY),
    Door("console:begin", "POST", ANY),
    Door("console:services", "GET", P.INSTANCE_VIEW),
    Door("console:operations", "GET", P.OPERATION_VIEW),
    Door("console:catalogue", "GET", ANY),
    Door("console:offering", "GET", ANY),
    Door("console:order", "GET", P.INSTANCE_CREATE),
    Door("console:order", "POST", P.INSTANCE_CREATE, {"name": "made", "region": "local"}),
    Door("console:price", "GET", P.INSTANCE_CREATE),
    Door("console:go", "GET", ANY),
    Door("console:scope", "POST", P.PROJECT_VIEW, {"project": "matrix"}),
    Door("console:theme", "POST", PUBLIC, {"theme": "dark"}),
    Door("console:styleguide", "GET", STAFF),
    Door("healthz", "GET", PUBLIC),
    Door("readyz", "GET", PUBLIC),
    Door("api-docs", "GET", PUBLIC),
    Door("api-docs-schemas", "GET", PUBLIC),
    Door("api-docs-errors", "GET", PUBLIC),
    Door("api-docs-noun", "GET", PUBLIC),
    Door("api:schema", "GET", PUBLIC),
    Door("api:offerings", "GET", ANY),
    Door("api:offering", "GET", ANY),
    Door("api:regions", "GET", ANY),
    Door("api:prices", "GET", PUBLIC),
    Door("api:organisations", "GET", ANY),
    Door("api:organisations", "POST", ANY, {"name": "New one"}),
    Door("api:organisation", "GET", P.ORGANISATION_VIEW),
    Door("api:organisation", "PATCH", P.ORGANISATION_UPDATE, {"name": "Renamed"}),
    Door("api:projects", "GET", ANY),
    Door(
        "api:projects", "POST", P.PROJECT_CREATE, {"name": "Another", "organisation": "matrix-org"}
    ),
    Door("api:project", "GET", P.PROJECT_VIEW),
    Door("api:project", "PATCH", P.PROJECT_UPDATE, {"name": "Renamed"}),
    Door("api:project-instances", "GET", P.INSTANCE_VIEW),
    Door(
        "api:project-instances",
        "POST",
        P.INSTANCE_CREATE,
        {"offering": "postgresql", "name": "made", "region": "local"},
    ),
    Door("api:instances", "GET", ANY),
    Door("api:instance", "GET", P.INSTANCE_VIEW),
    Door("api:instance", "PATCH", P.INSTANCE_UPDATE, {"tags": {"team": "a"}}),
    Door("api:instance", "DELETE", P.INSTANCE_DELETE),
    Door("api:pause", "POST", P.INSTANCE_UPDATE),
    Door("api:resume", "POST", P.INSTANCE_UPDATE),
    Door("api:rotate", "POST", P.INSTANCE_UPDATE),
    Door("api:undelete", "POST", P.INSTANCE_UPDATE),
    Door("api:credentials", "GET", P.CREDENTIAL_REVEAL),
    Door("api:events", "GET", P.INSTANCE_VIEW),
    Door("api:logs", "GET", P.INSTANCE_UPDATE),
    Door("api:operations", "GET", ANY),
    Door("api:operation", "GET", P.OPERATION_VIEW),
    Door("api:retry", "POST", P.OPERATION_MANAGE),
    Door("api:cancel", "POST", P.OPERATION_MANAGE),
    Door("api:audit", "GET", P.AUDIT_VIEW),
    Door("api:members", "GET", P.MEMBER_VIEW),
    Door(
        "api:members",
        "POST",
        P.MEMBER_MANAGE,
        {"email": "guest@test.example", "role": "viewer", "organisation": "matrix-org"},
    ),
    Door("api:member", "PATCH", P.MEMBER_MANAGE, {"role": "viewer"}),
    Door("api:member", "DELETE", P.MEMBER_MANAGE),
    Door("api:tokens", "GET", ANY),
    Door("api:tokens", "POST", ANY, {"name": "mine"}),
    Door("api:token", "DELETE", ANY),
    Door("api:service-accounts", "GET", P.TOKEN_MANAGE),
    Door(
        "api:service-accounts",
        "POST",
        P.TOKEN_MANAGE,
        {"name": "robot", "role": "viewer", "organisation": "matrix-org"},
    ),
    Door("api:service-account", "DELETE", P.TOKEN_MANAGE),
]
# Addresses that are not ours to rule here, each with its reason.
EXEMPT = {
    "api:-": "answers 404 for whatever is not an address of the API",
    "api-docs-try": "sends a request as the reader; the API decides",
}
EXEMPT_STARTS = ("account_",)  # django-allauth's own rules; portal/accounts/adapter.py
ROLES = [None, "outsider", *Role]


def names() -> Iterator[str]:
    """Every named address but the admin site's, which is for staff as a whole."""

    def walk(resolver: URLResolver, space: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLPattern):
                yield f"{space}{pattern.name or '-'}"
            elif pattern.namespace != "admin":
                yield from walk(pattern, f"{pattern.namespace}:" if pattern.namespace else space)

    yield from walk(get_resolver(), "")


def test_every_address_is_listed():
    listed = {door.name for door in DOORS} | set(EXEMPT)
    unlisted = {n for n in names() if n not in listed and not n.startswith(EXEMPT_STARTS)}
    assert unlisted == set(), "say in tests/portal/test_matrix.py who may use it"
    assert listed <= set(names()), "listed, but no such address"


@pytest.fixture
def world(prices: None, fake: Any, plain_static: None) -> dict[str, Any]:
    """A project with a running service, an ended operation, and a person for each role."""
    organisation = make_organisation("matrix-org")
    project = make_project(organisation, "matrix")
    region = make_region()
    people = {role: make_member(project, role) for role in Role}
    elsewhere = make_project(make_organisation("elsewhere"))
    people["outsider"] = make_member(elsewhere, Role.OWNER)
    make_user("guest@test.example")
    member = make_member(project, Role.VIEWER, only_project=True).memberships.get()
    instance = make_instance(project, region, name="matrix", actor=make_owner(project))
    return {
        "people": people,
        "instance": instance,
        "operation": Operation.objects.get(instance=instance),
        "member": member,
    }


def address(door: Door, world: dict[str, Any]) -> str:
    instance, operation = world["instance"].public_id, world["operation"].public_id
    arguments: dict[str, dict[str, str]] = {
        "console:offering": {"slug": "postgresql"},
        "console:order": {"slug": "postgresql"},
        "console:price": {"slug": "postgresql"},
        "api:offering": {"slug": "postgresql"},
        "api:organisation": {"slug": "matrix-org"},
        "api:project": {"slug": "matrix"},
        "api:project-instances": {"slug": "matrix"},
        "api:operation": {"id": operation},
        "api:retry": {"id": operation},
        "api:cancel": {"id": operation},
        "api:member": {"id": world["member"].public_id},
        "api:token": {"id": "tk-00000000"},
        "api:service-account": {"id": "sa-00000000"},
        "api-docs-noun": {"noun": "instances"},
    }
    if door.name in arguments:
        return reverse(door.name, kwargs=arguments[door.name])
    if door.name.startswith("console:operation-") or door.name == "console:operation":
        return reverse(door.name, kwargs={"public_id": operation})
    if door.name.startswith("console:service-") or door.name == "console:service":
        return reverse(door.name, kwargs={"public_id": instance})
    alone = {"api:instances", "api:operations", "api:audit", "api:members", "api:tokens"}
    if door.name.startswith("api:") and door.name not in alone | {
        "api:schema",
        "api:offerings",
        "api:regions",
        "api:prices",
        "api:organisations",
        "api:projects",
        "api:service-accounts",
    }:
        return reverse(door.name, kwargs={"id": instance})
    url = reverse(door.name)
    bounded = door.name in ("api:audit", "api:members") and door.method == "GET"
    return f"{url}?organisation=matrix-org" if bounded else url


def status(door: Door, who: Any, world: dict[str, Any]) -> int:
    """What `who` gets; nothing it does stays."""
    client = Client(raise_request_exception=False)
    url, kind = address(door, world), API if door.name.startswith("api:") else HTML
    with transaction.atomic():
        headers, user = {}, world["people"].get(who)
        if user is not None and kind == API:
            headers["Authorization"] = f"Bearer {make_token(user)}"
        elif user is not None:
            client.force_login(user)
        if kind == API:
            sent = json.dumps(door.body) if door.body is not None else ""
            response = client.generic(
                door.method, url, sent, content_type="application/json", headers=headers
            )
        else:
            response = client.generic(
                door.method,
                url,
                "&".join(f"{k}={v}" for k, v in (door.body or {}).items()),
                content_type="application/x-www-form-urlencoded",
            )
        transaction.set_rollback(True)
    return response.status_code


PASSED = {200, 201, 202, 204, 303, 409, 422}  # 409 and 422 come from behind the door
MISSING = {"api:token", "api:service-account"}  # named rows do not exist: 404 is behind the door


def expected(door: Door, who: Any) -> set[int]:
    anonymous = {401} if door.name.startswith("api:") else {302}
    beyond = {404} if door.name in MISSING else set()
    if door.rule == PUBLIC:
        return PASSED
    if who is None:
        return anonymous
    if door.rule == STAFF:
        return {302, 403}
    if door.rule == ANY:
        return PASSED | beyond
    if who == "outsider":
        # A page about "my project" shows the outsider their own.
        own = {"console:services", "console:operations", "console:order", "console:price"}
        listed = door.name == "api:service-accounts" and door.method == "GET"
        return PASSED if door.name in own or listed else {404}
    if door.rule in GRANTS[Role(who)]:
        return PASSED | beyond
    # What cannot be seen is not there; what can be seen but not done is refused.
    return {403} | ({404} if door.name in MISSING | {"api:member"} else set())


@pytest.mark.parametrize("door", DOORS, ids=lambda d: f"{d.method} {d.name}")
def test_who_may_pass(door, world):
    wrong = []
    for who in ROLES:
        got, wanted = status(door, who, world), expected(door, who)
        if got not in wanted:
            wrong.append(f"{who or 'anonymous'}: {got}, expected one of {sorted(wanted)}")
    assert wrong == []


def test_staff_pages_open_for_staff(client, plain_static):
    client.force_login(make_user(is_staff=True, is_superuser=True))
    assert client.get(reverse("console:styleguide")).status_code == 200
    assert client.get(reverse("admin:index")).status_code == 200


def test_the_admin_site_is_closed_to_tenants(client, world):
    client.force_login(world["people"][Role.OWNER])
    assert client.get(reverse("admin:index")).status_code == 302
