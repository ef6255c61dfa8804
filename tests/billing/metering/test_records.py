"""Usage records follow from what happened: again, late or twice, they are the same."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.metering import records as metering
from billing.models import RatedMonth, UsageEvent, UsageRecord
from services.instances.models import Instance, InstanceEvent
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

MONTH = date(2026, 10, 1)
START = datetime(2026, 10, 3, tzinfo=UTC)


@pytest.fixture
def instance():
    made = make_instance(make_project(), make_region(), plan="ha-2x8", tags={"env": "prod"})
    InstanceEvent.objects.all().delete()
    made.created_at = START
    made.save()
    happened(made, "created", START)
    return made


def happened(instance, code, at, plan=None):
    InstanceEvent.objects.create(instance=instance, code=code, at=at, plan=plan or instance.plan)


def records(**by):
    rows = UsageRecord.objects.filter(**by).order_by("day", "meter")
    return [(r.day.day, r.meter, r.quantity) for r in rows]


def test_plan_time_is_seconds_times_what_the_plan_holds(instance):
    metering.meter(MONTH, until=START + timedelta(hours=36))
    day = 86400
    assert records() == [
        (3, "memory_gib", Decimal(24 * day)),
        (3, "storage_gib", Decimal(240 * day)),
        (3, "vcpu", Decimal(6 * day)),
        (4, "memory_gib", Decimal(12 * day)),
        (4, "storage_gib", Decimal(120 * day)),
        (4, "vcpu", Decimal(3 * day)),
    ]
    row = UsageRecord.objects.first()
    assert (row.price_class, row.offering) == ("database.postgresql", "postgresql")
    assert row.tag_set.tags == {"env": "prod"}


def test_a_second_run_writes_nothing_and_makes_nothing_due(instance):
    until = START + timedelta(hours=36)
    assert metering.meter(MONTH, until=until) == metering.Metered(6, 1)
    RatedMonth.objects.update(due_since=None)
    assert metering.meter(MONTH, until=until) == metering.Metered(0, 0)
    assert RatedMonth.objects.get().due_since is None


def test_only_the_days_asked_for_are_written(instance):
    metering.meter(date(2026, 10, 4), until=START + timedelta(hours=36))
    assert {day for day, *_ in records()} == {4}


def test_the_cap_counts_from_the_month_and_not_from_the_day_asked_for(instance):
    InstanceEvent.objects.update(at=datetime(2026, 9, 1, tzinfo=UTC))
    metering.meter(date(2026, 10, 31), until=datetime(2026, 11, 2, tzinfo=UTC))
    row = UsageRecord.objects.get(meter="vcpu")
    assert (row.quantity, row.consumed) == (6 * 10 * 3600, 6 * 24 * 3600)


def test_pause_stops_compute_and_keeps_storage(instance):
    happened(instance, "pause_requested", START + timedelta(hours=1))
    metering.meter(MONTH, until=START + timedelta(hours=24))
    assert records() == [
        (3, "memory_gib", Decimal(24 * 3600)),
        (3, "storage_gib", Decimal(240 * 86400)),
        (3, "vcpu", Decimal(6 * 3600)),
    ]


def test_what_was_metered_and_is_no_more_is_taken_back(instance):
    until = START + timedelta(hours=24)
    metering.meter(MONTH, until=until)
    InstanceEvent.objects.all().delete()
    happened(instance, "ordered", START)
    RatedMonth.objects.update(due_since=None)
    assert metering.meter(MONTH, until=until) == metering.Metered(3, 1)
    assert records() == []


def test_a_day_that_is_over_keeps_its_tags(instance):
    metering.meter(MONTH, until=START + timedelta(hours=30))
    instance.tags = {"env": "test"}
    instance.save()
    metering.meter(MONTH, until=START + timedelta(hours=31))
    tags = {r.day.day: r.tag_set.tags["env"] for r in UsageRecord.objects.all()}
    assert tags == {3: "prod", 4: "test"}


def test_what_meters_report_is_added_up_by_day_and_class(instance):
    for number, (hour, meter, quantity) in enumerate(
        [(1, "egress", "1.5"), (2, "egress", "2.25"), (30, "backup_gib", "7200")]
    ):
        at = START + timedelta(hours=hour)
        UsageEvent.objects.create(
            source="edge",
            event_id=str(number),
            instance=instance,
            meter=meter,
            start=at,
            end=at + timedelta(hours=1),
            quantity=Decimal(quantity),
        )
    metering.meter(MONTH, until=START + timedelta(hours=48))
    rows = UsageRecord.objects.filter(from_plan=False).order_by("day")
    assert [(r.day.day, r.price_class, r.meter, r.quantity) for r in rows] == [
        (3, "network.egress", "egress", Decimal("3.75")),
        (4, "database.postgresql", "backup_gib", Decimal(7200)),
    ]


def test_what_is_reported_beyond_a_plan_is_free_in_the_last_hours_of_a_long_month(instance):
    instance.created_at = datetime(2026, 9, 1, tzinfo=UTC)
    instance.save()
    cap = datetime(2026, 10, 31, 10, tzinfo=UTC)
    for meter in ("backup_gib", "egress"):
        for hours in (-1, 0, 1):
            at = cap + timedelta(hours=hours)
            UsageEvent.objects.create(
                source="polder",
                event_id=f"{meter}{hours}",
                instance=instance,
                meter=meter,
                start=at,
                end=at + timedelta(hours=1),
                quantity=Decimal(3600),
            )
    metering.meter(date(2026, 10, 31), until=datetime(2026, 11, 2, tzinfo=UTC))
    rows = UsageRecord.objects.filter(from_plan=False).order_by("meter")
    said = list(rows.values_list("meter", "quantity", "consumed"))
    assert said == [("backup_gib", 3600, 10800), ("egress", 10800, 10800)]


def test_what_is_reported_beyond_a_plan_is_free_after_730_hours_of_what_began_later(instance):
    instance.created_at = datetime(2026, 10, 1, 5, tzinfo=UTC)
    instance.save()
    cap = datetime(2026, 10, 31, 15, tzinfo=UTC)
    for hours in (-2, -1, 0, 1):
        at = cap + timedelta(hours=hours)
        UsageEvent.objects.create(
            source="polder",
            event_id=str(hours),
            instance=instance,
            meter="backup_gib",
            start=at,
            end=at + timedelta(hours=1),
            quantity=Decimal(3600),
        )
    owner = instance.project.organisation_id
    metering.meter(MONTH, until=datetime(2026, 11, 2, tzinfo=UTC), organisation=owner)
    row = UsageRecord.objects.get(from_plan=False)
    assert (row.quantity, row.consumed) == (7200, 14400)
    metering.meter(MONTH, until=datetime(2026, 11, 2, tzinfo=UTC))
    row.refresh_from_db()
    assert (row.quantity, row.consumed) == (7200, 14400)


def test_one_organisation_leaves_the_others_alone(instance):
    other = make_instance(make_project(), make_region("second"), plan="dev-1x1")
    other.created_at = START
    other.save()
    InstanceEvent.objects.filter(instance=other).delete()
    happened(other, "created", START)
    owner = other.project.organisation_id
    metering.meter(MONTH, until=START + timedelta(hours=1), organisation=owner)
    assert set(UsageRecord.objects.values_list("instance", "allowance")) == {(other.pk, "dev")}


def test_an_offering_that_left_the_catalogue_is_told_and_keeps_its_records(instance, caplog):
    metering.meter(MONTH, until=START + timedelta(hours=1))
    instance.offering = "bygone"
    instance.save()
    UsageRecord.objects.update(offering="bygone")
    metering.meter(MONTH, until=START + timedelta(hours=2))
    assert len(records()) == 3
    assert "usage.offering_gone" in caplog.text


def test_a_plan_that_left_the_catalogue_stops_no_round(instance, caplog):
    """Its days stay as they were, the others of the same service and all other services go on."""
    other = make_instance(make_project(), make_region("second"), plan="dev-1x1")
    other.created_at = START
    other.save()
    InstanceEvent.objects.filter(instance=other).delete()
    happened(other, "created", START)
    metering.meter(MONTH, until=START + timedelta(hours=1))
    InstanceEvent.objects.filter(instance=instance).update(plan="bygone-9x9")
    happened(instance, "changed", START + timedelta(hours=24))
    for number, hour in enumerate((2, 26)):
        at = START + timedelta(hours=hour)
        UsageEvent.objects.create(
            source="edge",
            event_id=str(number),
            instance=instance,
            meter="storage_gib",
            start=at,
            end=at + timedelta(hours=1),
            quantity=Decimal(3600),
        )
    metering.meter(MONTH, until=START + timedelta(hours=25))
    assert caplog.text.count("usage.plan_gone") == 1
    mine = records(instance=instance, meter="storage_gib")
    assert mine == [
        (3, "storage_gib", Decimal(240 * 3600)),
        (4, "storage_gib", Decimal(240 * 3600 + 3600)),
    ]
    assert records(instance=instance, meter="vcpu")[0] == (3, "vcpu", Decimal(6 * 3600))
    assert records(instance=other, meter="vcpu") == [
        (3, "vcpu", Decimal(24 * 3600)),
        (4, "vcpu", Decimal(3600)),
    ]
    hours = list(metering.hours_by_plan(instance, START, START + timedelta(hours=25)))
    assert {hour for hour, _, _ in hours} == {START + timedelta(hours=24)}


@pytest.mark.parametrize(
    ("before", "after"), [("dev-1x1", "single-2x8"), ("single-2x8", "dev-1x1")]
)
def test_what_was_reported_draws_on_the_allowance_of_the_plan_of_its_time(instance, before, after):
    """Metered again after another plan was chosen, days of before stay as they were."""
    InstanceEvent.objects.update(plan=before)
    Instance.objects.update(plan=before)
    for name, hours in (("first", 2), ("later", 60)):
        start = START + timedelta(hours=hours)
        UsageEvent.objects.create(
            source="polder",
            event_id=name,
            instance=instance,
            meter="storage_gib",
            start=start,
            end=start + timedelta(hours=1),
            quantity=7,
        )
    until = START + timedelta(hours=72)
    metering.meter(MONTH, until=START + timedelta(hours=36))
    allowances = UsageRecord.objects.filter(meter="storage_gib").values_list("day", "allowance")
    first = {row for row in allowances if row[0].day == 3}
    happened(instance, "changed", START + timedelta(hours=48), plan=after)
    Instance.objects.update(plan=after)
    metering.meter(MONTH, until=until)
    again = set(allowances.all())
    assert {row for row in again if row[0].day == 3} == first
    assert {name for day, name in again if day.day == 5} == {"dev" if "dev" in after else ""}
