"""Spare capacity through the API: prices, order, interruptions."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from billing.models import SpotFactor
from billing.spot import history
from portal.audit.actions import PROVIDER
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from services import registry
from services.instances import interruptions
from services.instances.models import Instance
from tests.billing.spot.made import said
from tests.makers import (
    make_member,
    make_owner,
    make_project,
    make_region,
    make_staff,
    make_user,
    signed_in,
)
from tests.portal.api import ROOT, Api, finish, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def project():
    return make_project(slug="batch")


@pytest.fixture
def region():
    return make_region("local", spot_vcpu=4)


@pytest.fixture
def api(project, region):
    return Api(make_member(project))


WANTED = {"offering": "redis", "plan": "single-2x4", "region": "local", "name": "w", "spot": True}


def test_an_order_says_what_it_costs_and_that_it_is_spot(api):
    told = api.post("projects/batch/instances?dry_run=true", WANTED).json()
    assert told["quote"]["spot_factor"] == "0.35"
    hourly = (2 * Decimal("0.01980") + 4 * Decimal("0.01188")) * Decimal("0.35")
    storage = Decimal(told["quote"]["hourly"]["amount"]) - hourly
    listed = api.post("projects/batch/instances?dry_run=true", WANTED | {"spot": False}).json()
    assert listed["quote"]["spot_factor"] is None
    assert Decimal(listed["quote"]["hourly"]["amount"]) == hourly / Decimal("0.35") + storage
    assert not Instance.objects.exists()
    finish(api.post("projects/batch/instances", WANTED))
    [row] = api.get("instances").json()["results"]
    assert (row["spot"], row["sla"]) == (True, None)
    assert row["price"]["hourly"] == told["quote"]["hourly"]


def test_what_cannot_be_had_is_said(api, region):
    answer = api.post("projects/batch/instances", WANTED | {"plan": "ha-2x8"})
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/spot"]
    interruptions.offer_spare(actor=make_staff(), region=region, vcpu=Decimal(1))
    answer = api.post("projects/batch/instances", WANTED)
    assert (answer.status_code, answer.json()["code"]) == (409, "no-spare-capacity")
    answer = api.post("projects/batch/instances?dry_run=true", WANTED)
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/spot"]


def test_interruptions_are_listed(api, region):
    operation = finish(api.post("projects/batch/instances", WANTED))
    interruptions.offer_spare(actor=make_staff(), region=region, vcpu=Decimal(0))
    path = f"instances/{operation.instance.public_id}/interruptions"
    [row] = api.get(path).json()["results"]
    assert (row["state"], row["ended_because"], row["operation"]) == ("noticed", None, None)
    assert row["due_at"] > row["noticed_at"]


def test_prices_and_every_factor_are_public(api):
    make_region("north")
    said("0.50", clock.now() - timedelta(days=1), region="north")
    there = Api().get("prices?spot=true&region=north&offering=redis").json()["results"]
    found = {row["meter"]: (row["category"], row["tiers"][0]["unit_price"]) for row in there}
    assert found == {"vcpu": ("dynamic", "0.0099"), "memory_gib": ("dynamic", "0.00594")}
    before = (clock.now() - timedelta(days=2)).isoformat().replace("+00:00", "Z")
    there = Api().get(f"prices?spot=true&region=north&offering=redis&at={before}").json()
    assert there["results"][0]["tiers"][0]["unit_price"] in ("0.00693", "0.004158")
    newest, oldest = Api().get("prices/spot").json()["results"]
    assert (newest["region"], newest["factor"], newest["floor"]) == ("north", "0.5", "0.2")
    assert (oldest["region"], oldest["factor"], oldest["ceiling"]) == (None, "0.35", "1")
    plans = api.get("offerings/redis").json()["plans"]
    spot = {plan["id"]: plan["spot_price"] is not None for plan in plans}
    assert spot == {"dev-1x1": True, "single-2x4": True, "single-2x8": True, "ha-2x8": False}


# -- what staff says -------------------------------------------------------------------------------


def say(factor, **more):
    wanted = None if factor is None else Decimal(factor)
    return history.say(actor=make_staff(), region="local", factor=wanted, **more)


def test_a_factor_holds_from_the_next_full_hour_and_is_never_changed(region):
    row = say("0.50", reason="much is used")
    assert row.at > clock.now()
    assert row.at - clock.now() <= timedelta(hours=1, minutes=1)
    assert (row.at.minute, row.at.second) == (0, 0)
    assert history.factor_at("local", "") == Decimal("0.35")
    assert history.factor_at("local", "", row.at) == Decimal("0.50")
    with pytest.raises(Conflict) as refused:
        say("0.60")
    assert refused.value.code == "already-set"
    say("0.60", at=row.at + timedelta(hours=1))
    say(None, at=row.at + timedelta(hours=2))
    history.forget_factors()  # as after the commit
    assert history.factor_at("local", "", row.at + timedelta(hours=2)) == Decimal("0.35")


@pytest.mark.parametrize(
    ("factor", "hours", "field"),
    [
        ("0.19", 0, "factor"),
        ("1.01", 0, "factor"),
        ("0.355", 0, "factor"),
        ("0.5", -1, "at"),
    ],
)
def test_what_may_not_be_is_refused(region, factor, hours, field):
    at = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=hours)
    with pytest.raises(Invalid) as refused:
        say(factor, at=at if hours else None)
    assert list(refused.value.fields) == [field]


def test_the_database_refuses_to_change_what_was_said(region):
    from django.db import IntegrityError, transaction

    row = say("0.50")
    row.factor = Decimal("0.40")
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        row.delete()


def test_only_staff_says_it(project, region):
    with pytest.raises(NotPermitted):
        history.say(actor=make_owner(project), region="local", factor=Decimal("0.50"))


# -- what staff says through the API ---------------------------------------------------------------


@pytest.fixture
def staff(client):
    """Signed in just now: `staff("POST", path, body)`."""
    signed_in(client, make_user(is_staff=True))

    def send(method, path, body, **headers):
        sent = json.dumps(body)
        kind = "application/json"
        return client.generic(method, ROOT + path, sent, content_type=kind, headers=headers)

    return send


def test_staff_sets_a_factor_once_and_it_is_audited(staff, region, api):
    wanted = {"region": "local", "factor": "0.5", "reason": "full"}
    wanted["price_class"] = registry.get("redis").offering.price_class
    first = staff("POST", "prices/spot", wanted, **{"Idempotency-Key": "k"})
    again = staff("POST", "prices/spot", wanted, **{"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (first.json()["factor"], first.json()["region"]) == ("0.5", "local")
    assert first.json()["valid_from"] > clock.now().isoformat()
    problem(staff("POST", "prices/spot", wanted), 409, "already-set")
    assert api.get("prices/spot?region=local").json()["results"][0] == first.json()
    event = AuditEvent.objects.get(verb="spot_factor.set")
    assert (event.chain, event.actor_kind, event.reason) == (PROVIDER, "staff", "full")


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"factor": "0.19"}, "/factor"),
        ({"factor": "much"}, "/factor"),
        ({"factor": "NaN"}, "/factor"),
        ({"factor": None}, "/factor"),
        ({"factor": "0.5", "price_class": "nothing"}, "/price_class"),
        ({"factor": "0.5", "region": "nowhere"}, "/region"),
        ({"factor": "0.5", "valid_from": "2026-01-01T00:00:00Z"}, "/valid_from"),
        ({}, "/factor"),
    ],
)
def test_what_is_no_factor_is_said_by_its_field(staff, region, wanted, field):
    told = problem(staff("POST", "prices/spot", wanted), 422, "invalid")
    assert [fault["pointer"] for fault in told["errors"]] == [field]
    assert not SpotFactor.objects.filter(said_by__gt="").exists()


def test_staff_sets_spare_capacity_and_hears_who_is_told(staff, region, api):
    made = finish(api.post("projects/batch/instances", WANTED)).instance
    path = "regions/local/spare-capacity"
    told = {"region": "local", "left_vcpu": "2", "offered_vcpu": None, "used_vcpu": None}
    assert api.get(path).json() == {**told, "interrupted": []}
    answer = staff("PATCH", path, {"offered_vcpu": "1.5", "reason": "needed"})
    assert answer.json() == {
        "region": "local",
        "left_vcpu": "0",
        "offered_vcpu": "1.5",
        "used_vcpu": "2",
        "interrupted": [made.public_id],
    }
    assert staff("GET", path, {}).json()["used_vcpu"] == "2"
    event = AuditEvent.objects.get(verb="region.spare")
    assert (event.actor_kind, event.reason) == ("staff", "needed")
    for amount in ("-1", "x", "Infinity", "0.0001"):
        problem(staff("PATCH", path, {"offered_vcpu": amount}), 422, "invalid")
    problem(
        staff("PATCH", "regions/nowhere/spare-capacity", {"offered_vcpu": "1"}), 404, "not-found"
    )


def test_no_token_holds_what_staff_may(project, region):
    person = make_user(is_staff=True)
    for who in (Api(person), Api(make_member(project))):
        problem(who.post("prices/spot", {"factor": "0.5"}), 403, "not-permitted")
        problem(
            who.patch("regions/local/spare-capacity", {"offered_vcpu": "0"}), 403, "not-permitted"
        )
    region.refresh_from_db()
    assert region.spot_vcpu == 4
