"""A month of the SLA: what counts of it, what it earns, and that it is credited exactly once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing import cycle
from billing.models import CostLine, CostRollup, RatedMonth, SlaMonth
from billing.rating import months as rating
from billing.sla import months, reports
from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import NotFound
from portal.status.models import Incident, Maintenance
from portal.tenancy.permissions import Role
from services.instances.models import InstanceEvent, Operation, ProbeDay
from tests.makers import actor_for, make_instance, make_member, make_project, make_region

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

MONTH = date(2026, 10, 1)
START = datetime(2026, 10, 1, tzinfo=UTC)
OCTOBER = 31 * 1440


@pytest.fixture
def now(monkeypatch):
    """Settable: `now.at = …`; the second of November before that."""

    class Now:
        at = datetime(2026, 11, 2, tzinfo=UTC)

    monkeypatch.setattr(clock, "now", lambda: Now.at)
    return Now


def since(instance, at, code="created", **fields):
    InstanceEvent.objects.create(instance=instance, code=code, at=at, plan=instance.plan, **fields)


@pytest.fixture
def instance(now):
    """PostgreSQL on one node, since the first of October; it costs 93.67 in October."""
    made = make_instance(make_project(), make_region(), plan="single-2x8", name="orders")
    InstanceEvent.objects.all().delete()
    Operation.objects.all().delete()
    made.created_at = START
    made.save()
    since(made, START)
    cycle.meter_month(MONTH)
    cycle.meter_and_rate()
    return made


def probed(instance, *, bad=(), known=range(OCTOBER), latency=20):
    """What a prober would have written, joined to what is there: minutes of the month."""
    kept, lost = bits(known), bits(bad)
    day_of_it = (1 << 1440) - 1
    for number in range(31):
        day = MONTH + timedelta(days=number)
        row, _ = ProbeDay.objects.get_or_create(
            instance=instance, day=day, defaults={"known": 0, "bad": 0, "latency": b""}
        )
        row.known |= kept >> number * 1440 & day_of_it
        row.bad |= lost >> number * 1440 & day_of_it
        row.latency = latency.to_bytes(2, "big") * 288
        row.save()


def bits(minutes):
    return sum(1 << minute for minute in minutes) if len(minutes) < OCTOBER else (1 << OCTOBER) - 1


def on(day, hour=0, minute=0):
    return datetime(2026, 10, day, hour, minute, tzinfo=UTC)


def report(instance, month=MONTH):
    found = reports.report_of(instance, month)
    assert found is not None
    return found


def credits():
    rows = CostLine.objects.filter(category="credit").order_by("reference")
    return [(row.reference, row.billed_cost) for row in rows]


def settle(instance, month=MONTH):
    return months.settle(instance.project.organisation, month).total


# -- what counts -----------------------------------------------------------------------------------


def test_bad_minutes_are_told_with_the_incidents_that_touched_them(instance):
    probed(instance, bad=range(600, 660), known=range(500, 700))
    touching = Incident.objects.create(title="Cut", started_at=on(1, 10), families=["databases"])
    Incident.objects.create(title="Later", started_at=on(2))
    Incident.objects.create(title="Other family", started_at=on(1, 10), families=["ai"])
    Incident.objects.create(title="Elsewhere", started_at=on(1, 10), regions=["far"])
    found = report(instance)
    (outage,) = found.outages
    assert (outage.start, outage.minutes, outage.end) == (on(1, 10), 60, on(1, 11))
    assert outage.incidents == (touching,)
    assert (found.measured.bad, found.measured.expected) == (60, OCTOBER)


def test_paused_time_counts_from_the_request_to_the_success(instance):
    pause = Operation.objects.create(
        public_id="op-1", instance=instance, kind="pause", deadline=on(9), state="succeeded"
    )
    since(instance, on(5), "pause_requested")
    since(instance, on(5, 0, 1), "paused", operation=pause)
    since(instance, on(6), "resumed")
    probed(instance, bad=range(4 * 1440 - 5, 5 * 1440 + 5), known=range(4 * 1440 - 5, 6 * 1440))
    measured = report(instance).measured
    assert measured.expected == OCTOBER - 1440
    assert measured.bad == 10


def test_time_in_the_bin_and_before_it_was_there_does_not_count(instance):
    instance.created_at = on(3, 0, 0) + timedelta(seconds=30)
    instance.save()
    InstanceEvent.objects.update(at=instance.created_at)
    since(instance, on(10), "deleted")
    measured = report(instance).measured
    assert measured.expected == 7 * 1440 - 1  # the minute in which it came does not


def test_what_the_tenant_has_changed_does_not_count_for_half_an_hour(instance):
    for number, (kind, begun, minutes) in enumerate(
        [("update", on(2, 10), 10), ("upgrade", on(3, 10), 90), ("repair", on(4, 10), 20)]
    ):
        Operation.objects.create(
            public_id=f"op-{number}",
            instance=instance,
            kind=kind,
            deadline=on(9),
            state="succeeded",
            started_at=begun,
            finished_at=begun + timedelta(minutes=minutes),
        )
    probed(instance, bad=[2 * 1440 + 600 + m for m in range(90)])
    measured = report(instance).measured
    assert measured.expected == OCTOBER - 10 - 30
    assert measured.bad == 60


def test_announced_work_is_left_out_and_told(instance):
    Maintenance.objects.create(
        title="Network",
        text="",
        starts_at=on(8, 2),
        ends_at=on(8, 5),
        announced_at=on(1),
        families=["databases"],
    )
    for fields in (
        {"announced_at": on(9, 3)},  # nobody was told before
        {"announced_at": on(1), "cancelled_at": on(2)},
        {"announced_at": on(1), "regions": ["far"]},
    ):
        Maintenance.objects.create(
            title="No", text="", starts_at=on(9, 2), ends_at=on(9, 4), **fields
        )
    probed(instance, bad=range(7 * 1440 + 120, 7 * 1440 + 310))
    measured = report(instance).measured
    assert (measured.excluded, measured.bad) == (180, 10)
    assert measured.expected == OCTOBER - 180


def test_suspended_time_does_not_count(instance, now):
    organisation = instance.project.organisation
    for at, verb in ((on(5), "organisation.suspend"), (on(7), "organisation.lift_suspension")):
        now.at = at
        record(SYSTEM, verb, "organisation", organisation.slug, chain=organisation.slug)
    now.at = datetime(2026, 11, 2, tzinfo=UTC)
    assert report(instance).measured.expected == OCTOBER - 2 * 1440


def test_the_plan_it_had_for_longest_says_what_was_promised(instance):
    instance.plan = "ha-2x8"
    since(instance, on(20), "changed")
    assert report(instance).measured.target == Decimal("99.5")
    InstanceEvent.objects.filter(code="changed").update(at=on(10))
    assert report(instance).measured.target == Decimal("99.99")


def test_slow_answers_miss_the_promise_of_speed(instance):
    probed(instance, latency=101)
    found = report(instance)
    assert found.measured.within == 10
    assert (found.measured.slow, found.measured.windows) == (OCTOBER // 5, OCTOBER // 5)
    assert (found.credit.for_time, found.credit.for_speed) == (0, 5)


def test_the_month_that_runs_is_told_up_to_now(instance, now):
    now.at = on(11)
    found = report(instance)
    assert (found.measured.expected, found.settled) == (10 * 1440, False)


# -- what it earns ---------------------------------------------------------------------------------


def test_a_missed_promise_is_credited_to_the_cent(instance):
    october = CostLine.objects.filter(day__month=10)
    cost = sum(october.values_list("billed_cost", flat=True))
    probed(instance, bad=range(600, 600 + 300))
    assert settle(instance) == (cost * 15 / 100).quantize(Decimal("0.01"))
    amount = -(cost * 15 / 100).quantize(Decimal("0.01"))
    assert credits() == [(f"sla:2026-10:{instance.public_id}", amount)]
    rollup = CostRollup.objects.get(category="credit")
    assert (rollup.billed_cost, rollup.day) == (amount, date(2026, 10, 31))
    found = report(instance)
    assert found.settled
    assert [(one.amount, one.month, one.invoice) for one in found.posted] == [(-amount, MONTH, "")]


def test_a_promise_that_was_kept_earns_nothing(instance):
    probed(instance, bad=range(600, 600 + 223))
    assert settle(instance) == 0
    assert credits() == []
    assert report(instance).measured.is_kept


def test_settling_again_changes_nothing(instance):
    probed(instance, bad=range(300))
    settle(instance)
    before = (credits(), RatedMonth.objects.get(month=MONTH).posted_at)
    settle(instance)
    assert (credits(), RatedMonth.objects.get(month=MONTH).posted_at) == before
    assert SlaMonth.objects.count() == 1


def test_what_becomes_known_while_the_month_is_open_replaces_the_credit(instance):
    probed(instance, bad=range(300), known=range(400))
    first = settle(instance)
    probed(instance, bad=range(1000, 1300), known=range(1000, 1400))
    second = settle(instance)
    assert second == first * 2
    assert credits() == [(f"sla:2026-10:{instance.public_id}", -second)]
    Maintenance.objects.create(
        title="Told", text="", starts_at=on(1), ends_at=on(1, 4), announced_at=START
    )
    Maintenance.objects.create(
        title="Told", text="", starts_at=on(1, 16), ends_at=on(2), announced_at=START
    )
    assert settle(instance) < second


def test_a_credit_that_is_not_owed_is_withdrawn(instance):
    probed(instance, bad=range(230))
    assert settle(instance) > 0
    Maintenance.objects.create(
        title="Told", text="", starts_at=on(1), ends_at=on(1, 4), announced_at=START
    )
    assert settle(instance) == 0
    assert credits() == []


def test_what_is_owed_beyond_an_invoice_is_credited_in_the_next_month(instance, now):
    probed(instance, bad=range(300), known=range(400))
    first = settle(instance)
    RatedMonth.objects.filter(month=MONTH).update(closed_at=clock.now())
    probed(instance, bad=range(1000, 1300), known=range(1000, 1400))
    assert months.settle_late() == 1
    name = f"sla:2026-10:{instance.public_id}"
    assert credits() == [(name, -first), (f"{name}:2026-11", -first)]
    assert CostLine.objects.get(reference=f"{name}:2026-11").day == date(2026, 11, 30)
    months.settle_late()
    assert len(credits()) == 2
    assert sum(one.amount for one in report(instance).posted) == 2 * first


def test_what_an_invoice_gave_is_not_taken_back(instance):
    probed(instance, bad=range(300))
    first = settle(instance)
    RatedMonth.objects.filter(month=MONTH).update(closed_at=clock.now())
    Maintenance.objects.create(
        title="Told", text="", starts_at=on(1), ends_at=on(1, 4), announced_at=START
    )
    assert settle(instance) == 0
    assert credits() == [(f"sla:2026-10:{instance.public_id}", -first)]


def test_a_month_that_is_not_over_is_not_settled(instance, now):
    now.at = on(20)
    with pytest.raises(ValueError, match="not over"):
        settle(instance)


def test_rating_again_leaves_the_credit_and_settles_on_the_new_cost(instance):
    probed(instance, bad=range(300))
    settle(instance)
    rating.rate(MONTH)
    assert len(credits()) == 1
    assert settle(instance) == -credits()[0][1]


def test_questions_do_not_grow_with_the_instances(instance, django_assert_num_queries):
    organisation = instance.project.organisation
    probed(instance, bad=range(300))
    with CaptureQueriesContext(connection) as one:
        reports.reports_for(SYSTEM, organisation, MONTH)
    for number in range(3):
        row = make_instance(instance.project, instance.region, name=f"more-{number}")
        InstanceEvent.objects.filter(instance=row).update(at=START)
        row.created_at = START
        row.save()
    with django_assert_num_queries(len(one)):
        found = reports.reports_for(SYSTEM, organisation, MONTH)
    assert [report.instance.name for report in found] == ["more-0", "more-1", "more-2", "orders"]


# -- who may read it -------------------------------------------------------------------------------


def test_a_member_of_one_project_sees_its_services_only(instance):
    other = make_project(instance.project.organisation)
    actor = actor_for(make_member(other, Role.VIEWER, only_project=True))
    assert reports.reports_for(actor, other.organisation, MONTH) == []


def test_a_stranger_sees_nothing(instance):
    stranger = actor_for(make_member(make_project(), Role.OWNER))
    with pytest.raises(NotFound):
        reports.reports_for(stranger, instance.project.organisation, MONTH)
