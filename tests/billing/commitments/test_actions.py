"""Reserving capacity: the price before the click, its payments, renewing, reminders."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.commitments import actions as commitments
from billing.commitments import queries as reads
from billing.commitments import upkeep
from billing.commitments.actions import Wanted
from billing.metering import records as metering
from billing.models import BillingIdentity, Commitment, CommitmentReminder, CostLine, RatedMonth
from billing.pricebook import reserved
from billing.rating import months as rating
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Role
from services.regions.models import Region
from tests.billing.rating.test_months import used
from tests.makers import actor_for, make_instance, make_member, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

TODAY = date(2026, 11, 20)
ONE = {"vcpu": Decimal(1)}


@pytest.fixture(autouse=True)
def now(monkeypatch):
    def put(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    put(datetime(2026, 11, 20, 9, tzinfo=UTC))
    return put


@pytest.fixture
def project():
    make_region()
    made = make_project()
    BillingIdentity.objects.create(organisation=made.organisation, country="NL")
    return made


@pytest.fixture
def instance_of():
    return lambda project: make_instance(project, Region.objects.get())


def wanted(**fields):
    given = {"term": "1y", "offering": "postgresql", "plan": "single-2x8", "pieces": 1}
    return Wanted(**given | fields)


def buy(project, **fields):
    return commitments.purchase_commitment(
        actor=SYSTEM, organisation=project.organisation, wanted=wanted(**fields)
    )


def offer(project, **fields):
    return commitments.reservation_for(SYSTEM, project.organisation, wanted(**fields))


# 2 × 0.02592 + 8 × 0.00792 = 0.1152 an hour; a year from 20 November counts 8,662 hours: 730 of a
# month at most.
def test_a_year_of_a_plan_costs_a_quarter_less_than_always_on(project):
    found = offer(project)
    assert (found.start, found.end) == (TODAY, date(2027, 11, 20))
    assert found.on_demand_total == Decimal("997.86")
    assert found.total == Decimal("748.40")
    assert found.break_even_percent == 75
    assert {(r.meter, r.quantity) for r in found.rates} == {("vcpu", 2), ("memory_gib", 8)}
    assert (found.saved, found.used_percent) == (Decimal("-61.00"), 0)


def test_three_years_cost_two_fifths_less(project):
    found = offer(project, term="3y", pieces=10)
    assert found.end == date(2029, 11, 20)
    assert abs(found.total / found.on_demand_total - Decimal("0.6")) < Decimal("0.00001")


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_payments_add_up_to_the_cent(project, percent):
    found = offer(project, upfront_percent=percent)
    assert sum(amount for _day, amount in found.payments) == found.total
    assert found.payments[0][0] == TODAY
    assert len(found.payments) == (1 if percent == 100 else 12)


def test_a_term_from_the_last_of_a_month_pays_on_the_last(project):
    days = [day for day, _ in reserved.payments(date(2027, 1, 31), 12, Decimal(12), 0)]
    assert days[:3] == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31)]


def test_what_it_would_have_saved_is_what_was_paid_on_demand(project, instance_of):
    one = instance_of(project)
    for day in range(1, 20):
        used(one, 1, 86400 * 2, "vcpu", "database.postgresql", day_of=date(2026, 11, day))
        used(one, 1, 86400 * 8, "memory_gib", "database.postgresql", day_of=date(2026, 11, day))
    rating.rate(date(2026, 11, 1))
    found = offer(project)
    paid = Decimal("0.1152") * 24 * 19
    assert found.saved == round(paid, 2) - Decimal("61.00")
    assert found.used_percent == Decimal("64.6")  # 19 of 30 days, of which the 31st counts 10 hours


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"term": "2y"}, "term"),
        ({"plan": "none"}, "plan"),
        ({"offering": "none"}, "offering"),
        ({"pieces": 0}, "pieces"),
        ({"upfront_percent": 20}, "upfront_percent"),
        ({"region": "nowhere"}, "region"),
        ({"start": TODAY - timedelta(days=1)}, "start"),
        ({"plan": "", "offering": "", "quantities": {}}, "quantities"),
        ({"plan": "", "price_class": "t.none", "quantities": ONE}, "quantities"),
    ],
)
def test_what_cannot_be_reserved(project, fields, fault):
    with pytest.raises(Invalid) as raised:
        buy(project, **fields)
    assert set(raised.value.fields) == {fault}


def test_a_purchase_is_charged_month_by_month_each_once(project, now):
    made = buy(project)
    references = CostLine.objects.filter(commitment=made, category="purchase")
    assert [(r.day, r.billed_cost, r.effective_cost) for r in references] == [
        (TODAY, Decimal("62.36"), 0)
    ]
    now(datetime(2027, 2, 20, 1, tzinfo=UTC))
    upkeep.keep()
    upkeep.keep()
    assert references.all().count() == 4
    now(datetime(2027, 12, 1, tzinfo=UTC))
    upkeep.keep()
    assert sum(r.billed_cost for r in references.all()) == made.total


def test_a_payment_of_a_closed_month_comes_with_the_next(project, now):
    made = buy(project)
    now(datetime(2027, 1, 5, tzinfo=UTC))
    key = {"organisation": project.organisation, "month": date(2026, 12, 1)}
    RatedMonth.objects.update_or_create(**key, defaults={"closed_at": clock.now()})
    upkeep.keep()
    lines = CostLine.objects.filter(commitment=made).order_by("day")
    assert [line.day for line in lines] == [TODAY, date(2027, 1, 5)]


def test_the_price_that_was_shown_is_the_price(project):
    with pytest.raises(Conflict, match="another"):
        commitments.purchase_commitment(
            actor=SYSTEM,
            organisation=project.organisation,
            wanted=wanted(),
            agreed_total=Decimal("1.00"),
        )
    assert not Commitment.objects.exists()


def test_who_cannot_be_billed_cannot_reserve(project):
    BillingIdentity.objects.all().delete()
    with pytest.raises(Conflict, match="no billing details"):
        buy(make_project())
    assert not Commitment.objects.exists()


def test_a_term_that_is_no_longer_sold_is_paid_to_its_end(project, now, monkeypatch):
    made = buy(project)
    monkeypatch.setattr(reserved, "terms", dict)
    now(datetime(2027, 11, 19, tzinfo=UTC))
    upkeep.keep()
    paid = CostLine.objects.filter(commitment=made, category="purchase")
    assert sum(line.billed_cost for line in paid) == made.total


def test_only_who_manages_the_money_may_reserve(project):
    actor = actor_for(make_member(project, Role.ADMIN))
    with pytest.raises(NotPermitted):
        commitments.purchase_commitment(
            actor=actor, organisation=project.organisation, wanted=wanted()
        )
    assert offer(project).total


def test_a_purchase_is_on_record(project):
    made = buy(project)
    event = AuditEvent.objects.get(verb="commitment.purchase")
    assert (event.target, event.after["total"]) == (made.public_id, "748.40")


def test_a_renewal_follows_and_there_is_one(project, now):
    made = buy(project)
    now(datetime(2027, 10, 1, tzinfo=UTC))
    again = commitments.renew_commitment(actor=SYSTEM, commitment=made, term="3y")
    assert (again.start, again.end) == (made.end, date(2030, 11, 20))
    assert again.renewed_from == made
    with pytest.raises(Conflict, match="renewed already"):
        commitments.renew_commitment(actor=SYSTEM, commitment=made)
    assert CostLine.objects.filter(commitment=again).count() == 0


def test_people_hear_of_the_end_three_times_each_once(project, now):
    made = buy(project)
    told = OutboxEntry.objects.filter(kind="commitment.ending")
    counts = []
    for left in (61, 60, 59, 30, 29, 7, 6, 1):
        now(datetime.combine(made.end - timedelta(days=left), datetime.min.time(), UTC))
        upkeep.keep()
        upkeep.keep()
        counts.append(told.count())
    assert counts == [0, 1, 1, 2, 2, 3, 3, 3]


def test_reminders_that_were_missed_are_one(project, now):
    made = buy(project)
    now(datetime.combine(made.end - timedelta(days=5), datetime.min.time(), UTC))
    upkeep.keep()
    assert OutboxEntry.objects.filter(kind="commitment.ending").count() == 1
    assert CommitmentReminder.objects.count() == 3


def test_what_is_renewed_needs_no_reminder(project, now):
    made = buy(project)
    now(datetime.combine(made.end - timedelta(days=5), datetime.min.time(), UTC))
    commitments.renew_commitment(actor=SYSTEM, commitment=made)
    upkeep.keep()
    assert not OutboxEntry.objects.filter(kind="commitment.ending").exists()


def test_a_day_that_is_over_is_rated_without_usage(project, now):
    buy(project)
    rating.rate_due()
    assert CostLine.objects.filter(category="usage").count() == 0
    now(datetime(2026, 11, 22, 1, tzinfo=UTC))
    upkeep.keep()
    assert rating.rate_due().lines == 4  # two days, two meters
    upkeep.keep()
    assert rating.rate_due().months == 0


def test_standing_and_coverage(project, now, instance_of):
    made = buy(project)
    one = instance_of(project)
    used(one, 1, 86400 * 4, "vcpu", "database.postgresql", day_of=TODAY)
    used(one, 1, 86400 * 8, "memory_gib", "database.postgresql", day_of=TODAY)
    now(datetime(2026, 11, 22, 1, tzinfo=UTC))
    rating.rate(date(2026, 11, 1))
    standing = reads.standings_of(project.organisation)[made.pk]
    assert standing.used_percent == 50  # one day of two
    assert standing.saved == Decimal("-1.38")  # a day of 2.7648 for two days of 2.0734
    assert reads.covered_percent(project.organisation) == Decimal("69.0")


def test_months_of_meters_are_as_they_were(project):
    """Metering knows nothing of what is reserved."""
    buy(project)
    assert metering.meter(date(2026, 11, 1)).records == 0
