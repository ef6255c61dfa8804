"""Requests for more quota: who may ask, who decides, what then holds."""

from __future__ import annotations

from decimal import Decimal

import pytest

from portal.audit.models import AuditEvent
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.tenancy.permissions import Role
from services.regions import requests
from services.regions.models import Quota, QuotaRequest
from tests.makers import (
    actor_for,
    make_member,
    make_owner,
    make_project,
    make_quota,
    make_region,
)

pytestmark = pytest.mark.django_db
STAFF = Actor(kind="staff", id="1", name="staff@provider.example", is_staff=True)


@pytest.fixture
def project():
    return make_project(slug="shop")


@pytest.fixture
def region(project):
    found = make_region()
    make_quota(project, found, vcpu=8)
    return found


@pytest.fixture
def owner(project):
    return make_owner(project)


@pytest.fixture
def ask(project, region, owner):
    def call(limit: int = 16, **fields: object) -> QuotaRequest:
        wanted = {"actor": owner, "project": project, "region": region, "name": "vcpu"}
        given = {"limit": Decimal(limit), "reason": "The shop grows."}
        return requests.request_quota(**(wanted | given | fields))

    return call


def limit():
    return Quota.objects.get().limit


def test_approved_sets_the_limit(ask):
    asked = ask()
    assert (asked.limit_before, limit()) == (8, 8)
    assert list(requests.pending_quota_requests()) == [asked]
    done = requests.approve_quota_request(actor=STAFF, request=asked, answer="Enjoy.")
    assert (done.state, done.limit_granted, limit()) == ("approved", 16, 16)
    assert (done.decided_by, done.answer) == (STAFF.name, "Enjoy.")
    event = AuditEvent.objects.latest("id")
    assert (event.verb, event.before["limit"], event.after["limit"]) == ("quota.approve", "8", "16")
    assert list(requests.pending_quota_requests()) == []


def test_staff_may_give_another_limit_but_not_less_than_is_used(ask):
    Quota.objects.update(used=6)
    asked = ask()
    with pytest.raises(Invalid, match="uses 6"):
        requests.approve_quota_request(actor=STAFF, request=asked, limit=Decimal(5))
    requests.approve_quota_request(actor=STAFF, request=asked, limit=Decimal(10))
    assert limit() == 10


def test_refused_says_why(ask):
    asked = ask()
    with pytest.raises(Invalid, match="Say why"):
        requests.refuse_quota_request(actor=STAFF, request=asked, answer=" ")
    done = requests.refuse_quota_request(actor=STAFF, request=asked, answer="No room.")
    assert (done.state, done.answer, limit()) == ("refused", "No room.", 8)


def test_what_is_decided_stays(ask, owner):
    asked = ask()
    requests.withdraw_quota_request(actor=owner, request=asked)
    for do in (
        lambda: requests.withdraw_quota_request(actor=owner, request=asked),
        lambda: requests.approve_quota_request(actor=STAFF, request=asked),
        lambda: requests.refuse_quota_request(actor=STAFF, request=asked, answer="No."),
    ):
        with pytest.raises(Conflict):
            do()
    assert limit() == 8


def test_only_one_waits(ask, owner):
    asked = ask()
    with pytest.raises(Conflict, match="waits for an answer"):
        ask(32)
    requests.withdraw_quota_request(actor=owner, request=asked)
    assert ask(32).limit == 32


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"limit": Decimal(8)}, ["limit"]),
        ({"limit": Decimal(10**9)}, ["limit"]),
        ({"limit": Decimal("NaN")}, ["limit"]),
        ({"reason": " "}, ["reason"]),
        ({"reason": "x" * 1001, "limit": Decimal(1)}, ["limit", "reason"]),
        ({"name": "gpu"}, ["name"]),
    ],
)
def test_bad_wishes_are_refused(ask, fields, wrong):
    with pytest.raises(Invalid) as refused:
        ask(**fields)
    assert sorted(refused.value.fields) == wrong


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.BILLING, Role.VIEWER])
def test_who_may_ask(ask, project, role):
    with pytest.raises(NotPermitted):
        ask(actor=actor_for(make_member(project, role)))


def test_tenants_do_not_decide_and_see_only_their_own(ask, owner):
    asked = ask()
    for do in (requests.approve_quota_request, requests.refuse_quota_request):
        with pytest.raises(NotPermitted, match="Only the provider"):
            do(actor=owner, request=asked, answer="Yes.")
    stranger = make_owner(make_project())
    assert requests.quota_request_for(owner, asked.public_id) == asked
    with pytest.raises(NotFound):
        requests.quota_request_for(stranger, asked.public_id)
    with pytest.raises(NotFound):
        requests.withdraw_quota_request(actor=stranger, request=asked)
    assert requests.quota_request_called(asked.public_id) == asked
