"""From measurements to rows: one open for each subject, and what becomes of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.advice import actions, keeping, queries, realised
from billing.models import CostLine, Order, Recommendation
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.tenancy.permissions import Role
from services.instances.histograms import bucket_of
from services.instances.models import UtilisationDay
from tests.billing.advice.days import measured
from tests.makers import (
    actor_for,
    drive,
    make_member,
    make_owner,
    make_project,
    make_region,
    make_staff,
    put_instance,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
LARGE, SMALL = "single-4x16", "single-2x8"
SAVING = Decimal("93.67")  # 0.12832 × 730, rounded


class Clock:
    def __init__(self, moment):
        self.moment = moment

    def __call__(self):
        return self.moment


@pytest.fixture
def at(monkeypatch):
    stopped = Clock(NOW)
    monkeypatch.setattr(clock, "now", stopped)
    return stopped


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def owner(project):
    return make_owner(project)


@pytest.fixture
def region():
    return make_region()


@pytest.fixture
def large(at, project, region, fake):
    return measured(put_instance(project, region, fake, plan=LARGE, name="orders-db"))


@pytest.fixture
def unused(at, project, region, fake):
    made = put_instance(project, region, fake, plan=SMALL, name="old-db")
    return measured(made, clients=0)


def only(**fields):
    return Recommendation.objects.get(**fields)


def test_a_plan_that_is_too_large(large):
    assert keeping.find_advice() == 1
    row = only()
    assert (row.kind, row.subject, row.status) == ("right_size", large.public_id, "open")
    assert (row.current["plan"], row.proposed["plan"]) == (LARGE, SMALL)
    assert (row.saving_month, row.confidence) == (SAVING, "high")
    assert row.evidence["rule"] == "right-size"
    assert row.evidence["simulated"]["too_full"] == 0
    assert len(row.evidence["series"]) == 15


def test_a_service_that_nobody_uses_is_to_be_paused(unused):
    keeping.find_advice()
    row = only()
    assert (row.kind, row.proposed) == ("idle", {"action": "pause"})
    storage = 80 * Decimal("0.000164") * 730
    assert row.saving_month == round(Decimal("0.12832") * 730 - storage, 2)


def test_each_night_there_is_one(large):
    keeping.find_advice()
    first = only()
    assert keeping.find_advice() == 1
    assert only().public_id == first.public_id


def test_what_no_longer_holds_expires(large, at):
    keeping.find_advice()
    UtilisationDay.objects.update(memory_buckets=[bucket_of(9000)], memory_max=[9000] * 24)
    assert keeping.find_advice() == 0
    assert only().status == "expired"
    assert only().closed_at == NOW


def test_what_does_not_run_gets_none(large, owner):
    drive(actions.actions.pause(actor=owner, instance=large))
    assert keeping.find_advice() == 0


def test_applying_is_the_ordinary_change(large, owner, at):
    keeping.find_advice()
    row = only()
    assert queries.preview_of(owner, row).quote.plan == SMALL
    operation = drive(actions.apply_advice(actor=owner, advice=row))
    large.refresh_from_db()
    assert (operation.kind, operation.state, large.plan) == ("update", "succeeded", SMALL)
    assert Order.objects.filter(operation=operation).exists()
    row.refresh_from_db()
    assert (row.status, row.operation, row.closed_at) == ("applied", operation, NOW)
    event = AuditEvent.objects.get(verb="advice.apply")
    assert (event.target, event.after["operation"]) == (row.public_id, operation.public_id)
    with pytest.raises(Conflict):
        actions.apply_advice(actor=owner, advice=row)


def test_what_was_just_followed_is_left_alone(large, owner, at):
    keeping.find_advice()
    drive(actions.apply_advice(actor=owner, advice=only()))
    large.refresh_from_db()
    large.plan = LARGE  # somebody went back by hand
    large.save()
    assert keeping.find_advice() == 0
    at.moment = NOW + timedelta(days=15)
    measured(large, until=at.moment, count=14)
    assert keeping.find_advice() == 1


def test_a_change_that_failed_was_none(large, owner, fake):
    from portal.kernel.errors import Permanent

    keeping.find_advice()
    operation = actions.apply_advice(actor=owner, advice=only())
    fake.faults.append(Permanent("engine-refused"))
    assert drive(operation).state == "failed"
    assert keeping.find_advice() == 1
    assert sorted(Recommendation.objects.values_list("status", flat=True)) == ["expired", "open"]


def test_a_pause_is_one_click(unused, owner):
    keeping.find_advice()
    operation = drive(actions.apply_advice(actor=owner, advice=only()))
    unused.refresh_from_db()
    assert (operation.kind, unused.phase) == ("pause", "paused")


def test_another_plan_meanwhile_is_told(large, owner):
    keeping.find_advice()
    large.plan = SMALL
    large.save()
    with pytest.raises(Conflict):
        actions.apply_advice(actor=owner, advice=only())
    assert only().status == "open"


def test_dismissed_advice_stays_away_until_its_day(large, owner, at):
    keeping.find_advice()
    actions.dismiss_advice(actor=owner, advice=only(), reason="It grows in December.", days=30)
    assert keeping.find_advice() == 0
    row = only()
    assert (row.status, row.reason) == ("dismissed", "It grows in December.")
    assert AuditEvent.objects.get(verb="advice.dismiss").reason == "It grows in December."
    at.moment = NOW + timedelta(days=31)
    measured(large, until=at.moment, count=15)
    assert keeping.find_advice() == 1


@pytest.mark.parametrize(
    ("reason", "days", "field"), [(" ", 30, "reason"), ("x" * 301, 30, "reason"), ("no", 7, "days")]
)
def test_what_is_wrong_with_a_dismissal_is_told(large, owner, reason, days, field):
    keeping.find_advice()
    with pytest.raises(Invalid) as told:
        actions.dismiss_advice(actor=owner, advice=only(), reason=reason, days=days)
    assert set(told.value.fields) == {field}
    assert only().status == "open"


def test_who_may_see_and_who_may_follow(large, project):
    keeping.find_advice()
    row = only()
    organisation = project.organisation
    viewer = actor_for(make_member(project, Role.VIEWER))
    guest = actor_for(make_member(project, Role.OPERATOR, only_project=True))
    money = actor_for(make_member(project, Role.BILLING))
    for actor in (viewer, guest, money):
        assert list(queries.advice_for(actor, organisation)) == [row]
        assert queries.advice_called(actor, row.public_id) == row
    assert queries.may_follow(guest, row)
    for actor in (viewer, money):
        assert not queries.may_follow(actor, row)
        with pytest.raises(NotPermitted):
            actions.apply_advice(actor=actor, advice=row)
        with pytest.raises(NotPermitted):
            actions.dismiss_advice(actor=actor, advice=row, reason="no", days=30)
    assert row.project_id in queries.projects_shown_to(viewer)
    assert row.project_id not in queries.projects_shown_to(money)


def test_nobody_else_learns_of_it(large, project):
    keeping.find_advice()
    beside = make_project(project.organisation)
    elsewhere = actor_for(make_member(beside, Role.OWNER, only_project=True))
    assert list(queries.advice_for(elsewhere, project.organisation)) == []
    strangers = (make_owner(make_project()), make_staff(), elsewhere)
    for actor in strangers:
        with pytest.raises(NotFound):
            queries.advice_called(actor, only().public_id)
    for actor in strangers[:2]:
        with pytest.raises(NotFound):
            queries.advice_for(actor, project.organisation)


def test_two_organisations_are_kept_apart(large, region):
    measured(put_instance(make_project(), region, plan=LARGE))
    assert keeping.find_advice() == 2
    assert Recommendation.objects.values("organisation").distinct().count() == 2


# -- promised and realised -------------------------------------------------------------------------


def spent(instance, day, amount):
    CostLine.objects.create(
        organisation=instance.project.organisation,
        instance=instance,
        day=day,
        quantity=1,
        list_unit_price=0,
        contracted_unit_price=0,
        **dict.fromkeys(("list_cost", "contracted_cost", "effective_cost", "billed_cost"), amount),
    )


@pytest.fixture
def applied(large, owner, at):
    """Ten days old when it was changed, from 6.16 a day to 3.08; the day between is neither."""
    large.created_at = NOW - timedelta(days=11)
    large.save()
    keeping.find_advice()
    drive(actions.apply_advice(actor=owner, advice=only()))
    for ago in range(1, 11):
        spent(large, NOW.date() - timedelta(days=ago), Decimal("6.16"))
    spent(large, NOW.date(), Decimal(100))
    for after in range(1, 31):
        spent(large, NOW.date() + timedelta(days=after), Decimal("3.08"))
    return large


def test_after_a_month_the_promise_is_compared(applied, at):
    at.moment = NOW + timedelta(days=31)
    assert realised.compare(at.moment) == 0
    at.moment = NOW + timedelta(days=32)
    assert realised.compare(at.moment) == 1
    row = only(status="applied")
    assert (row.realised_at, row.saving_month) == (at.moment, SAVING)
    assert row.realised_month == round(Decimal("3.08") * 730 / 24, 2)
    assert realised.compare(at.moment) == 0


def test_what_was_changed_on_its_first_day_cannot_be_compared(applied):
    applied.created_at = NOW
    applied.save()
    assert realised.realised(applied, NOW.date()) is None


def test_a_night_without_money_to_save(at, project, region):
    measured(put_instance(project, region, plan=SMALL))
    assert keeping.find_advice() == 0
