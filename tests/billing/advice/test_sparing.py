"""Candidates for spare capacity, with what was measured of prices and interruptions."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.advice import actions, keeping, sparing, texts
from billing.models import Recommendation
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict
from services.instances.models import SpotInterruption
from tests.billing.spot.made import at, ran, said
from tests.makers import make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

NOW = at(31)
TAGS = {"workload": "batch", "checkpoints": "yes"}


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def region():
    return make_region()


def batch(project, region, tags=TAGS, hours=5, days=20, **fields):
    spans = [(at(day), at(day, hours)) for day in range(2, 2 + days)]
    made = ran(project, region, *spans, spot=False, **fields)
    made.tags = tags
    made.save()
    return made


def found(project):
    return list(sparing.findings_for(project.organisation, NOW))


def test_the_saving_is_of_the_hours_that_it_ran_at_the_mean_factor(project, region):
    said("0.65", at(16))  # half of the thirty days that are looked at
    made = batch(project, region)
    (one,) = found(project)
    compute = 2 * Decimal("0.01980") + 8 * Decimal("0.01188")
    assert one.saving_month == (100 * compute * Decimal("0.5")).quantize(Decimal("0.01"))
    assert (one.subject, one.evidence["factor"], one.evidence["runs"]) == (
        made.public_id,
        "0.5000",
        20,
    )
    assert (one.confidence, one.evidence["spot_hours"]) == ("low", "0.0")


def test_how_often_it_is_taken_away_is_measured(project, region):
    batch(project, region)
    other = ran(make_project(), region, (at(1), at(31)))
    for day in (5, 6, 7):
        SpotInterruption.objects.create(
            instance=other,
            state="ended",
            noticed_at=at(day),
            due_at=at(day, 0, 2),
            interrupted_at=at(day, 0, 3),
        )
    (one,) = found(project)
    assert sparing.taken_away(region, NOW) == sparing.Taken(3, Decimal(720))
    assert one.evidence["interruptions"] == 3
    assert one.evidence["rework_percent"] == "0.21"  # 3 / 720 × half an hour
    assert one.confidence == "medium"


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": {"workload": "batch"}},
        {"tags": {}},
        {"hours": 6},
        {"days": 1},
        {"plan": "ha-2x8"},
        {"offering": "postgresql"},
    ],
)
def test_nothing_is_said_of_what_does_not_ask_for_it_or_cannot(project, region, fields):
    batch(project, region, **fields)
    assert found(project) == []


def test_what_runs_on_it_already_and_what_runs_on_and_on_is_left_alone(project, region):
    made = ran(project, region, (at(2), at(2, 5)), (at(30), None), spot=False)
    made.tags = TAGS
    made.save()
    assert found(project) == []
    made = batch(project, region)
    made.spot = True
    made.save()
    assert found(project) == []


def test_it_becomes_advice_that_leads_to_the_order_form(project, region, monkeypatch):
    monkeypatch.setattr(keeping.clock, "now", lambda: NOW)
    made = batch(project, region)
    keeping.find_advice()
    row = Recommendation.objects.get()
    assert row.kind == "spot"
    assert texts.title(row, made.name) == f"Run {made.name} on spare capacity"
    assert len(texts.reasons(row)) == 3
    with pytest.raises(Conflict):
        actions.apply_advice(actor=SYSTEM, advice=row)


def test_the_mean_weighs_by_time(project, region):
    said("0.95", NOW - timedelta(hours=72))
    batch(project, region)
    (one,) = found(project)
    assert one.evidence["factor"] == "0.4100"  # 0.35 for 27 days, 0.95 for three
