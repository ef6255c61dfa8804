"""Rating in the database against the same reckoned one by one with exact fractions."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from unittest.mock import Mock

import pytest

from billing.models import CostLine, CostRollup, Price, RatedMonth, TagSet, UsageRecord
from billing.pricebook import queries
from billing.pricebook.meters import base_units
from billing.rating import months as rating
from portal.kernel import clock
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

MONTH = date(2026, 10, 1)
SECONDS = 31 * 86400


@pytest.fixture
def instance():
    return make_instance(make_project(), make_region())


def price(price_class="t.class", meter="requests", **fields):
    at = fields.pop("valid_from", datetime(2026, 1, 1, tzinfo=UTC))
    tiers = fields.pop("tiers", ((None, "1"),))
    listed, start = [], "0"
    for end, amount, *flat in tiers:
        flat = flat[0] if flat else "0"
        listed.append({"from": start, "to": end, "unit_price": amount, "flat": flat})
        start = end
    made = Price.objects.create(
        public_id=f"pr-{Price.objects.count():x}",
        price_class=price_class,
        meter=meter,
        unit=fields.pop("unit", "one"),
        tiers=listed,
        valid_from=at,
        **fields,
    )
    queries.forget_prices()
    return made


def used(
    instance,
    day,
    quantity,
    meter="requests",
    price_class="t.class",
    allowance="",
    region="",
    day_of=None,
):
    tags, _ = TagSet.objects.get_or_create(digest="0" * 64)
    return UsageRecord.objects.create(
        organisation_id=instance.project.organisation_id,
        project=instance.project,
        instance=instance,
        tag_set=tags,
        offering=instance.offering,
        region=region or instance.region.code,
        price_class=price_class,
        meter=meter,
        allowance=allowance,
        day=day_of or date(2026, 10, day),
        quantity=Decimal(quantity),
        consumed=Decimal(quantity),
    )


def lines():
    rows = CostLine.objects.order_by("day", "instance", "tier", "unit")
    return [(r.day.day, r.tier, r.quantity.normalize(), r.billed_cost.normalize()) for r in rows]


def D(text):
    return Decimal(text).normalize()


def test_flat(instance):
    price(unit="million", tiers=((None, "0.40"),))
    used(instance, 1, 2_500_000)
    rating.rate(MONTH)
    assert lines() == [(1, 1, D("2500000"), D("1"))]


def test_graduated_splits_a_day_at_the_border(instance):
    price(mode="graduated", tiers=(("10", "3"), ("20", "2"), (None, "1")))
    for day, quantity in ((1, 8), (2, 4), (3, 20)):
        used(instance, day, quantity)
    rating.rate(MONTH)
    assert lines() == [
        (1, 1, D("8"), D("24")),
        (2, 1, D("2"), D("6")),
        (2, 2, D("2"), D("4")),
        (3, 2, D("8"), D("16")),
        (3, 3, D("12"), D("12")),
    ]


def test_volume_prices_the_whole_month_at_one_tier(instance):
    price(mode="volume", tiers=(("10", "3"), (None, "2")))
    used(instance, 1, 8)
    used(instance, 2, 8)
    rating.rate(MONTH)
    assert lines() == [(1, 2, D("8"), D("16")), (2, 2, D("8"), D("16"))]


def test_packages_are_charged_when_they_are_started(instance):
    price(mode="package", unit="thousand", tiers=((None, "5"),))
    for day, quantity in ((1, 400), (2, 700), (3, 100)):
        used(instance, day, quantity)
    rating.rate(MONTH)
    assert lines() == [(1, 1, D("1000"), D("5")), (2, 1, D("1000"), D("5"))]


def test_a_flat_fee_of_a_tier_is_charged_once(instance):
    price(mode="graduated", tiers=(("10", "1", "7"), (None, "1", "9")))
    used(instance, 1, 8)
    used(instance, 2, 8)
    rating.rate(MONTH)
    assert sum(cost for *_, cost in lines()) == 16 + 7 + 9
    assert len(lines()) == 5


def test_free_comes_first_and_keeps_its_list_price(instance):
    price(free_quantity=Decimal(10), tiers=((None, "2"),))
    used(instance, 1, 8)
    used(instance, 2, 8)
    rating.rate(MONTH)
    assert lines() == [(1, 0, D("8"), D("0")), (2, 0, D("2"), D("0")), (2, 1, D("6"), D("12"))]
    free = CostLine.objects.filter(tier=0).earliest("day")
    assert (free.list_unit_price, free.contracted_unit_price) == (2, 0)
    assert (free.list_cost, free.contracted_cost) == (16, 0)


def test_an_allowance_of_dev_plans_is_for_dev_plans(instance):
    price(free_quantity=Decimal(10), free_for="dev")
    used(instance, 1, 8)
    used(instance, 2, 8, allowance="dev")
    rating.rate(MONTH)
    assert lines() == [(1, 1, D("8"), D("8")), (2, 0, D("8"), D("0"))]


def test_backups_are_free_up_to_what_the_service_stores(instance):
    price(meter="backup_gib", free_for="own-storage")
    price(meter="storage_gib", tiers=((None, "0"),))
    used(instance, 1, 100, meter="storage_gib")
    used(instance, 1, 130, meter="backup_gib")
    rating.rate(MONTH)
    rows = CostLine.objects.filter(meter="backup_gib").order_by("tier")
    assert [(r.tier, r.quantity) for r in rows] == [(0, 100), (1, 30)]


def test_tiers_go_on_across_a_change_of_price_and_across_projects(instance):
    tiers = (("10", "3"), (None, "2"))
    middle = datetime(2026, 10, 2, tzinfo=UTC)
    price(mode="graduated", tiers=tiers, valid_to=middle)
    price(mode="graduated", tiers=(("10", "30"), (None, "20")), valid_from=middle)
    beside = make_project(instance.project.organisation)
    used(instance, 1, 8)
    used(make_instance(beside, instance.region), 2, 8)
    rating.rate(MONTH)
    assert lines() == [(1, 1, D("8"), D("24")), (2, 1, D("2"), D("60")), (2, 2, D("6"), D("120"))]


def test_organisations_do_not_share_tiers(instance):
    price(mode="graduated", tiers=(("10", "3"), (None, "2")))
    used(instance, 1, 8)
    used(make_instance(make_project(), instance.region), 1, 8)
    rating.rate(MONTH)
    assert [tier for _, tier, *_ in lines()] == [1, 1]


def test_a_price_of_the_region_wins(instance):
    price()
    price(region="local", tiers=((None, "5"),))
    used(instance, 1, 1, region="local")
    used(instance, 2, 1, region="elsewhere")
    rating.rate(MONTH)
    assert [cost for *_, cost in lines()] == [5, 1]


def test_a_price_of_the_region_wins_only_while_it_holds(instance):
    middle, later = (datetime(2026, 10, day, tzinfo=UTC) for day in (10, 20))
    price(mode="graduated", tiers=(("10", "3"), (None, "2")))
    price(region="local", tiers=((None, "5"),), valid_from=middle, valid_to=later)
    for day in (1, 9, 10, 19, 20):
        used(instance, day, 4, region="local")
    used(instance, 15, 4, region="elsewhere")
    rating.rate(MONTH)
    assert lines() == [
        (1, 1, D("4"), D("12")),
        (9, 1, D("4"), D("12")),
        (10, 1, D("4"), D("20")),
        (15, 1, D("2"), D("6")),
        (15, 2, D("2"), D("4")),
        (19, 1, D("4"), D("20")),
        (20, 2, D("4"), D("8")),
    ]


def test_a_month_of_something_is_shared_by_its_seconds(instance):
    price(meter="zones", unit="month", tiers=((None, "31"),))
    used(instance, 1, 86400, meter="zones")
    rating.rate(MONTH)
    assert lines() == [(1, 1, D("86400"), D("1"))]


def test_again_is_the_same_and_what_is_not_due_is_left(instance):
    price()
    used(instance, 1, 5)
    rating.rate(MONTH)
    first = lines()
    assert rating.rate_due() == rating.Rated(0, 0)
    rating.rate(MONTH)
    assert lines() == first
    assert CostRollup.objects.get().billed_cost == 5
    assert RatedMonth.objects.get().lines == 1


def test_many_are_rated_share_by_share_and_it_ends_the_same(instance, monkeypatch):
    price(mode="graduated", tiers=(("10", "3"), (None, "2")))
    for where in (instance, *(make_instance(make_project(), instance.region) for _ in range(3))):
        used(where, 1, 8)
        used(where, 2, 8)
    assert rating.rate(MONTH) == rating.Rated(4, 12)
    together = lines()
    monkeypatch.setattr(rating, "_AT_A_TIME", 5)
    assert rating.rate(MONTH) == rating.Rated(4, 12)
    assert lines() == together
    assert set(RatedMonth.objects.values_list("lines", flat=True)) == {3}
    assert CostRollup.objects.count() == 8


def test_a_share_that_fails_takes_no_other_with_it(instance, monkeypatch):
    price()
    used(instance, 1, 5)
    later = make_instance(make_project(), instance.region)
    used(later, 1, 7)
    owners = [where.project.organisation_id for where in (instance, later)]
    for owner in owners:
        RatedMonth.objects.create(organisation_id=owner, month=MONTH, due_since=clock.now())
    cover = Mock(side_effect=[False, RuntimeError("out of memory")])
    monkeypatch.setattr(rating, "_AT_A_TIME", 1)
    monkeypatch.setattr(rating.covering, "cover", cover)
    with pytest.raises(RuntimeError):
        rating.rate(MONTH)
    assert [cost for *_, cost in lines()] == [5]
    assert CostRollup.objects.get().organisation_id == owners[0]
    assert RatedMonth.objects.get(due_since__isnull=False).organisation_id == owners[1]


def test_usage_that_is_gone_takes_its_lines_with_it(instance):
    price()
    used(instance, 1, 5).delete()
    used(instance, 2, 5)
    rating.rate(MONTH)
    UsageRecord.objects.all().delete()
    RatedMonth.objects.update(due_since=clock.now())
    assert rating.rate_due() == rating.Rated(1, 0)
    assert (CostLine.objects.count(), CostRollup.objects.count()) == (0, 0)


def test_a_closed_month_is_not_rated_again(instance):
    price()
    used(instance, 1, 5)
    rating.rate(MONTH)
    RatedMonth.objects.update(closed_at=clock.now())
    used(instance, 2, 5)
    assert rating.rate(MONTH).months == 0
    assert len(lines()) == 1


# -- ten random months, each reckoned a second time ------------------------------------------------

UNITS = ("one", "hour", "thousand", "million", "month")


def random_price(rng, number):
    mode = rng.choice(("flat", "graduated", "graduated", "volume", "package"))
    borders = sorted(rng.sample(range(1, 60), rng.randint(1, 3))) if mode != "flat" else []
    if mode == "package":
        borders = []
    amounts = [f"{rng.randrange(1, 10**6)}E-{rng.randint(3, 9)}" for _ in range(len(borders) + 1)]
    tiers = [
        (end, format(Decimal(amount), "f"))
        for end, amount in zip([*map(str, borders), None], amounts, strict=True)
    ]
    return {
        "price_class": f"t.{number}",
        "mode": mode,
        "unit": rng.choice(UNITS),
        "tiers": tiers,
        "free_quantity": Decimal(rng.choice((0, 0, 1, 5, 20))),
        "free_for": rng.choice(("", "", "dev")),
    }


def reckoned(rows, found):
    """Exact sums by price class, unit by unit: what rating must say. `rows` in rating's order."""
    size = Fraction(base_units(found["unit"], SECONDS))
    free = Fraction(found["free_quantity"])
    borders = [Fraction(end) if end else None for end, _ in found["tiers"]]
    amounts = [Fraction(Decimal(amount)) for _, amount in found["tiers"]]
    whole = sum(Fraction(r.quantity) for r in rows) / size
    reached = eligible = paid_reached = cost = Fraction(0)
    for row in rows:
        quantity = Fraction(row.quantity) / size
        draws = quantity if found["free_for"] in ("", row.allowance) else Fraction(0)
        given = min(eligible + draws, free) - min(eligible, free)
        low, high = reached + given, reached + quantity
        paid = quantity - given
        start = Fraction(0)
        for end, amount in zip(borders, amounts, strict=True):
            match found["mode"]:
                case "graduated":
                    part = max(min(high, high if end is None else end) - max(low, start), 0)
                case "volume":
                    part = paid * (start < whole and (end is None or whole <= end))
                case "package":
                    part = -(-(paid_reached + paid) // 1) - -(-paid_reached // 1)
                case _:
                    part = paid
            cost += part * amount
            start = end
        reached, eligible, paid_reached = high, eligible + draws, paid_reached + paid
    return cost


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_months_agree_to_the_last_digit(instance, seed):
    rng = random.Random(seed)  # repeatable on purpose
    prices = [random_price(rng, number) for number in range(8)]
    for found in prices:
        price(**found)
    beside = make_instance(make_project(instance.project.organisation), instance.region)
    rows = defaultdict(list)
    for found in prices:
        name, size = found["price_class"], base_units(found["unit"], SECONDS)
        for day in sorted(rng.sample(range(1, 32), 6)):
            for one in (instance, beside):
                quantity = (size * rng.randrange(1, 20_000) / 1000).quantize(Decimal("1E-9"))
                allowance = rng.choice(("", "dev"))
                rows[name].append(used(one, day, quantity, price_class=name, allowance=allowance))
    rating.rate(MONTH)
    for found in prices:
        billed = CostLine.objects.filter(price_class=found["price_class"])
        total = sum(Fraction(line.billed_cost) for line in billed)
        assert abs(total - reckoned(rows[found["price_class"]], found)) < Fraction(1, 10**15)
    assert sum(r.billed_cost for r in CostRollup.objects.all()) == sum(
        line.billed_cost for line in CostLine.objects.all()
    )
