"""Time on spare capacity, rated at the factor of each hour, against the same with exact
fractions, one by one.
"""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from billing.costs import corrections
from billing.einvoice.document import Category, Vat
from billing.invoices import drafting, drilldown
from billing.metering import records as metering
from billing.models import CostLine, Invoice, Price, RatedMonth, UsageRecord
from billing.pricebook import queries
from billing.rating import months as rating
from billing.rating import price_effect
from billing.spot.factors import METERS
from billing.spot.history import keep_books
from services import registry
from tests.billing.spot.made import HOUR, at, ran, said
from tests.makers import make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

MONTH = date(2026, 10, 1)
END = datetime(2026, 11, 1, tzinfo=UTC)
VCPU, GIB = Fraction("0.01980"), Fraction("0.01188")  # an hour of the class of caches


def rated(until=END):
    metering.meter(MONTH, until=until)
    rating.rate(MONTH)


def exact(meter=None, instance=None):
    rows = CostLine.objects.all()
    rows = rows.filter(meter=meter) if meter else rows
    rows = rows.filter(instance=instance) if instance else rows
    return sum((Fraction(row.billed_cost) for row in rows), Fraction(0))


def test_an_hour_costs_the_factor_times_the_list_price():
    ran(make_project(), make_region(), (at(3), at(3, 10)))
    rated(at(3, 12))
    assert exact("vcpu") == 2 * 10 * VCPU * Fraction("0.35")
    assert exact("memory_gib") == 8 * 10 * GIB * Fraction("0.35")
    row = CostLine.objects.get(meter="vcpu")
    assert (row.list_unit_price, row.contracted_unit_price) == (
        Decimal("0.0198"),
        Decimal("0.00693"),
    )
    assert row.list_cost == Decimal("0.396")
    assert (row.price.category, row.price.book, row.tier) == ("dynamic", "spot-0.35", 1)


def test_what_is_kept_costs_list():
    made = ran(make_project(), make_region(), (at(3), at(3, 10)), plan="single-2x8")
    rated(at(4))
    row = CostLine.objects.get(meter="storage_gib")
    assert (row.price.book, row.price.category) == ("list", "standard")
    assert UsageRecord.objects.get(meter="storage_gib").spot_factor is None
    storage = registry.get(made.offering).offering.plan(made.plan).storage_gib
    assert row.quantity == storage * 24 * HOUR


def test_a_day_is_split_by_the_factors_that_held():
    said("0.50", at(3, 6))
    said("0.20", at(3, 9))
    ran(make_project(), make_region(), (at(3, 4, 30), at(3, 10, 0, 20)))
    rated(at(3, 12))
    rows = CostLine.objects.filter(meter="vcpu").order_by("contracted_unit_price")
    assert [(r.price.book, r.quantity / 2) for r in rows] == [
        ("spot-0.20", HOUR + 20),
        ("spot-0.35", 90 * 60),
        ("spot-0.50", 3 * HOUR),
    ]
    assert all(r.billed_cost == r.quantity * r.contracted_unit_price / 3600 for r in rows)


def test_what_is_said_of_more_yields_to_what_is_said_of_less():
    said("0.60", at(3), region="local")
    said("0.70", at(3), region="elsewhere")
    said("0.40", at(3, 1), region="local", price_class=_class())
    said(None, at(3, 2), region="local", price_class=_class())
    said("0.90", at(3), price_class=_class())
    ran(make_project(), make_region("local"), (at(2, 23), at(3, 3)))
    rated(at(3, 12))
    rows = CostLine.objects.filter(meter="vcpu").order_by("price__book")
    assert [(row.price.book, row.quantity / 2 / HOUR) for row in rows] == [
        ("spot-0.35", 1),
        ("spot-0.40", 1),
        ("spot-0.60", 2),
    ]


def test_the_cap_of_730_hours_holds():
    ran(make_project(), make_region(), (at(1), None))
    rated()
    used = UsageRecord.objects.filter(meter="vcpu")
    assert sum(row.quantity for row in used) == 2 * 730 * HOUR
    assert exact("vcpu") == 2 * 730 * VCPU * Fraction("0.35")


def test_neither_allowances_nor_tiers_come_on_top():
    project, region = make_project(), make_region()
    spot = ran(project, region, (at(1), at(2)), offering="postgresql", plan="dev-1x1")
    other = ran(project, region, (at(1), at(2)), offering="postgresql", plan="dev-1x1", spot=False)
    rated(at(3))
    assert CostLine.objects.filter(instance=spot, meter="vcpu", tier=0).count() == 0
    assert exact("vcpu", spot) == 24 * Fraction("0.02592") * Fraction("0.35")
    assert exact("vcpu", other) == 0  # the allowance is still whole for it
    assert set(
        UsageRecord.objects.filter(instance=spot, meter="vcpu").values_list("allowance")
    ) == {("",)}


def test_again_it_is_the_same_and_a_later_factor_changes_no_hour_before_it():
    ran(make_project(), make_region(), (at(3), at(3, 10)))
    rated(at(3, 12))
    before = list(CostLine.objects.values_list("meter", "quantity", "billed_cost").order_by("pk"))
    said("1.00", at(3, 11))
    assert metering.meter(MONTH, until=at(3, 12)) == metering.Metered(0, 0)
    rating.rate(MONTH)
    after = list(CostLine.objects.values_list("meter", "quantity", "billed_cost").order_by("pk"))
    assert after == before


def test_the_price_of_the_list_that_holds_on_the_day_counts():
    old = Price.objects.get(book="list", price_class=_class(), meter="vcpu")
    old.valid_to = at(4)
    old.save()
    Price.objects.create(
        public_id="pr-new",
        price_class=old.price_class,
        meter="vcpu",
        unit="hour",
        tiers=[{"from": "0", "to": None, "unit_price": "0.036", "flat": "0"}],
        valid_from=at(4),
    )
    keep_books()
    queries.forget_prices()
    ran(make_project(), make_region(), (at(3), at(5)))
    rated(at(5))
    factor = Fraction("0.35")
    assert exact("vcpu") == 2 * 24 * (VCPU + Fraction("0.036")) * factor
    assert CostLine.objects.filter(meter="vcpu").count() == 2


def test_a_draft_says_what_it_cost_of_the_list_price_and_adds_up():
    said("0.50", at(3, 6))
    project = make_project()
    ran(project, make_region(), (at(3), at(3, 10)))
    rated(at(4))
    lines = list(drafting._by_price(CostLine.objects.all(), MONTH, _vat()))
    named = {line.name: line for line in lines}
    assert len(named) == 5  # two factors of two meters, and storage
    line = named["Valkey and Redis: vCPU, spare capacity at 50 % of list"]
    assert (line.quantity, line.unit_price) == (Decimal(8), Decimal("0.0099"))
    assert line.net == Decimal("0.08")


def test_what_is_behind_a_line_is_what_was_metered_at_its_factor():
    said("0.50", at(3, 6))
    project = make_project()
    made = ran(project, make_region(), (at(3), at(3, 10)))
    rated(at(4))
    invoice = Invoice(organisation=project.organisation, month=MONTH)
    found = {}
    for line in drafting._by_price(CostLine.objects.all(), MONTH, _vat()):
        price, _dash, tier = line.sku.rpartition("-")
        shown = drilldown.InvoiceLine(invoice, 1, line, price, int(tier))
        evidence = drilldown.evidence_of(shown, date(2026, 10, 3), made.public_id)
        assert evidence.metered == evidence.part.quantity
        found[line.name] = evidence.metered
    assert found["Valkey and Redis: vCPU, spare capacity at 50 % of list"] == 8
    assert found["Valkey and Redis: vCPU, spare capacity at 35 % of list"] == 12


def test_late_usage_of_a_closed_month_is_corrected_at_the_same_factors():
    said("0.50", at(3, 6))
    made = ran(make_project(), make_region(), (at(3), at(3, 7)))
    rated(END)
    RatedMonth.objects.update(closed_at=END)
    made.events.filter(code="pause_requested").update(at=at(3, 8))
    metering.meter(MONTH, until=END)
    assert corrections.correct(made.project.organisation_id, MONTH) == 2
    rows = CostLine.objects.filter(is_correction=True, meter="vcpu")
    assert [(r.quantity, r.price.book) for r in rows] == [(2 * HOUR, "spot-0.50")]


def test_an_announced_change_of_the_list_has_its_effect_here_too():
    made = ran(make_project(), make_region(), (at(3), at(3, 10)))
    metering.meter(MONTH, until=END)
    found = price_effect.costs_at(MONTH, at(20))
    compute = 10 * (2 * VCPU + 8 * GIB) * Fraction("0.35")
    kept = exact("storage_gib") if rating.rate(MONTH) else 0
    assert Fraction(found[made.project.organisation_id]) == compute + kept


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_against_exact_fractions(seed):
    """Random lives, factors and regions: what each meter of each service costs, exactly."""
    rng = random.Random(seed)
    regions = [make_region("local"), make_region("north")]
    history = defaultdict(list)
    for _ in range(12):
        moment = at(rng.randint(1, 31), rng.randint(0, 23))
        region = rng.choice(["", "local", "north"])
        if any(moment == when for when, _ in history[region]):
            continue
        factor = f"0.{rng.randint(20, 99)}"
        said(factor, moment, region=region)
        history[region].append((moment, Fraction(factor)))
    made = []
    for _ in range(6):
        begun = at(rng.randint(1, 20), 0, 0, rng.randint(0, 59))
        moments = [begun + timedelta(seconds=n) for n in sorted(rng.sample(range(900_000), 4))]
        spans = [(moments[0], moments[1]), (moments[2], moments[3])]
        region = rng.choice(regions)
        plan = rng.choice(["dev-1x1", "single-2x8"])
        made.append((ran(make_project(), region, *spans, plan=plan), spans))
    rated()
    assert made
    for instance, spans in made:
        plan = registry.get("redis").offering.plan(instance.plan)
        amounts = {"vcpu": plan.vcpu, "memory_gib": Fraction(plan.memory_mib, 1024)}
        for meter, rate in (("vcpu", VCPU), ("memory_gib", GIB)):
            wanted = sum(
                (
                    Fraction(amounts[meter]) * rate / 3600 * factor * seconds
                    for factor, seconds in _hours(spans, history, instance.region.code)
                ),
                Fraction(0),
            )
            assert exact(meter, instance) == wanted


def _hours(spans, history, region):
    """Factor and seconds of each hour, found anew for each."""
    for start, end in spans:
        end = max(end, start + timedelta(seconds=60))
        moment = start
        while moment < end:
            hour = moment.replace(minute=0, second=0, microsecond=0)
            following = min(end, hour + timedelta(hours=1))
            yield _factor(history, region, hour), int((following - moment).total_seconds())
            moment = following


def _factor(history, region, hour):
    for key in (region, ""):
        known = [(when, factor) for when, factor in history[key] if when <= hour]
        if known:
            return max(known)[1]
    return Fraction("0.35")


def test_only_what_runs_is_cheaper():
    assert "storage_gib" not in METERS
    books = Price.objects.filter(book="spot-0.35")
    assert books.count() > 20
    assert set(books.values_list("category")) == {("dynamic",)}


def _class():
    return registry.get("redis").offering.price_class


def _vat():
    return Vat(Category("S"), Decimal(19))
