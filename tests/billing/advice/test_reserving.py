"""From usage records to a proposal, and from the purchase to what became of it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing import cycle
from billing.advice import actions, keeping, queries, reserving, texts
from billing.commitments import actions as commitments
from billing.commitments.actions import Wanted
from billing.models import BillingIdentity, Recommendation
from portal.kernel import clock
from portal.kernel.errors import Conflict, NotPermitted
from portal.tenancy.permissions import Role
from services.instances.models import Instance, InstanceEvent
from tests.billing.advice.days import measured
from tests.makers import (
    actor_for,
    make_member,
    make_owner,
    make_project,
    make_region,
    put_instance,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
BEGUN = datetime(2026, 9, 1, tzinfo=UTC)
SMALL, LARGE = "single-2x8", "single-4x16"
HOURLY = 2 * Decimal("0.02592") + 8 * Decimal("0.00792")  # without its storage


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def project():
    made = make_project()
    BillingIdentity.objects.create(organisation=made.organisation, country="NL")
    return made


def running(project, region, *plans, since=BEGUN):
    """Services that ran all the time, metered."""
    for plan in plans:
        instance = put_instance(project, region, plan=plan, created_at=since)
        InstanceEvent.objects.create(instance=instance, code="created", at=since, plan=plan)
    for month in (date(2026, 9, 1), date(2026, 10, 1)):
        cycle.meter_month(month)


def found(project):
    return list(reserving.findings_for(project.organisation, NOW))


def bought(project, pieces, **more):
    wanted = Wanted(term="1y", offering="postgresql", plan=SMALL, pieces=pieces, **more)
    return commitments.purchase_commitment(
        actor=make_owner(project), organisation=project.organisation, wanted=wanted
    )


def test_what_always_runs_is_to_be_reserved(project, region):
    running(project, region, SMALL, SMALL, SMALL)
    [one] = found(project)
    assert one.subject == "database.postgresql/local"
    assert one.proposed == {
        "offering": "postgresql",
        "plan": SMALL,
        "region": "local",
        "layers": [{"term": "3y", "pieces": 3}],
    }
    assert one.saving_month == round(3 * HOURLY * Decimal("0.4") * 730, 2)
    assert (one.confidence, one.evidence["days"]) == ("low", 49)
    assert one.evidence["use"] == {"least": "3.0", "median": "3.0", "most": "3.0"}
    assert (one.evidence["covered_percent"], one.evidence["used_percent"]) == ("100.0", "100.0")


def test_other_plans_count_as_pieces_of_the_most_common_one(project, region):
    running(project, region, SMALL, SMALL, LARGE)  # 8 vCPU and 32 GiB
    [one] = found(project)
    assert one.proposed["layers"] == [{"term": "3y", "pieces": 4}]


def test_the_scarcest_part_decides(project, region):
    running(project, region, SMALL, SMALL, "dev-1x1", "dev-1x1")  # 6 vCPU, but 18 GiB
    [one] = found(project)
    assert one.proposed["layers"] == [{"term": "3y", "pieces": 2}]


@pytest.mark.parametrize("where", ["local", ""])
def test_what_is_reserved_already_is_taken_off(project, region, where):
    running(project, region, SMALL, SMALL, SMALL)
    bought(project, 2, region=where)
    [one] = found(project)
    assert one.proposed["layers"] == [{"term": "3y", "pieces": 1}]


def test_a_month_must_have_passed(project, region):
    running(project, region, SMALL, since=datetime(2026, 9, 21, tzinfo=UTC))
    assert found(project) == []


def test_what_has_no_reserved_price_is_left_alone(project, region, monkeypatch):
    running(project, region, SMALL)
    monkeypatch.setattr(reserving, "reservable_classes", set)
    assert found(project) == []


def test_what_ought_to_be_paused_is_not_reserved(project, region):
    running(project, region, SMALL, SMALL, SMALL)
    first = Instance.objects.order_by("pk").first()
    measured(first, clients=0)
    keeping.find_advice()
    row = Recommendation.objects.get(kind="reserve")
    assert row.proposed["layers"] == [{"term": "3y", "pieces": 2}]
    idle = Recommendation.objects.get(kind="idle")
    actions.dismiss_advice(actor=make_owner(project), advice=idle, reason="A spare.", days=90)
    keeping.find_advice()
    row.refresh_from_db()
    assert row.proposed["layers"] == [{"term": "3y", "pieces": 3}]


def test_a_purchase_closes_it_as_followed(project, region):
    running(project, region, SMALL, SMALL)
    keeping.find_advice()
    row = Recommendation.objects.get(kind="reserve")
    bought(project, 2, region="local")
    keeping.find_advice()
    row.refresh_from_db()
    assert (row.status, row.closed_at) == ("applied", NOW)


def test_it_is_read_by_the_organisation_and_followed_by_its_money(project, region):
    running(project, region, SMALL, SMALL)
    keeping.find_advice()
    row = Recommendation.objects.get(kind="reserve")
    guest = actor_for(make_member(project, Role.OPERATOR, only_project=True))
    money = actor_for(make_member(project, Role.BILLING))
    viewer = actor_for(make_member(project, Role.VIEWER))
    with pytest.raises(NotPermitted):
        queries.advice_called(guest, row.public_id)
    assert queries.advice_called(viewer, row.public_id) == row
    assert (queries.may_follow(money, row), queries.may_follow(viewer, row)) == (True, False)
    assert texts.title(row, "") == f"Reserve 2 × PostgreSQL {SMALL} in local"
    said = " ".join(texts.reasons(row))
    assert "between 2 and 2 of it" in said
    assert "100 % of the use" in said
    with pytest.raises(Conflict):
        actions.apply_advice(actor=money, advice=row)
    actions.dismiss_advice(actor=money, advice=row, reason="We move away.", days=365)
    assert keeping.find_advice() == 0
