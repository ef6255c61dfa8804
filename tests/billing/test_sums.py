"""Sums by instance: kept of whole months, added up of other days; and the proof of all sums."""

from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F, Sum

from billing import tasks
from billing.costs import queries as costs
from billing.costs import sums
from billing.costs.posting import Category, Posting, post, withdraw
from billing.models import CostLine, CostRollup, InstanceRollup, TagSet, UsageRecord
from billing.rating import months as rating
from portal.kernel import clock
from portal.tenancy.permissions import Role
from tests.billing.rating.test_months import price
from tests.makers import actor_for, make_instance, make_member, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

SEPTEMBER, OCTOBER, NOVEMBER = date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture
def services(monkeypatch):
    """Two in one project, which used something on every fifth day of three months, with another
    tag from the middle of each month on; and a credit to each, and one to none.
    """
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 20, tzinfo=UTC))
    price()
    project, region = make_project(), make_region()
    made = [make_instance(project, region) for _ in range(2)]
    tags = [TagSet.objects.create(digest=f"{n:064x}", tags={"n": str(n)}) for n in range(2)]
    UsageRecord.objects.bulk_create(
        UsageRecord(
            organisation=project.organisation,
            project=project,
            instance=one,
            tag_set=tags[day > 15],
            offering=one.offering,
            region="local",
            price_class="t.class",
            meter="requests",
            day=month.replace(day=day),
            quantity=Decimal(day * 7 + one.pk % 5),
            consumed=1,
        )
        for one in made
        for month in (SEPTEMBER, OCTOBER, NOVEMBER)
        for day in (1, 6, 11, 16, 21, 26)
    )
    for month in (SEPTEMBER, OCTOBER, NOVEMBER):
        rating.rate(month)
        for number, one in enumerate((*made, None)):
            post(credit(project.organisation, month, f"voucher:{month}:{number}", one))
    return made


def credit(organisation, month, reference, instance=None):
    return Posting(
        organisation=organisation,
        day=month.replace(day=28),
        category=Category.CREDIT,
        amount=Decimal("-0.01"),
        reference=reference,
        instance=instance,
    )


def by_lines(first, end):
    rows = CostLine.objects.filter(day__gte=first, day__lt=end).values_list("instance__public_id")
    return {key or "": cost for key, cost in rows.annotate(Sum("billed_cost")).order_by()}


SPANS = [
    (OCTOBER, NOVEMBER),
    (SEPTEMBER, NOVEMBER),
    (date(2026, 9, 11), date(2026, 11, 12)),
    (date(2026, 9, 30), date(2026, 11, 1)),
    (date(2026, 10, 6), date(2026, 10, 17)),
    (date(2026, 9, 6), date(2026, 10, 7)),
]


@pytest.mark.parametrize(("first", "end"), SPANS)
def test_costs_by_instance_are_those_of_the_lines(services, first, end):
    organisation = services[0].project.organisation
    owner = actor_for(make_member(services[0].project, Role.OWNER))
    asked = {"first": first, "end": end, "group_by": "instance"}
    exact = by_lines(first, end)
    months = costs.costs_for(owner, organisation, **asked, period="month")
    assert months.by_group() == exact
    assert costs.costs_for(owner, organisation, **asked, period="day").by_group() == exact
    for row in months.rows:
        following = (row.start.replace(day=28) + (NOVEMBER - OCTOBER)).replace(day=1)
        span = max(first, row.start), min(end, following)
        assert row.billed_cost == by_lines(*span)[row.group]
    of_one = {**asked, "instances": [services[0].public_id], "period": "month"}
    assert costs.costs_for(owner, organisation, **of_one).total == exact[services[0].public_id]


@pytest.mark.parametrize("until", [date(2026, 10, 17), NOVEMBER])
def test_two_times_by_instance_are_those_of_the_lines(services, until):
    owner = actor_for(make_member(services[0].project, Role.OWNER))
    found = costs.group_sums_for(
        owner,
        services[0].project.organisation,
        span=(NOVEMBER, date(2026, 12, 1)),
        before=(OCTOBER, until),
        group_by="instance",
    )
    assert {row.group: row.amount for row in found} == by_lines(NOVEMBER, date(2026, 12, 1))
    before = by_lines(OCTOBER, until)
    assert {row.group: row.before for row in found} == {"": Decimal(0)} | before


def test_a_tag_is_that_of_the_days_that_had_it(services):
    organisation = services[0].project.organisation
    owner = actor_for(make_member(services[0].project, Role.OWNER))
    asked = {"first": OCTOBER, "end": NOVEMBER, "group_by": "instance", "tag": ("n", "1")}
    months, days = (
        costs.costs_for(owner, organisation, **asked, period=period).by_group()
        for period in ("month", "day")
    )
    assert months == days
    assert 0 < sum(months.values()) < sum(by_lines(OCTOBER, NOVEMBER).values())


@pytest.mark.parametrize(
    ("first", "end", "months", "rest"),
    [
        ((2026, 10, 1), (2026, 11, 1), [10], []),
        ((2026, 10, 1), (2026, 10, 31), [], [((2026, 10, 1), (2026, 10, 31))]),
        ((2026, 10, 2), (2026, 11, 1), [], [((2026, 10, 2), (2026, 11, 1))]),
        (
            (2026, 8, 31),
            (2026, 11, 2),
            [9, 10],
            [((2026, 8, 31), (2026, 9, 1)), ((2026, 11, 1), (2026, 11, 2))],
        ),
        ((2026, 8, 1), (2026, 10, 9), [8, 9], [((2026, 10, 1), (2026, 10, 9))]),
    ],
)
def test_whole_months(first, end, months, rest):
    found, left = sums.whole_months(date(*first), date(*end))
    assert [month.month for month in found] == months
    assert left == [(date(*since), date(*until)) for since, until in rest]


def test_a_year_has_twelve_months():
    found, left = sums.whole_months(date(2025, 12, 1), date(2026, 12, 1))
    assert (len(found), found[-1], left) == (12, NOVEMBER, [])


def test_every_sum_is_that_of_its_lines(services):
    assert InstanceRollup.objects.filter(day=OCTOBER).count() == 2 * 2 + 3  # two tags; credits
    assert sums.unequal(date.min) == []


def test_what_is_posted_and_taken_back_changes_the_sums_of_its_service_alone(services):
    organisation, one = services[0].project.organisation, services[0]
    before = dict(InstanceRollup.objects.values_list("pk", "billed_cost"))
    post(credit(organisation, OCTOBER, "voucher:more", one))
    assert sums.unequal(date.min) == []
    left = set(InstanceRollup.objects.values_list("pk", flat=True))
    assert len(before.keys() - left) == 1
    withdraw("voucher:more")
    assert sorted(InstanceRollup.objects.values_list("billed_cost", flat=True)) == sorted(
        before.values()
    )
    withdraw(f"voucher:{OCTOBER}:2")
    assert sums.unequal(date.min) == []
    assert InstanceRollup.objects.count() == len(before) - 1


@pytest.mark.parametrize("model", [CostRollup, InstanceRollup])
@pytest.mark.parametrize("cost", ["list_cost", "contracted_cost", "effective_cost", "billed_cost"])
def test_a_sum_that_is_wrong_is_found(services, model, cost):
    row = model.objects.filter(day__gte=OCTOBER, category="usage").order_by("day").first()
    model.objects.filter(pk=row.pk).update(**{cost: F(cost) + Decimal("1e-18")})
    slug = services[0].project.organisation.slug
    assert sums.unequal(date.min) == [sums.Unequal(slug, OCTOBER, model._meta.db_table)]
    assert sums.unequal(NOVEMBER) == []
    with pytest.raises(CommandError, match=f"{slug} 2026-10: {model._meta.db_table}"):
        call_command("billing", "verify", stdout=StringIO())


def test_the_night_looks_at_the_last_months(services, caplog):
    tasks.verify_sums()
    assert "costs.sums_differ" not in caplog.text
    InstanceRollup.objects.filter(day=OCTOBER).delete()
    tasks.verify_sums()
    assert "costs.sums_differ" in caplog.text


def test_the_migration_makes_the_same_sums_as_rating_and_posting(services):
    names = [field.column for field in InstanceRollup._meta.concrete_fields if field.column != "id"]
    made = set(InstanceRollup.objects.values_list(*names))
    InstanceRollup.objects.filter(day__gte=OCTOBER).delete()
    migration = import_module("billing.migrations.0039_fill_sums_by_instance")
    with connection.schema_editor(atomic=False) as editor:
        for _again in range(2):
            migration.fill(None, editor)
    assert set(InstanceRollup.objects.values_list(*names)) == made
    assert InstanceRollup.objects.count() == len(made)
