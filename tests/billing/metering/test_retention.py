"""Usage as it arrived goes once nothing needs it, and no amount changes by that."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing import cycle
from billing.metering import records as metering
from billing.metering import retention
from billing.models import CostLine, RatedMonth, UsageEvent, UsageRecord
from billing.usage import ingestion
from billing.usage.cloudevents import Reported
from portal.kernel import clock
from services.instances.models import Instance, InstanceEvent
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

BEGAN = datetime(2026, 10, 3, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch):
    def put(moment):
        monkeypatch.setattr(clock, "now", lambda: moment)

    put(BEGAN + timedelta(hours=3))
    return put


@pytest.fixture
def instance(at):
    made = make_instance(make_project(), make_region(), plan="dev-1x1")
    Instance.objects.update(created_at=BEGAN)
    InstanceEvent.objects.update(at=BEGAN)
    return made


def keep(instance, day, number="1", quantity="2"):
    start = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
    end = start + timedelta(hours=1)
    event = Reported("polder", number, instance.public_id, "egress", start, end, Decimal(quantity))
    return ingestion.keep_own([event])


def close(month, at=BEGAN):
    RatedMonth.objects.filter(month=month).update(closed_at=at, due_since=None)


def sums():
    costs = sorted(CostLine.objects.values_list("day", "meter", "billed_cost"))
    return costs, sorted(UsageRecord.objects.values_list("day", "meter", "quantity"))


def test_months_that_are_closed_and_old_are_forgotten_and_cost_the_same(at, instance):
    keep(instance, BEGAN)
    cycle.meter_and_rate()
    close(BEGAN.date().replace(day=1))
    before = sums()
    assert retention.forget_events() == 0
    at(datetime(2027, 12, 10, tzinfo=UTC))
    assert retention.forget_events() == 0
    at(datetime(2027, 12, 11, tzinfo=UTC))  # 405 days before it is 1 November
    assert retention.forget_events() == 1
    assert not UsageEvent.objects.exists()
    assert metering.meter(BEGAN.date()) == metering.Metered(0, 0)
    assert sums() == before


@pytest.mark.parametrize("fields", [{"closed_at": None}, {"closed_at": BEGAN, "due_since": BEGAN}])
def test_an_open_month_and_one_to_correct_keep_theirs(at, instance, fields):
    keep(instance, BEGAN)
    cycle.meter_and_rate()
    RatedMonth.objects.update(**fields)
    at(datetime(2028, 6, 1, tzinfo=UTC))
    assert retention.forget_events() == 0


def test_what_is_too_old_is_refused_before_its_like_is_forgotten(at, instance):
    keep(instance, BEGAN)
    first = datetime(2027, 12, 6, tzinfo=UTC)  # 400 days before it is 1 November
    at(first - timedelta(seconds=1))
    assert keep(instance, BEGAN, "2").accepted == 1
    at(first)
    assert [fault.code for fault in keep(instance, BEGAN, "3").rejected] == ["too-old"]
    assert not retention.is_forgotten(datetime(2026, 10, 1, tzinfo=UTC))
    metering.meter(BEGAN.date())  # what came at the last moment still counts
    assert UsageRecord.objects.get(meter="egress").quantity == 4
    at(first + timedelta(days=5))
    assert retention.is_forgotten(datetime(2026, 10, 1, tzinfo=UTC))


def test_all_goes_however_many_at_once(at, instance, monkeypatch):
    monkeypatch.setattr(retention, "_AT_ONCE", 2)
    for number in range(5):
        keep(instance, BEGAN, str(number))
    cycle.meter_and_rate()
    close(BEGAN.date().replace(day=1))
    at(datetime(2028, 6, 1, tzinfo=UTC))
    assert retention.forget_events() == 5
