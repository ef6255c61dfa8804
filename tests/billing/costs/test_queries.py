"""Costs by time and by what they are for; who may see which."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing import cycle
from billing.costs import queries as costs
from billing.models import CostLine, CostRollup, RatedMonth, UsageRecord
from billing.rating import months as rating
from portal.kernel import clock
from portal.kernel.errors import Invalid, NotFound
from portal.tenancy.permissions import Role
from services.instances.models import InstanceEvent
from tests.makers import actor_for, make_instance, make_member, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

MONTH, FOLLOWING = date(2026, 10, 1), date(2026, 11, 1)
DAY_OF_PG = Decimal("0.12832") * 24  # single-2x8


@pytest.fixture
def now(monkeypatch):
    """Noon of the third: two days and a half after the services began."""
    moment = datetime(2026, 10, 3, 12, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: moment)
    return moment


@pytest.fixture
def shop(now):
    """A service in one project of an organisation, and one in another, both since the first."""
    region = make_region()
    one = make_project()
    beside = make_project(one.organisation)
    made = [
        make_instance(one, region, plan="single-2x8", tags={"env": "prod"}),
        make_instance(beside, region, plan="single-2x8"),
    ]
    InstanceEvent.objects.all().delete()
    for instance in made:
        instance.created_at = datetime(2026, 10, 1, tzinfo=UTC)
        instance.save()
        InstanceEvent.objects.create(
            instance=instance, code="created", at=instance.created_at, plan=instance.plan
        )
    cycle.meter_and_rate()
    return made


@pytest.fixture
def owner(shop):
    return actor_for(make_member(shop[0].project, Role.OWNER))


def asked(actor, shop, **by):
    organisation = shop[0].project.organisation
    return costs.costs_for(actor, organisation, first=MONTH, end=FOLLOWING, **by)


def test_the_round_meters_and_rates(shop, owner):
    found = asked(owner, shop)
    assert found.total == 2 * DAY_OF_PG * Decimal("2.5")
    assert [row.start.day for row in found.rows] == [1, 2, 3]
    assert {row.group for row in found.rows} == {"postgresql"}
    assert cycle.meter_and_rate()[1] == rating.Rated(0, 0)


def test_every_way_of_grouping_has_the_same_sum(shop, owner):
    ways = (*costs.GROUPS, "tag:env", "tag:nobody")
    sums = {way: asked(owner, shop, group_by=way).total for way in ways}
    assert set(sums.values()) == {2 * DAY_OF_PG * Decimal("2.5")}


@pytest.mark.parametrize(
    ("by", "groups"),
    [
        ("family", ["databases"]),
        ("region", ["local"]),
        ("tag:env", ["", "prod"]),
    ],
)
def test_groups(shop, owner, by, groups):
    assert sorted(asked(owner, shop, group_by=by, period="month").by_group()) == groups


@pytest.mark.parametrize("by", [*costs.GROUPS, "tag:env"])
def test_sums_of_two_times_are_those_of_each(shop, owner, by):
    """The first day and a half against the day before it: the second alone, nothing between."""
    organisation = shop[0].project.organisation
    at = [MONTH + timedelta(days=n) for n in range(4)]
    found = costs.group_sums_for(
        owner, organisation, span=(at[2], at[3]), before=(at[0], at[1]), group_by=by
    )
    for name, first in (("amount", at[2]), ("before", at[0])):
        alone = costs.costs_for(
            owner, organisation, first=first, end=first + timedelta(days=1), group_by=by
        )
        assert {row.group: getattr(row, name) for row in found} == alone.by_group()
    assert sum(row.before for row in found) == 2 * sum(row.amount for row in found) > 0


def test_what_only_one_of_two_times_had(shop, owner):
    organisation = shop[0].project.organisation
    second, third, fourth = (MONTH + timedelta(days=n) for n in (1, 2, 3))
    CostLine.objects.filter(instance=shop[0], day=third).delete()
    CostLine.objects.filter(instance=shop[1], day=second).delete()
    found = costs.group_sums_for(
        owner,
        organisation,
        span=(third, fourth),
        before=(second, third),
        group_by="instance",
    )
    half = DAY_OF_PG / 2
    assert [(row.group, row.amount, row.before) for row in found] == [
        (shop[1].public_id, half, 0),
        (shop[0].public_id, 0, DAY_OF_PG),
    ]


@pytest.mark.parametrize("period", ["day", "month"])
def test_totals_are_those_of_all_groups(shop, owner, period):
    organisation = shop[0].project.organisation
    span = {"first": MONTH, "end": FOLLOWING, "period": period}
    groups = costs.costs_for(owner, organisation, **span, group_by="instance").by_start()
    totals = costs.totals_for(owner, organisation, **span)
    assert totals == {at: sum(found.values()) for at, found in groups.items()}
    assert sum(totals.values()) == 5 * DAY_OF_PG


def test_some_services_and_what_belongs_to_none(shop, owner):
    CostLine.objects.filter(instance=shop[1]).update(instance=None)
    half = DAY_OF_PG * Decimal("2.5")
    ways = {"": half, shop[0].public_id: half}
    for name, cost in ways.items():
        found = asked(owner, shop, instances=[name], group_by="instance")
        assert found.by_group() == {name: cost}
    assert asked(owner, shop, instances=list(ways)).total == 2 * half


def test_filters(shop, owner):
    half = DAY_OF_PG * Decimal("2.5")
    assert asked(owner, shop, project=shop[0].project.slug).total == half
    assert asked(owner, shop, instances=[shop[1].public_id]).total == half
    assert asked(owner, shop, tag=("env", "prod")).total == half
    assert asked(owner, shop, tag=("env", "test")).total == 0


def test_a_month_is_one_row(shop, owner):
    rows = asked(owner, shop, period="month").rows
    assert [(row.start, row.billed_cost) for row in rows] == [(MONTH, 5 * DAY_OF_PG)]


def test_whoever_is_in_one_project_sees_its_costs_only(shop):
    guest = actor_for(make_member(shop[0].project, Role.VIEWER, only_project=True))
    assert asked(guest, shop).total == DAY_OF_PG * Decimal("2.5")
    assert asked(guest, shop, project=shop[1].project.slug).total == 0


def test_strangers_learn_nothing(shop):
    stranger = actor_for(make_member(make_project(), Role.OWNER))
    organisation, span = shop[0].project.organisation, (MONTH, FOLLOWING)
    with pytest.raises(NotFound):
        asked(stranger, shop)
    with pytest.raises(NotFound):
        costs.group_sums_for(stranger, organisation, span=span, before=span, group_by="region")
    with pytest.raises(NotFound):
        costs.totals_for(stranger, organisation, first=MONTH, end=FOLLOWING, period="day")


@pytest.mark.parametrize("by", ["colour", "tag:", ""])
def test_an_unknown_grouping_is_told(shop, owner, by):
    with pytest.raises(Invalid) as told:
        asked(owner, shop, group_by=by)
    assert "group_by" in told.value.fields


@pytest.mark.parametrize("days", [0, -1, costs.LONGEST_DAYS + 1])
def test_a_span_that_cannot_be_is_told(shop, owner, days):
    organisation = shop[0].project.organisation
    with pytest.raises(Invalid):
        costs.costs_for(owner, organisation, first=MONTH, end=MONTH + timedelta(days=days))


def test_lines_and_sums_say_the_same(shop):
    assert sum(line.billed_cost for line in CostLine.objects.all()) == sum(
        rollup.billed_cost for rollup in CostRollup.objects.all()
    )


def test_a_round_that_finds_another_at_work_leaves(shop, monkeypatch):
    monkeypatch.setattr(cycle, "alone", lambda _lock: _nobody())
    assert cycle.meter_and_rate() is None


class _nobody:  # stands for a function
    def __enter__(self):
        return False

    def __exit__(self, *_):
        return None


def test_the_round_looks_back_into_the_month_before(shop, monkeypatch):
    UsageRecord.objects.all().delete()
    RatedMonth.objects.all().delete()
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 1, 3, tzinfo=UTC))
    cycle.meter_and_rate()
    days = set(UsageRecord.objects.values_list("day", flat=True))
    assert min(days) == date(2026, 10, 29)
    assert max(days) == date(2026, 11, 1)
    assert set(RatedMonth.objects.values_list("month", flat=True)) == {MONTH, FOLLOWING}
