"""Looks at backends become events of the hour: lost, late or made twice, they come to the same."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing import cycle
from billing.models import CostLine, CounterLook, UsageEvent, UsageLook, UsageRecord
from billing.usage import reporting, silence
from portal.kernel import clock
from portal.kernel.errors import Temporary
from services.instances.models import Instance, InstanceEvent
from services.spec import Counted
from tests.makers import make_instance, make_project, make_region

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]

START = datetime(2026, 10, 20, 9, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch):
    """Puts the clock, in minutes after START."""

    def put(minutes):
        moment = START + timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "now", lambda: moment)
        return moment

    put(0)
    return put


@pytest.fixture
def instance(at, fake):
    made = make_instance(make_project(), make_region(), plan="dev-1x1")
    Instance.objects.update(created_at=START, offering="functions")
    InstanceEvent.objects.update(at=START)
    return Instance.objects.select_related("region").get(pk=made.pk)


@pytest.fixture
def look(instance, fake, at):
    """A look at a minute, when the backend tells so many GB-seconds since the last one."""

    def take(minute, quantity=None, **more):
        at(minute)
        used = [Counted("gb_second", Decimal(quantity))] if quantity is not None else []
        fake.counted = {instance.public_id: (*used, *more.get("counted", ()))}
        return reporting.look_at_region(instance.region_id)

    return take


def events():
    rows = UsageEvent.objects.order_by("start", "meter")
    return [(f"{r.start:%H:%M:%S}", f"{r.end:%H:%M}", r.meter, r.quantity) for r in rows]


def test_looks_of_an_hour_are_one_event(look, instance, fake):
    assert [look(5, 10), look(10, "0.5"), look(61, 2), look(66, 7)] == [0, 0, 1, 0]
    assert events() == [("09:00:01", "10:01", "gb_second", Decimal("12.5"))]
    row = UsageEvent.objects.get()
    assert (row.source, len(row.event_id), row.instance) == ("polder", 64, instance)
    begin = START + timedelta(minutes=61), START + timedelta(minutes=66)
    assert fake.asked == {instance.public_id: begin}
    look(121, 3)
    assert [quantity for *_, quantity in events()] == [Decimal("12.5"), Decimal(10)]


def test_a_look_that_is_made_twice_changes_nothing(look):
    look(5, 10)
    look(5, 0)
    look(61, 2)
    assert look(61, 0) == 0
    assert [quantity for *_, quantity in events()] == [Decimal(12)]


def test_two_looks_at_once_keep_one(look, instance, fake, monkeypatch):
    """The other had read the same before this one wrote."""
    look(5, 10)
    real = reporting._keep

    def with_another_first(*told, **more):
        real(*told, **more)
        return real(*told, **more)

    monkeypatch.setattr(reporting, "_keep", with_another_first)
    look(61, 2)
    assert [quantity for *_, quantity in events()] == [Decimal(12)]
    assert UsageLook.objects.get().pending == {}


def test_while_the_backend_is_away_nothing_is_lost(look, instance, fake, at):
    look(5, 10)
    at(30)
    fake.faults = [Temporary("away")]
    assert reporting.look_at_region(instance.region_id) == 0
    look(61, 99)
    assert fake.asked[instance.public_id][0] == START + timedelta(minutes=5)
    assert [quantity for *_, quantity in events()] == [Decimal(109)]


def test_what_the_backend_cannot_tell_now_is_asked_again(look, instance, fake, at):
    look(5, 10)
    at(70)
    fake.counted = {}
    assert reporting.look_at_region(instance.region_id) == 0
    look(75, 1)
    assert events() == [("09:00:01", "10:15", "gb_second", Decimal(11))]


def test_of_what_is_kept_the_lesser_of_two_looks_counts(look, instance):
    Instance.objects.update(offering="postgresql")

    def kept(minute, gibibytes):
        return look(minute, counted=[Counted("storage_gib", Decimal(gibibytes), kept=True)])

    assert [kept(0, 5), kept(10, 3), kept(20, 4), kept(30, 0), kept(60, 2)] == [0, 0, 0, 0, 1]
    assert events()[0][2:] == ("storage_gib", Decimal(3 * 600 + 3 * 600))


def test_nothing_is_told_of_nothing_where_a_plan_counts(look, instance):
    Instance.objects.update(offering="postgresql")
    look(5, counted=[Counted("storage_gib", Decimal(0), kept=True)])
    assert look(61, counted=[Counted("storage_gib", Decimal(0), kept=True)]) == 0
    assert UsageEvent.objects.count() == 0


def test_where_reports_alone_are_heard_nothing_is_told_too(look, at):
    look(5, 0)
    assert look(61, 0) == 1
    assert [quantity for *_, quantity in events()] == [Decimal(0)]
    at(180)
    assert silence.look().fallen == 0
    at(182)
    assert silence.look().fallen == 1


def test_what_ran_before_there_were_looks_is_not_billed(look, instance, fake):
    Instance.objects.update(created_at=START - timedelta(days=30))
    look(5, 0)
    assert fake.asked[instance.public_id] == (START + timedelta(minutes=5),) * 2


def test_what_is_pending_of_a_destroyed_service_is_billed(look, instance, at):
    look(5, 10)
    at(20)
    Instance.objects.update(deleted_at=START + timedelta(minutes=7))
    assert reporting.look_at_region(instance.region_id) == 1
    assert events() == [("09:00:01", "09:05", "gb_second", Decimal(10))]
    assert not UsageLook.objects.exists()


def test_it_is_rated_as_what_it_is(look, instance):
    Instance.objects.update(offering="kubernetes", plan="dev-2x4")
    InstanceEvent.objects.update(plan="dev-2x4")
    more = [Counted("vcpu", Decimal(7200)), Counted("gpu_l4", Decimal(1800))]
    look(5, counted=more)
    look(61, counted=())
    cycle.meter_and_rate()
    gpu = UsageRecord.objects.get(meter="gpu")
    assert (gpu.price_class, gpu.quantity) == ("compute.gpu-l4", Decimal(1800))
    vcpu = UsageRecord.objects.get(meter="vcpu")
    assert vcpu.quantity == 2 * 61 * 60 + 7200


def test_a_plan_that_left_the_catalogue_stops_no_look(look, instance, fake, caplog):
    gone = make_instance(make_project(), instance.region, plan="dev-1x1")
    Instance.objects.filter(pk=gone.pk).update(plan="bygone-9x9")
    look(5, 10)
    look(61, 2)
    assert "usage.plan_gone" in caplog.text
    assert (list(fake.asked), UsageEvent.objects.count()) == ([instance.public_id], 1)


def test_a_public_address_costs_its_time_to_the_cent(look, instance):
    """Two of them for two hours and a half, at 0.00252 euro an hour."""
    Instance.objects.update(offering="postgresql", plan="single-2x8")

    def held(minute, addresses):
        return look(minute, counted=[Counted("public_ipv4", Decimal(addresses), kept=True)])

    for minute in range(0, 155, 5):
        held(minute, 2)
    held(155, 0)
    held(185, 0)
    cycle.meter_and_rate()
    line = CostLine.objects.get(meter="public_ipv4")
    assert (line.price_class, line.quantity) == ("network.ipv4", Decimal(5 * 3600))
    assert line.billed_cost == Decimal("0.0126")


# -- counters --------------------------------------------------------------------------------------


def test_counters_that_are_away_hold_up_nothing_else_and_lose_nothing(look, instance, fake):
    fake.counter_told = {instance.public_id: (Counted("invocations", Decimal(100)),)}
    look(5, 10)
    fake.counters_away = True
    assert [look(61, 2), look(66, 1)] == [1, 0]
    fake.counters_away = False
    assert look(71, 1) == 1
    since = START + timedelta(minutes=5), START + timedelta(minutes=71)
    assert fake.counters_asked[instance.public_id] == since
    assert events() == [
        ("09:00:01", "10:01", "gb_second", Decimal(12)),
        ("09:00:01", "10:11", "invocations", Decimal(200)),
    ]


def test_counters_are_told_while_objects_are_away(look, instance, fake):
    fake.counter_told = {instance.public_id: (Counted("invocations", Decimal(7)),)}
    look(5, 10)
    fake.faults = [Temporary("away")]
    assert look(61, 99) == 1
    assert [row[2:] for row in events()] == [("invocations", Decimal(14))]
    assert fake.asked[instance.public_id][0] == START + timedelta(seconds=1)


def test_what_is_pending_of_counters_is_billed_when_the_service_goes(look, instance, fake, at):
    fake.counter_told = {instance.public_id: (Counted("invocations", Decimal(7)),)}
    look(5, 10)
    at(20)
    Instance.objects.update(deleted_at=START + timedelta(minutes=7))
    assert reporting.look_at_region(instance.region_id) == 2
    assert not CounterLook.objects.exists()


def test_counters_that_are_switched_off_and_on_again_begin_anew(look, instance, fake):
    fake.counter_told = {instance.public_id: (Counted("invocations", Decimal(7)),)}
    look(5, 10)
    fake.counter_told = {}
    assert [look(10, 1), look(15, 1)] == [1, 0]
    assert [row[2:] for row in events()] == [("invocations", Decimal(7))]
    fake.counter_told = {instance.public_id: (Counted("invocations", Decimal(9)),)}
    look(20, 1)
    since = START + timedelta(minutes=15), START + timedelta(minutes=20)
    assert fake.counters_asked[instance.public_id] == since
    assert CounterLook.objects.get().pending == {"invocations": "9"}


def test_what_there_is_to_catch_up_of_counters_is_kept_bit_by_bit(look, instance, fake):
    """A metrics API that was away for a day: each look goes six hours on."""
    fake.counter_told = {instance.public_id: (Counted("invocations", Decimal(10)),)}
    look(5, 1)
    fake.counters_away = True
    look(1445, 1)
    fake.counters_away = False
    hours = []
    for minute in range(1450, 1480, 5):
        look(minute, 1)
        since, end = fake.counters_asked[instance.public_id]
        hours.append((end - since) / timedelta(hours=1))
    assert hours[:4] == [6, 6, 6, 6]
    assert CounterLook.objects.get().looked_at == START + timedelta(minutes=1475)
    counted = sum(quantity for *_, meter, quantity in events() if meter == "invocations")
    assert counted + Decimal(CounterLook.objects.get().pending["invocations"]) == 70
    assert UsageLook.objects.get().looked_at == START + timedelta(minutes=1475)


def test_one_that_has_to_catch_up_holds_up_no_other(look, instance, fake, at):
    other = make_instance(instance.project, instance.region, plan="dev-1x1", name="other")
    Instance.objects.update(created_at=START, offering="functions")
    fake.counter_told = {
        one.public_id: (Counted("invocations", Decimal(1)),) for one in (instance, other)
    }
    look(5, 1)
    at(1000)
    CounterLook.objects.filter(instance=other).update(looked_at=START + timedelta(minutes=995))
    reporting.look_at_region(instance.region_id)
    found = dict(CounterLook.objects.values_list("instance", "looked_at"))
    assert found == {
        instance.pk: START + timedelta(minutes=365),
        other.pk: START + timedelta(minutes=1000),
    }


def test_what_no_metrics_api_keeps_is_not_asked_for(look, instance, fake):
    fake.counter_told = {instance.public_id: (Counted("invocations", Decimal(1)),)}
    look(5, 1)
    look(40 * 1440, 1)
    end = START + timedelta(days=25, hours=6)
    assert fake.counters_asked[instance.public_id][1] == end


# -- counters of servers ---------------------------------------------------------------------------


@pytest.fixture
def stands(look, instance, fake):
    """A look at a minute, when the server's counter stands there."""
    Instance.objects.update(offering="rabbitmq")

    def take(minute, value, run="1"):
        counter = f"messages/{run}/"
        told = (Counted("messages", Decimal(value), counter=counter),) if value is not None else ()
        fake.counter_told = {instance.public_id: told}
        return look(minute)

    return take


def test_where_a_counter_stands_is_counted_once(stands, instance):
    assert [stands(5, 10), stands(10, 10), stands(15, 17)] == [0, 0, 0]
    assert [stands(20, None), stands(25, 4, run="2"), stands(61, 9, run="2")] == [0, 0, 1]
    assert events() == [("09:00:01", "10:01", "messages", Decimal(26))]
    assert CounterLook.objects.get().stood == {"messages/2/": 9}


def test_of_an_older_service_nothing_is_counted_that_was_before(stands, instance):
    Instance.objects.update(created_at=START - timedelta(days=9))
    stands(5, 1000)
    stands(10, 1003)
    assert CounterLook.objects.get().pending == {"messages": "3"}


def test_a_worker_that_is_killed_loses_nothing_and_doubles_nothing(stands, monkeypatch):
    """Where a counter stands is kept in the transaction that keeps what came of it."""
    stands(5, 10)
    with monkeypatch.context() as patch:
        patch.setattr(reporting, "keep_own", lambda events: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            stands(61, 30)
    assert (CounterLook.objects.get().stood, events()) == ({"messages/1/": 10}, [])
    assert stands(66, 31) == 1
    assert [quantity for *_, quantity in events()] == [Decimal(31)]


def test_an_hour_of_a_meter_is_one_event_and_a_day_one_record(stands, instance):
    for minute in range(5, 180, 5):
        stands(minute, minute)
    told = [quantity for *_, quantity in events()]
    assert len(told) == 2
    cycle.meter_and_rate()
    records = UsageRecord.objects.filter(meter="messages").values_list("quantity", "from_plan")
    assert list(records) == [(sum(told), False)]
    lines = CostLine.objects.filter(meter="messages").values_list("quantity", "billed_cost")
    assert list(lines) == [(sum(told), 0)]
