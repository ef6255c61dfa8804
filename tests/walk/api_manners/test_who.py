"""Who may ask for what, of every noun."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from portal.accounts.models import ApiToken
from portal.kernel import clock
from portal.tenancy.models import Membership
from portal.tenancy.permissions import Role
from tests.makers import make_member, make_organisation, make_project, make_token, signed_in
from tests.portal.api import ROOT, Api, problem
from tests.walk.api_manners.ordering import ORDER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


# -- who -------------------------------------------------------------------------------------------


def test_no_token_and_a_bad_one():
    body = problem(Api().get("instances"), 401, "not-authenticated")
    assert "Bearer" in body["hint"]
    for text in ("polder_no-such-token-at-all", "x", "\xff", "polder_" + "x" * 5000):
        answer = Api(token=text).get("instances")
        problem(answer, 401, "bad-token")
        assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_none(api):
    problem(Api().get(f"instances?token={api.token}"), 401, "not-authenticated")


def test_revoked_and_expired_tokens_end(api):
    assert api.get("instances").status_code == 200
    ApiToken.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    problem(api.get("instances"), 401, "bad-token")


def test_a_session_reads_and_needs_csrf_to_write(project, plain_static):
    user = make_member(project)
    client = signed_in(Client(enforce_csrf_checks=True), user)
    assert client.get(f"{ROOT}projects/shop").json()["slug"] == "shop"
    refused = client.patch(
        f"{ROOT}projects/shop", {"name": "Other"}, content_type="application/json"
    )
    problem(refused, 403, "csrf")
    client.get("/accounts/logout/")
    token = client.cookies[next(n for n in client.cookies if "csrf" in n)].value
    allowed = client.patch(
        f"{ROOT}projects/shop",
        {"name": "Other"},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert allowed.json()["name"] == "Other"


def test_a_session_of_long_ago_only_reads(project, instance):
    client = signed_in(Client(), make_member(project), minutes_ago=16)
    assert client.get(f"{ROOT}projects/shop").status_code == 200
    secret = client.get(f"{ROOT}instances/{instance.public_id}/credentials")
    problem(secret, 403, "sign-in-too-old")
    refused = client.patch(
        f"{ROOT}projects/shop", {"name": "Other"}, content_type="application/json"
    )
    problem(refused, 403, "sign-in-too-old")


def test_another_tenant_finds_nothing(project, instance):
    operation = instance.operations.get()
    member = Membership.objects.create(
        user=make_member(make_project()), organisation=project.organisation, role=Role.VIEWER
    )
    stranger = Api(make_member(make_project()))
    reads = [
        f"instances/{instance.public_id}",
        f"instances/{instance.public_id}/credentials",
        f"instances/{instance.public_id}/events",
        f"instances/{instance.public_id}/logs",
        f"operations/{operation.public_id}",
        "projects/shop",
        "projects/shop/instances",
        f"organisations/{project.organisation.slug}",
        f"members/{member.public_id}",
        f"members?organisation={project.organisation.slug}",
        f"audit?organisation={project.organisation.slug}",
        f"service-accounts?organisation={project.organisation.slug}",
    ]
    for path in reads:
        problem(stranger.get(path), 404, "not-found")
    problem(stranger.post("projects/shop/instances", ORDER), 404, "not-found")
    problem(stranger.patch(f"instances/{instance.public_id}", {}), 404, "not-found")
    problem(stranger.delete(f"instances/{instance.public_id}"), 404, "not-found")
    problem(stranger.post(f"operations/{operation.public_id}/retry"), 404, "not-found")
    for path in ("instances", "operations"):
        assert stranger.get(path).json()["results"] == []


def test_a_viewer_may_look_and_nothing_else(project, instance):
    viewer = Api(make_member(project, Role.VIEWER))
    path = f"instances/{instance.public_id}"
    assert viewer.get(path).status_code == 200
    refused = [
        viewer.get(f"{path}/credentials"),
        viewer.get(f"{path}/logs"),
        viewer.patch(path, {"name": "x"}),
        viewer.patch(path, b"not json"),
        viewer.delete(path),
        viewer.post(f"{path}/pause"),
        viewer.post("projects/shop/instances", ORDER),
        viewer.post("projects", {"name": "Second"}),
        viewer.get("members"),
        viewer.get("audit"),
        viewer.patch("projects/shop", {"name": "x"}),
    ]
    for answer in refused:
        assert problem(answer, 403, "not-permitted")["hint"]


def test_a_scoped_token_does_only_that(project, instance):
    user = make_member(project)
    api = Api(token=make_token(user, permissions=["instance.view"], project=project))
    assert api.get("instances").json()["results"][0]["id"] == instance.public_id
    problem(api.post(f"instances/{instance.public_id}/pause"), 403, "not-permitted")


def test_several_organisations_must_be_told_apart(project):
    user = make_member(project)
    other = make_project(make_organisation("other"))
    make_member(other, user=user)
    api = Api(user)
    for path in ("projects", "members", "audit", "service-accounts"):
        problem(api.get(path), 400, "organisation-required")
        assert api.get(f"{path}?organisation=other").status_code == 200
    problem(api.post("projects", {"name": "New"}), 400, "organisation-required")
    made = api.post("projects", {"name": "New", "organisation": "other"})
    assert (made.status_code, made.json()["organisation"]) == (201, "other")
    assert len(api.get("organisations").json()["results"]) == 2


# -- the other nouns -------------------------------------------------------------------------------


def test_organisations_projects_members(api, project):
    made = api.post("organisations", {"name": "Acme", "slug": "acme", "country": "NL"})
    assert (made.status_code, made.json()["country"]) == (201, "NL")
    assert api.get(made["Location"]).json()["slug"] == "acme"
    renamed = api.patch("organisations/acme", {"name": "Acme BV"})
    assert renamed.json()["name"] == "Acme BV"
    place = api.post("projects", {"name": "Web shop", "organisation": "acme"})
    assert place.json()["slug"] == "web-shop"
    zone = api.patch("projects/web-shop", {"time_zone": "Europe/Berlin", "tags": {"a": "b"}})
    assert (zone.json()["time_zone"], zone.json()["tags"]) == ("Europe/Berlin", {"a": "b"})
    problem(api.patch("projects/web-shop", {"time_zone": "Mars"}), 422, "invalid")

    guest = make_member(make_project())
    body = {"organisation": "acme", "email": guest.email, "role": "viewer", "project": "web-shop"}
    member = api.post("members", {**body, "expires_at": "2999-01-01T00:00:00+02:00"})
    assert member.json()["expires_at"] == "2998-12-31T22:00:00.000Z"
    path = f"members/{member.json()['id']}"
    changed = api.patch(path, {"role": "operator", "expires_at": None})
    assert (changed.json()["role"], changed.json()["expires_at"]) == ("operator", None)
    problem(api.post("members", body), 409, "conflict")
    unknown = api.post("members", {**body, "email": "nobody@test.example"})
    assert problem(unknown, 422, "invalid")["errors"][0]["pointer"] == "/email"
    assert api.delete(path).status_code == 204
    problem(api.get(path), 404, "not-found")
    me = api.get("members?organisation=acme").json()["results"][0]
    problem(api.delete(f"members/{me['id']}"), 409, "last-owner")
    trail = api.get("audit?organisation=acme&verb=member.").json()["results"]
    assert [event["verb"] for event in trail] == ["member.remove", "member.change", "member.add"]
    assert {event["target"]["id"] for event in trail} == {guest.email}


def test_tokens_are_shown_once(api, project):
    body = {"name": "ci", "permissions": ["instance.view"], "project": "shop"}
    made = api.post("tokens", body, **{"Idempotency-Key": "one"})
    text = made.json()["token"]
    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    assert Api(token=text).get("instances").status_code == 200
    again = api.post("tokens", body, **{"Idempotency-Key": "one"})
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"])
    assert "token" not in again.json()
    assert text not in api.get("tokens").content.decode()
    assert api.delete(f"tokens/{made.json()['id']}").status_code == 204
    problem(Api(token=text).get("instances"), 401, "bad-token")


def test_service_accounts(api, project):
    made = api.post("service-accounts", {"name": "deploy", "role": "operator", "project": "shop"})
    ident = made.json()["id"]
    assert [one["id"] for one in api.get("service-accounts").json()["results"]] == [ident]
    token = api.post("tokens", {"name": "deploy", "service_account": ident}).json()["token"]
    assert Api(token=token).get("projects/shop").status_code == 200
    fault = api.post("tokens", {"name": "x", "service_account": "sa-none"})
    assert problem(fault, 422, "invalid")["errors"][0]["pointer"] == "/service_account"
    nowhere = api.post("service-accounts", {"name": "y", "role": "viewer", "project": ""})
    assert problem(nowhere, 422, "invalid")["errors"][0]["pointer"] == "/project"
    assert api.delete(f"service-accounts/{ident}").status_code == 204
    problem(Api(token=token).get("projects/shop"), 401, "bad-token")
    problem(api.get(f"service-accounts/{ident}"), 404, "not-found")


def test_prices_are_public_and_effective_dated():
    now = Api().get("prices?offering=postgresql").json()["results"]
    assert {row["meter"] for row in now} >= {"vcpu", "memory_gib", "storage_gib"}
    assert Api().get("prices?at=2001-01-01T00:00:00Z").json()["results"] == []
    reserved = Api().get("prices?offering=postgresql&term=1y").json()["results"]
    assert {(row["meter"], row["category"]) for row in reserved} == {
        ("vcpu", "committed"),
        ("memory_gib", "committed"),
    }
    problem(Api().get("prices?term=9y"), 400, "invalid-query")
    assert Api().get("prices?offering=none").json()["results"] == []
    problem(Api().get("prices?at=yesterday"), 400, "invalid-query")
