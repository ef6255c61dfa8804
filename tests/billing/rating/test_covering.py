"""What commitments cover, against the same reckoned one by one with exact fractions."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction

from billing.costs import corrections
from billing.models import (
    Commitment,
    CommittedRate,
    CostLine,
    CostRollup,
    Price,
    RatedMonth,
    UsageRecord,
)
from billing.pricebook import reserved
from billing.rating import months as rating
from portal.kernel import clock
from tests.billing.rating.test_months import price, used
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

MONTH = date(2026, 10, 1)
HOUR = 3600


@pytest.fixture
def instance():
    return make_instance(make_project(), make_region())


@pytest.fixture(autouse=True)
def _later(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 5, tzinfo=UTC))


def committed(organisation, start, end, *, region="", total="100.00", **quantities):
    made = Commitment.objects.create(
        public_id=f"cm-{Commitment.objects.count():08x}",
        organisation=organisation,
        price_class="t.class",
        region=region,
        term="1y",
        start=start,
        end=end,
        total=Decimal(total),
    )
    for meter, quantity in quantities.items():
        CommittedRate.objects.create(
            commitment=made,
            meter=meter,
            quantity=Decimal(quantity),
            unit_price=Decimal("0.75"),
            on_demand_unit_price=Decimal(1),
            price=Price.objects.filter(price_class="t.class", meter=meter).first(),
        )
    return made


def lines(**which):
    rows = CostLine.objects.filter(**which).order_by("day", "instance", "tier", "meter")
    return [(r.day.day, r.tier, int(r.quantity / HOUR), r.billed_cost.normalize()) for r in rows]


def test_what_is_covered_costs_nothing_and_tiers_count_what_is_left(instance):
    price(meter="vcpu", unit="hour", mode="graduated", tiers=(("10", "3"), (None, "2")))
    committed(instance.project.organisation, date(2026, 10, 2), date(2026, 10, 4), vcpu="0.5")
    for day in (1, 2, 3, 4):
        used(instance, day, 15 * HOUR, meter="vcpu")
    rating.rate(MONTH)
    assert lines(commitment=None) == [
        (1, 1, 10, 30),
        (1, 2, 5, 10),
        (2, 2, 3, 6),
        (3, 2, 3, 6),
        (4, 2, 15, 30),
    ]
    covered = CostLine.objects.filter(commitment__isnull=False)
    assert [(r.tier, r.quantity, r.billed_cost) for r in covered] == [(0, 12 * HOUR, 0)] * 2
    assert {r.contracted_cost for r in covered} == {36}
    assert sum(r.effective_cost for r in covered) == 100


def test_what_a_day_left_unused_is_a_line_without_a_service(instance):
    price(meter="vcpu", unit="hour", tiers=((None, "3"),))
    bought = committed(
        instance.project.organisation, date(2026, 10, 2), date(2026, 10, 4), vcpu="1"
    )
    used(instance, 3, 6 * HOUR, meter="vcpu")
    rating.rate(MONTH)
    rows = CostLine.objects.filter(commitment=bought).order_by("day", "-instance")
    assert [(r.day.day, r.instance_id, r.quantity, r.effective_cost) for r in rows] == [
        (2, None, 24 * HOUR, 50),
        (3, None, 18 * HOUR, Decimal("37.5")),
        (3, instance.pk, 6 * HOUR, Decimal("12.5")),
    ]
    assert {(r.billed_cost, r.list_cost) for r in rows if r.instance_id is None} == {(0, 0)}


def test_the_day_that_runs_is_not_unused_yet(instance, monkeypatch):
    price(meter="vcpu", unit="hour")
    committed(instance.project.organisation, date(2026, 10, 2), date(2026, 10, 4), vcpu="1")
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 3, 12, tzinfo=UTC))
    used(instance, 3, 6 * HOUR, meter="vcpu")
    rating.rate(MONTH)
    assert lines() == [(2, 0, 24, 0), (3, 0, 6, 0)]


def test_a_commitment_of_the_region_comes_first_and_no_other_region_draws_on_it(instance):
    price(meter="vcpu", unit="hour")
    organisation, day = instance.project.organisation, (date(2026, 10, 2), date(2026, 10, 3))
    local = committed(organisation, *day, region="local", vcpu="1")
    anywhere = committed(organisation, *day, vcpu="1")
    beside = make_instance(instance.project, instance.region)
    used(instance, 2, 24 * HOUR, meter="vcpu", region="elsewhere")
    used(beside, 2, 24 * HOUR, meter="vcpu", region="local")
    rating.rate(MONTH)
    found = {(r.commitment_id, r.instance_id, r.region) for r in CostLine.objects.all()}
    assert found == {(local.pk, beside.pk, "local"), (anywhere.pk, instance.pk, "elsewhere")}


def test_the_dearest_is_covered_first_and_what_may_be_free_last(instance):
    price(meter="vcpu", unit="hour", free_quantity=Decimal(24), free_for="dev")
    price(meter="vcpu", unit="hour", region="dear", tiers=((None, "5"),))
    committed(instance.project.organisation, date(2026, 10, 2), date(2026, 10, 3), vcpu="1.5")
    first, second, third = (
        instance,
        *(make_instance(instance.project, instance.region) for _ in range(2)),
    )
    used(first, 2, 24 * HOUR, meter="vcpu", allowance="dev")
    used(second, 2, 24 * HOUR, meter="vcpu")
    used(third, 2, 24 * HOUR, meter="vcpu", region="dear")
    rating.rate(MONTH)
    covered = CostLine.objects.filter(commitment__isnull=False)
    assert {r.instance_id: int(r.quantity) for r in covered} == {
        third.pk: 24 * HOUR,
        second.pk: 12 * HOUR,
    }
    assert [(r.instance_id, r.tier) for r in CostLine.objects.filter(tier=0, commitment=None)] == [
        (first.pk, 0)
    ]


def test_the_last_hours_of_a_long_month_are_neither_paid_nor_unused(instance):
    price(meter="vcpu", unit="hour")
    bought = committed(
        instance.project.organisation, date(2026, 10, 30), date(2026, 11, 1), vcpu="1"
    )
    used(instance, 30, 24 * HOUR, meter="vcpu")
    used(instance, 31, 10 * HOUR, meter="vcpu")  # as the cap leaves it
    rating.rate(MONTH)
    rows = CostLine.objects.filter(commitment=bought)
    assert {r.instance_id for r in rows} == {instance.pk}
    assert sum(r.effective_cost for r in rows) == 100


def test_a_commitment_without_any_usage_is_rated_too(instance):
    price(meter="vcpu", unit="hour")
    committed(instance.project.organisation, date(2026, 10, 20), date(2026, 12, 1), vcpu="1")
    assert rating.rate(MONTH).lines == 12
    assert CostRollup.objects.count() == 12


def test_again_is_the_same(instance):
    price(meter="vcpu", unit="hour")
    committed(instance.project.organisation, date(2026, 10, 2), date(2027, 10, 2), vcpu="1")
    used(instance, 3, 7 * HOUR, meter="vcpu")
    rating.rate(MONTH)
    names = ("day", "tier", "quantity", "effective_cost", "billed_cost", "commitment", "instance")
    first = sorted(CostLine.objects.values_list(*names), key=str)
    rating.rate(MONTH)
    assert sorted(CostLine.objects.values_list(*names), key=str) == first


def test_what_was_bought_cannot_be_changed(instance):
    price(meter="vcpu", unit="hour")
    bought = committed(
        instance.project.organisation, date(2026, 10, 2), date(2026, 12, 2), vcpu="1"
    )
    changes = (
        lambda: Commitment.objects.update(total=1),
        lambda: bought.rates.update(quantity=9),
        lambda: bought.rates.all().delete(),
    )
    for change in changes:
        with pytest.raises(IntegrityError, match="cannot be changed"), transaction.atomic():
            change()
    assert Commitment.objects.update(bought_by="") == 1


# -- random terms, each reckoned a second time -----------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_lines_of_a_term_add_up_to_its_price(instance, seed, monkeypatch):
    rng = random.Random(seed)  # repeatable on purpose
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 3, 1, tzinfo=UTC))
    for meter in ("vcpu", "memory_gib"):
        price(meter=meter, unit="hour", tiers=((None, "0.07"),))
    organisation = instance.project.organisation
    others = [instance, make_instance(instance.project, instance.region)]
    bought = []
    for _ in range(4):
        start = date(2026, 10, 1) + timedelta(days=rng.randrange(40))
        end = start + timedelta(days=rng.randrange(1, 45))
        quantities = {"vcpu": rng.randrange(1, 5), "memory_gib": f"{rng.randrange(1, 9)}.5"}
        total = f"{rng.randrange(1, 10**6)}.{rng.randrange(100):02d}"
        region = rng.choice(("", "local"))
        bought.append(committed(organisation, start, end, total=total, region=region, **quantities))
    for one in others:
        for day in range(1, 32):
            used(one, day, rng.randrange(1, 5 * 86400), meter="vcpu")
            used(one, day, rng.randrange(1, 9 * 86400), meter="memory_gib")
    priced = defaultdict(Fraction)
    for month in (date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)):
        rating.rate(month)
    for line in CostLine.objects.all():
        priced[line.instance_id, line.day, line.meter] += Fraction(line.quantity)
    for one in bought:
        rows = CostLine.objects.filter(commitment=one)
        assert sum(r.effective_cost for r in rows) == one.total
        assert {r.effective_cost >= 0 for r in rows} == {True}
        _check_capacity(one, rows)
    recorded = defaultdict(Fraction)
    for row in UsageRecord.objects.all():
        recorded[row.instance_id, row.day, row.meter] += Fraction(row.quantity)
    assert {key: value for key, value in priced.items() if key[0] is not None} == recorded


def _check_capacity(bought, rows):
    """Never more than was reserved, and with what is unused all that the term counts."""
    rates = {rate.meter: Fraction(rate.quantity) for rate in bought.rates.all()}
    covered, whole = defaultdict(Fraction), defaultdict(Fraction)
    for row in rows:
        whole[row.day, row.meter] += Fraction(row.quantity)
        covered[row.day, row.meter] += Fraction(row.quantity) * (row.instance_id is not None)
    days = (bought.end - bought.start).days
    assert len(whole) == days * len(rates)
    for (day, meter), quantity in whole.items():
        counted = rates[meter] * reserved.counted_on(day.day)
        assert covered[day, meter] <= rates[meter] * 86400
        assert quantity == max(counted, covered[day, meter])


def test_what_becomes_known_after_the_close_moves_no_money_of_a_commitment(instance, monkeypatch):
    price(meter="vcpu", unit="hour")
    organisation = instance.project.organisation
    bought = committed(organisation, date(2026, 10, 2), date(2026, 10, 4), vcpu="1")
    rating.rate(MONTH)
    RatedMonth.objects.update(closed_at=clock.now(), due_since=clock.now())
    used(instance, 2, 30 * HOUR, meter="vcpu")
    assert corrections.correct(organisation.pk, MONTH) == 3
    rows = CostLine.objects.filter(commitment=bought)
    assert sum(r.effective_cost for r in rows) == 100
    assert sum(r.effective_cost for r in rows if r.instance_id) == 50
    assert sum(r.billed_cost for r in CostLine.objects.all()) == 6


def test_a_dynamic_price_is_rated_and_not_covered(instance):
    price("compute.spot", "vcpu", unit="hour", category="dynamic", tiers=((None, "0.35"),))
    price(meter="vcpu", unit="hour")
    committed(instance.project.organisation, date(2026, 10, 2), date(2026, 10, 3), vcpu="9")
    used(instance, 2, 10 * HOUR, meter="vcpu", price_class="compute.spot")
    rating.rate(MONTH)
    assert lines(commitment=None) == [(2, 1, 10, Decimal("3.5"))]
