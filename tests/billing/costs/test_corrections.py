"""Usage that becomes known after the close: rated by the same rules, the difference billed once."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db.models import Sum

from billing.costs import corrections, sums
from billing.costs import queries as costs
from billing.costs import service as service_costs
from billing.models import (
    CostLine,
    CostRollup,
    Invoice,
    InvoiceSeries,
    RatedMonth,
    UsageRecord,
)
from billing.rating import months as rating
from portal.kernel import clock
from portal.tenancy.permissions import Role
from tests.billing.rating.test_months import (
    MONTH,
    instance,
    price,
    random_price,
    reckoned,
    used,
)
from tests.makers import actor_for, make_instance, make_member, make_project

__all__ = ["instance"]  # a fixture
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "now")]
NOVEMBER = date(2026, 11, 1)


@pytest.fixture
def now(monkeypatch):
    """Long after October was closed."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 20, tzinfo=UTC))


def close(month=MONTH):
    rating.rate(month)
    RatedMonth.objects.filter(month=month).update(closed_at=clock.now())


def late(instance, day, quantity, **fields):
    made = used(instance, day, quantity, **fields)
    RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
    return made


def billed(**by):
    return CostLine.objects.filter(**by).aggregate(Sum("billed_cost"))["billed_cost__sum"] or 0


def corrected():
    rows = CostLine.objects.filter(is_correction=True).order_by("corrects_day", "tier")
    return [(r.corrects_day.day, r.tier, int(r.quantity), int(r.billed_cost)) for r in rows]


def test_late_usage_is_billed_in_the_month_that_is_open(instance):
    price(tiers=((None, "2"),))
    used(instance, 1, 5)
    close()
    late(instance, 3, 4)
    assert corrections.correct_due() == corrections.Corrected(1, 1)
    line = CostLine.objects.get(is_correction=True)
    assert (line.day, line.corrects_day, line.billed_cost) == (NOVEMBER, date(2026, 10, 3), 8)
    assert billed(day__month=10) == 10
    assert CostRollup.objects.get(day=NOVEMBER).billed_cost == 8
    month = RatedMonth.objects.get(month=MONTH)
    assert (month.due_since, month.closed_at) == (None, clock.now())


def test_again_changes_nothing(instance):
    price()
    used(instance, 1, 5)
    close()
    late(instance, 3, 4)
    corrections.correct_due()
    assert corrections.correct_due() == corrections.Corrected(0, 0)
    RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
    assert corrections.correct_due() == corrections.Corrected(1, 0)
    assert billed(is_correction=True) == 4


def test_what_comes_later_still_adds_its_own_difference(instance):
    price()
    used(instance, 1, 5)
    close()
    late(instance, 3, 4)
    corrections.correct_due()
    late(instance, 4, 2)
    corrections.correct_due()
    assert corrected() == [(3, 1, 4, 4), (4, 1, 2, 2)]


def test_usage_that_is_withdrawn_is_given_back(instance):
    price()
    gone = used(instance, 1, 5)
    close()
    gone.delete()
    RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
    corrections.correct_due()
    assert corrected() == [(1, 1, -5, -5)]


def test_a_tier_that_is_reached_earlier_moves_what_was_billed(instance):
    price(mode="graduated", tiers=(("10", "3"), (None, "1")))
    used(instance, 5, 12)
    close()
    late(instance, 1, 4)
    corrections.correct_due()
    assert corrected() == [(1, 1, 4, 12), (5, 1, -4, -12), (5, 2, 4, 4)]


def test_a_free_allowance_is_not_given_twice(instance):
    price(free_quantity=Decimal(10))
    used(instance, 1, 8)
    close()
    late(instance, 2, 8)
    corrections.correct_due()
    assert corrected() == [(2, 0, 2, 0), (2, 1, 6, 6)]


def test_the_month_that_waits_for_its_invoice_takes_it(instance, monkeypatch):
    """On the second of December November is over and not issued yet."""
    price()
    used(instance, 1, 5)
    close()
    RatedMonth.objects.create(organisation=instance.project.organisation, month=NOVEMBER, lines=1)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 12, 2, tzinfo=UTC))
    late(instance, 3, 4)
    corrections.correct_due()
    assert CostLine.objects.get(is_correction=True).day == NOVEMBER


def test_a_month_that_is_open_is_rated_and_not_corrected(instance):
    price()
    used(instance, 1, 5)
    rating.rate(MONTH)
    late(instance, 3, 4)
    assert corrections.correct_due() == corrections.Corrected(0, 0)
    assert rating.rate_due().months == 1


def test_rating_the_open_month_keeps_its_corrections(instance):
    price()
    used(instance, 1, 5)
    close()
    late(instance, 3, 4)
    corrections.correct_due()
    rating.rate(NOVEMBER)
    assert billed(is_correction=True) == 4
    assert CostRollup.objects.get(day=NOVEMBER).billed_cost == 4
    assert RatedMonth.objects.get(month=NOVEMBER).lines == 1


def test_organisations_are_corrected_apart(instance):
    price()
    beside = make_instance(make_project(), instance.region)
    used(instance, 1, 5)
    used(beside, 1, 5)
    close()
    late(instance, 3, 4)
    RatedMonth.objects.exclude(organisation=instance.project.organisation).update(due_since=None)
    corrections.correct_due()
    assert billed(organisation=beside.project.organisation) == 5


def test_every_way_of_looking_at_it_has_the_same_sum(instance):
    price()
    used(instance, 1, 5)
    close()
    late(instance, 3, 4)
    corrections.correct_due()
    reader = actor_for(make_member(instance.project, Role.OWNER))
    ways = [
        costs.costs_for(
            reader,
            instance.project.organisation,
            first=NOVEMBER,
            end=date(2026, 12, 1),
            group_by=way,
        ).total
        for way in costs.GROUPS
    ]
    (line,) = service_costs.usage_lines_for(reader, instance, NOVEMBER)
    assert {*ways, line.cost} == {4}
    assert (line.text, line.quantity) == ("Correction for October 2026: Requests", 4)


@pytest.mark.parametrize("seed", [1, 2])
def test_closed_and_corrected_is_what_rating_all_at_once_says(instance, seed):
    """Some usage before the close, the rest in three parts after it, against exact fractions."""
    rng = random.Random(seed)
    prices = [random_price(rng, number) for number in range(6)]
    for found in prices:
        price(**found)
    rows = {found["price_class"]: [] for found in prices}
    for part in range(4):
        for found in prices:
            for day in rng.sample(range(1 + part, 32, 4), 3):
                quantity = Decimal(rng.randrange(1, 10**9)) / 1000
                name, allowance = found["price_class"], rng.choice(("", "dev"))
                made = used(instance, day, quantity, price_class=name, allowance=allowance)
                rows[name].append(made)
        gone = rng.choice(rows[prices[0]["price_class"]])
        rows[prices[0]["price_class"]].remove(gone)
        UsageRecord.objects.filter(pk=gone.pk).delete()
        close() if part == 0 else None
        RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
        corrections.correct_due()
    for found in prices:
        name = found["price_class"]
        ordered = sorted(rows[name], key=lambda row: (row.day, row.instance_id, row.pk))
        exact = reckoned(ordered, found)
        assert abs(Fraction(billed(price_class=name)) - exact) < Fraction(1, 10**14)
    assert sums.unequal(date.min) == []


def test_nothing_is_left_of_the_tables_that_stood_in(instance, django_assert_max_num_queries):
    price()
    used(instance, 1, 5)
    close()
    late(instance, 3, 4)
    with django_assert_max_num_queries(40):
        corrections.correct_due()
    assert RatedMonth.objects.filter(month=MONTH, closed_at__isnull=False).exists()


def issued(organisation, net, **fields):
    """Nothing but its sums."""
    series, _ = InvoiceSeries.objects.get_or_create(code="2026")
    number = Invoice.objects.count() + 1
    return Invoice.objects.create(
        public_id=f"in-{number:08x}",
        organisation=organisation,
        month=MONTH,
        status=Invoice.Status.ISSUED,
        series=series,
        sequence=number,
        number=f"2026-{number:06d}",
        hash="0" * 64,
        net=Decimal(net),
        **fields,
    )


@pytest.mark.parametrize(("credited", "given"), [("10", 0), ("4", -6)])
def test_what_was_credited_whole_is_not_given_back_again(instance, credited, given):
    price(tiers=((None, "2"),))
    record = used(instance, 1, 5)
    close()
    organisation = instance.project.organisation
    invoice = issued(organisation, "10")
    issued(organisation, credited, kind="381", corrects=invoice)
    record.quantity = 2
    record.save()
    RatedMonth.objects.filter(month=MONTH).update(due_since=clock.now())
    corrections.correct_due()
    assert billed(is_correction=True) == given
    assert RatedMonth.objects.get(month=MONTH).due_since is None
    late(instance, 3, 4)
    corrections.correct_due()
    assert billed(is_correction=True) == 2  # both together are more than was billed
