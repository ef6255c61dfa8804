"""What the provider earns: the same sums as tenants see, against what regions cost."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db.models import Sum

from billing.costs import queries as costs
from billing.costs.closing import close_month
from billing.einvoice.stored import from_json
from billing.invoices import invoicing
from billing.models import CostRollup, RatedMonth, RegionCost
from billing.month_end import revenue, runs
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Invalid, NotPermitted
from portal.tenancy.permissions import Role
from services.instances.models import Instance, InstanceEvent
from tests.billing.einvoice.test_drafting import MONTH, a_provider, known, organisation
from tests.makers import (
    actor_for,
    make_instance,
    make_member,
    make_project,
    make_region,
    make_staff,
    make_user,
    signed_in,
)

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,  # a month of two organisations each time
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider"),
]
PAGE = "/staff/revenue/"


@pytest.fixture
def two(organisation):
    """A second organisation, with another service in another region."""
    other = make_instance(make_project(), make_region("south"), offering="redis")
    at = datetime(2026, 10, 11, tzinfo=UTC)
    InstanceEvent.objects.filter(instance=other).update(at=at)
    Instance.objects.filter(pk=other.pk).update(created_at=at)
    runs.metering.meter(MONTH)
    runs.rating.rate(MONTH)
    return [organisation, other.project.organisation]


def sum_of(rows):
    return sum((row.amount for row in rows), Decimal(0))


@pytest.mark.parametrize("by", revenue.GROUPS)
def test_every_grouping_has_the_sum_that_tenants_see(two, by):
    seen = Decimal(0)
    for one in two:
        reader = actor_for(make_member(one.projects.first(), Role.BILLING))
        span = {"first": MONTH, "end": date(2026, 11, 1)}
        seen += costs.costs_for(reader, one, **span).total
    rows = revenue.earned(make_staff(), MONTH, by)
    assert sum_of(rows) == seen > 0
    assert len(rows) == 2
    assert rows[0].amount > rows[1].amount
    assert sum(row.before for row in revenue.earned(make_staff(), date(2026, 11, 1), by)) == seen


def test_months_are_those_of_a_year(two):
    whole = CostRollup.objects.filter(day__month=10).aggregate(Sum("billed_cost"))
    found = revenue.by_month(make_staff(), date(2026, 11, 1))
    assert found[MONTH] == whole["billed_cost__sum"]
    assert MONTH not in revenue.by_month(make_staff(), date(2027, 10, 1))
    assert MONTH in revenue.by_month(make_staff(), date(2027, 9, 1))


def test_a_margin_needs_a_cost(two):
    staff = make_staff()
    assert {row.margin for row in revenue.margins(staff, MONTH)} == {None}
    enter(staff, "100,50")
    (row,) = [one for one in revenue.margins(staff, MONTH) if one.region == "south"]
    assert row.margin == row.revenue - Decimal("100.50")
    assert row.percent == round(row.margin / row.revenue * 100, 1)
    enter(staff, "")
    assert not RegionCost.objects.exists()
    events = AuditEvent.objects.filter(chain="provider", verb="region_cost.enter")
    assert [one.after["amount"] for one in events.order_by("sequence")] == ["100.50", ""]
    assert events.latest("sequence").before == {"amount": "100.50"}


def enter(actor, amount, **fields):
    wanted = {"month": MONTH, "region": "south", **fields}
    return revenue.enter_region_cost(actor=actor, amount=amount, **wanted)


@pytest.mark.parametrize(
    ("amount", "fields"),
    [
        ("-1", {}),
        ("1.005", {}),
        ("NaN", {}),
        ("1e12", {}),
        ("ten", {}),
        ("1", {"region": "nowhere"}),
        ("1", {"month": date(2027, 1, 1)}),
    ],
)
def test_what_is_no_cost_is_refused(two, amount, fields):
    with pytest.raises(Invalid):
        enter(make_staff(), amount, **fields)


def test_who_is_not_of_the_staff_reads_nothing(two):
    member = actor_for(make_member(two[0].projects.first()))
    for read in (revenue.unbilled_usage, revenue.waiting):
        with pytest.raises(NotPermitted):
            read(member)
    with pytest.raises(NotPermitted):
        revenue.earned(member, MONTH, "region")
    with pytest.raises(NotPermitted):
        enter(member, "1")


def test_what_is_not_invoiced_says_why(two, monkeypatch):
    known(two[0])
    found = revenue.unbilled_usage(make_staff())
    assert {row.organisation for row in found} == set(two)
    assert {(row.in_grace, row.why) for row in found} == {(True, "")}
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 4, 1, tzinfo=UTC))
    runs.run(actor=SYSTEM, month=MONTH, kind="draft")
    whole = sum_of(found)
    made = invoicing.seal(actor=SYSTEM, invoice=invoicing.Invoice.objects.get())
    close_month(made, from_json(made.document))
    (left,) = revenue.unbilled_usage(make_staff())
    assert (left.organisation, left.in_grace) == (two[1], False)
    assert "billing details are missing" in left.why
    assert 0 < left.amount < whole


def test_what_came_late_waits_to_be_corrected(two):
    assert revenue.waiting(make_staff()) == revenue.Waiting(0, 0, None)
    now = clock.now()
    RatedMonth.objects.filter(month=MONTH, organisation=two[0]).update(due_since=now, closed_at=now)
    RatedMonth.objects.filter(month=MONTH, organisation=two[1]).update(due_since=now)
    assert revenue.waiting(make_staff()) == revenue.Waiting(1, 1, now)


# -- the page --------------------------------------------------------------------------------------


@pytest.fixture
def staff(client, plain_static):
    return signed_in(client, make_user(is_staff=True))


@pytest.mark.parametrize("by", [*revenue.GROUPS, "colour"])
def test_the_page_shows_the_month(staff, two, by):
    text = staff.get(PAGE, {"month": "2026-10", "by": by}).content.decode()
    for part in ("October 2026", "Margin by region", "Used and not invoiced", 'class="chart"'):
        assert part in text


def test_without_any_the_page_says_so(staff):
    assert "No revenue in this month" in staff.get(PAGE, {"month": "2020-01"}).content.decode()


def test_staff_enters_what_a_region_cost(staff, two):
    sent = {"month": "2026-10", "region": "south", "amount": "12.50"}
    text = staff.post(PAGE, sent, follow=True).content.decode()
    assert 'value="12.50"' in text
    assert staff.post(PAGE, sent | {"amount": "much"}).status_code == 422
    assert staff.post(PAGE, sent | {"month": "soon"}).status_code == 422
    assert RegionCost.objects.get().amount == Decimal("12.50")
