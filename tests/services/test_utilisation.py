"""What instances take: measured once a minute, kept by the hour, read back."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from django.db import connection

from portal.kernel import clock
from portal.kernel.errors import Permanent, Temporary
from services.instances import actions, sampling, tasks, utilisation
from services.instances.histograms import quantile
from services.instances.models import UtilisationDay
from services.regions.models import Region
from services.spec import Reading
from tests.makers import drive, make_owner, make_project, make_region, put_instance

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]

NOON = datetime(2026, 10, 3, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is told."""

    def __init__(self, moment):
        self.moment = moment

    def __call__(self):
        return self.moment

    def wait(self, **span):
        self.moment += timedelta(**span)


@pytest.fixture
def at(monkeypatch):
    stopped = Clock(NOON)
    monkeypatch.setattr(clock, "now", stopped)
    return stopped


@pytest.fixture
def one(fake, at):
    return put_instance(make_project(), make_region(), fake)


def measure(fake, one, at, **reading):
    """A minute later."""
    at.wait(minutes=1)
    fake.takes[one.public_id] = Reading(**{"memory_mib": 200, **reading})
    return sampling.sample_region(one.region_id)


def the_hour(one, at):
    return utilisation.hours_of(one, NOON - timedelta(hours=1), at.moment + timedelta(hours=1))


def test_what_a_cluster_measured_is_kept_by_the_hour(fake, one, at):
    assert measure(fake, one, at, millicores=100, connections=2) == 1
    measure(fake, one, at, millicores=300, connections=5, memory_mib=600)
    [hour] = the_hour(one, at)
    assert (hour.at, hour.samples) == (NOON, 2)
    assert (hour.cpu, hour.cpu_max) == (200, 300)
    assert (hour.memory, hour.memory_max, hour.connections_max) == (400, 600, 5)


def test_processor_time_is_compared_with_the_last_measurement(fake, one, at):
    for used in (1000, 1000 + 30_000, 1000 + 30_000 + 6_000):
        measure(fake, one, at, cpu_milliseconds=used)
    [hour] = the_hour(one, at)
    assert (hour.samples, hour.cpu, hour.cpu_max) == (2, 300, 500)
    assert hour.connections_max is None


def test_a_restart_and_a_long_silence_count_nothing(fake, one, at):
    measure(fake, one, at, cpu_milliseconds=5000)
    measure(fake, one, at, cpu_milliseconds=100)
    assert the_hour(one, at) == []
    at.wait(minutes=10)
    measure(fake, one, at, cpu_milliseconds=700_000)
    assert the_hour(one, at) == []
    measure(fake, one, at, cpu_milliseconds=706_000)
    assert [hour.cpu_max for hour in the_hour(one, at)] == [100]


def test_midnight_loses_no_measurement(fake, one, at):
    at.moment = NOON.replace(hour=23, minute=57)
    for used in (0, 6_000, 12_000):
        measure(fake, one, at, cpu_milliseconds=used)
    days = utilisation.days_of([one.pk], NOON.date())[one.pk]
    assert [(day.day.day, [hour.cpu for hour in day.hours]) for day in days] == [
        (3, [100]),
        (4, [100]),
    ]


def test_a_late_message_is_not_measured_again(fake, one, at):
    measure(fake, one, at, millicores=100)
    at.wait(seconds=5)
    assert sampling.sample_region(one.region_id) == 0
    assert [hour.samples for hour in the_hour(one, at)] == [1]


def test_who_comes_second_leaves_it(fake, one, at):
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s, %s)", [sampling._LOCK, one.region_id])
        assert measure(fake, one, at, millicores=100) == 0
    finally:
        other.close()
    assert measure(fake, one, at, millicores=100) == 1


def test_histograms_tell_the_quantiles_of_the_day(fake, one, at):
    for number in range(20):
        measure(fake, one, at, millicores=1000 if number == 0 else 100, memory_mib=300)
    [day] = utilisation.days_of([one.pk], NOON.date())[one.pk]
    assert 100 <= quantile(day.cpu, Fraction(95, 100)) <= 105
    assert 1000 <= quantile(day.cpu, Fraction(99, 100)) <= 1050
    assert 300 <= quantile(day.memory, Fraction(99, 100)) <= 315


def test_what_does_not_run_is_not_measured(fake, one, at):
    measure(fake, one, at, millicores=100)
    drive(actions.pause(actor=make_owner(one.project), instance=one))
    assert measure(fake, one, at, millicores=100) == 0


@pytest.mark.parametrize("fault", [Permanent("metrics-not-served"), Temporary("supervisor-down")])
def test_a_region_that_cannot_be_measured_is_no_error(fake, one, at, fault):
    fake.faults.append(fault)
    assert measure(fake, one, at, millicores=100) == 0
    assert measure(fake, one, at, millicores=100) == 1


def test_the_number_of_queries_does_not_grow_with_the_services(
    fake, at, django_assert_max_num_queries
):
    project, region = make_project(), make_region()
    many = [put_instance(project, region, fake) for _ in range(5)]
    for one in many:
        fake.takes[one.public_id] = Reading(100, millicores=10)
    with django_assert_max_num_queries(10):
        assert sampling.sample_region(region.pk) == 5


def test_old_days_go_and_histograms_before_them(fake, one, at):
    measure(fake, one, at, millicores=100)
    at.wait(days=41)
    sampling.forget()
    [day] = utilisation.days_of([one.pk], NOON.date())[one.pk]
    assert (day.cpu, day.memory) == ({}, {})
    assert [hour.cpu for hour in day.hours] == [100]
    at.wait(days=360)
    sampling.forget()
    assert not UtilisationDay.objects.exists()


def test_each_region_is_asked_in_its_own_queue(one, monkeypatch):
    asked = []
    monkeypatch.setattr(
        tasks.sample_region, "apply_async", lambda args, **how: asked.append((args, how["queue"]))
    )
    make_region("away", status=Region.Status.OFF)
    tasks.sample_regions()
    assert asked == [((one.region_id,), "region-local")]


def test_a_cluster_without_a_metrics_server_says_so():
    without = Region(backend="kubernetes", facts={"metrics": ""})
    served = Region(backend="kubernetes", facts={"metrics": "served"})
    assert utilisation.off_because(without) == "metrics-not-served"
    assert utilisation.off_because(served) == utilisation.off_because(Region()) == ""
