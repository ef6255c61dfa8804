"""Spare capacity through the API: prices, order, interruptions."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.spot import history
from portal.kernel import clock
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from services.instances import interruptions
from services.instances.models import Instance
from tests.billing.spot.made import said
from tests.makers import make_member, make_owner, make_project, make_region, make_staff
from tests.portal.api import Api, finish

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
