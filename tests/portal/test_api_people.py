"""The API of invitations, requests for quota, archiving, and members of one project."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.kernel import clock
from portal.tenancy.models import Invitation, Organisation, Project
from portal.tenancy.permissions import Role
from services.regions import requests
from services.regions.models import QuotaRequest
from tests.makers import (
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_quota,
    make_region,
)
from tests.portal.api import Api, problem
from tests.services.test_quota_requests import STAFF

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def project():
    return make_project(make_organisation("acme"), slug="shop")


@pytest.fixture
def api(project):
    return Api(make_member(project))


def test_an_invitation_lives_its_life(api):
    body = {"email": "Zoe@Test.example", "role": "operator", "project": "shop"}
    answer = api.post("invitations", body, **{"Idempotency-Key": "one"})
    made = answer.json()
    assert answer.status_code == 201
    assert answer["Location"].endswith(f"/invitations/{made['id']}")
    assert (made["email"], made["project"], made["sent_at"]) == ("zoe@test.example", "shop", None)
    assert api.post("invitations", body, **{"Idempotency-Key": "one"}).json() == made
    problem(api.post("invitations", body), 409, "invited-already")
    assert api.get("invitations").json()["results"] == [made]
    assert api.get("invitations?project=shop").json()["results"] == [made]
    assert api.get(f"invitations/{made['id']}").json() == made
    early = api.post(f"invitations/{made['id']}/resend")
    problem(early, 429, "too-many-requests")
    assert 0 < int(early["Retry-After"]) <= 60
    Invitation.objects.update(tried_at=clock.now() - timedelta(minutes=2))
    again = api.post(f"invitations/{made['id']}/resend")
    assert again.json()["expires_at"] > made["expires_at"]
    assert api.delete(f"invitations/{made['id']}").status_code == 204
    problem(api.get(f"invitations/{made['id']}"), 404, "not-found")
    assert api.get("invitations").json()["results"] == []


def test_bad_invitations_point_at_the_field(api):
    body = problem(api.post("invitations", {"email": "zoe", "role": "viewer"}), 422, "invalid")
    assert [fault["pointer"] for fault in body["errors"]] == ["/email"]
    body = {"email": "zoe@test.example", "role": "viewer", "project": "nowhere"}
    assert problem(api.post("invitations", body), 422, "invalid")["errors"]


def test_an_admin_of_one_project_manages_its_people_by_the_api(project):
    api = Api(make_member(project, Role.ADMIN, only_project=True))
    body = {"email": "zoe@test.example", "role": "viewer"}
    problem(api.post("invitations", body), 403, "not-permitted")
    assert api.post("invitations", body | {"project": "shop"}).status_code == 201
    problem(api.get("invitations"), 403, "not-permitted")
    assert len(api.get("invitations?project=shop").json()["results"]) == 1
    assert len(api.get("members?project=shop").json()["results"]) == 1
    problem(api.get("members"), 403, "not-permitted")


def test_a_request_for_quota_and_its_answer(api, project):
    make_quota(project, make_region(), vcpu=8)
    body = {"project": "shop", "region": "local", "name": "vcpu", "limit": 12.5, "reason": "Grows."}
    made = api.post("quota-requests", body).json()
    assert (made["limit"], made["limit_before"], made["state"]) == (12.5, 8, "pending")
    problem(api.post("quota-requests", body), 409, "asked-already")
    for wrong, pointer in (
        ({"limit": 8}, "/limit"),
        ({"region": "mars"}, "/region"),
        ({"name": "gpu"}, "/name"),
    ):
        fault = problem(api.post("quota-requests", body | wrong), 422, "invalid")["errors"][0]
        assert fault["pointer"] == pointer
    asked = QuotaRequest.objects.get()
    requests.approve_quota_request(actor=STAFF, request=asked, answer="Enjoy.")
    shown = api.get(f"quota-requests/{made['id']}").json()
    assert (shown["state"], shown["limit_granted"], shown["answer"]) == ("approved", 12.5, "Enjoy.")
    assert api.get("quota-requests?project=shop").json()["results"] == [shown]
    problem(api.delete(f"quota-requests/{made['id']}"), 409, "decided-already")
    stranger = Api(make_member(make_project()))
    problem(stranger.get(f"quota-requests/{made['id']}"), 404, "not-found")
    problem(stranger.get("quota-requests?project=shop"), 404, "not-found")


def test_archived_by_delete(api, project):
    instance = make_instance(project, make_region(), name="orders-db")
    assert "orders-db" in problem(api.delete("projects/shop"), 409, "services-live")["detail"]
    problem(api.delete("organisations/acme"), 409, "services-live")
    type(instance).objects.update(deleted_at=clock.now())
    assert api.delete("projects/shop").status_code == 204
    problem(api.get("projects/shop"), 404, "not-found")
    assert Project.objects.get().archived_at is not None
    assert api.delete("organisations/acme").status_code == 204
    problem(api.get("organisations/acme"), 404, "not-found")


def test_a_second_factor_is_required_by_those_who_have_one(api):
    body = problem(api.patch("organisations/acme", {"requires_mfa": True}), 409, "no-second-factor")
    assert "shut out" in body["detail"]
    assert api.get("organisations/acme").json()["requires_mfa"] is False
    answer = api.patch("organisations/acme", {"requires_mfa": False, "name": "ACME"})
    assert answer.json()["name"] == "ACME"
    assert Organisation.objects.get().name == "ACME"


def test_leaving_by_session_only(project):
    """A token does not leave for its owner."""
    make_member(project, Role.OWNER)
    viewer = make_member(project, Role.VIEWER)
    own = viewer.memberships.get().public_id
    problem(Api(viewer).delete(f"members/{own}"), 404, "not-found")
