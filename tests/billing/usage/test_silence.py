"""A running service without usage is told to staff, once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.metering import records as metering
from billing.models import UsageEvent, UsageSilence
from billing.usage import silence
from billing.usage.silence import Looked
from portal.kernel import clock
from portal.kernel.errors import NotPermitted
from portal.notifications import kinds, queries
from portal.notifications.fanout import fan_out
from portal.notifications.models import Mailing, Notification
from portal.outbox.models import OutboxEntry
from services.instances.models import Instance, InstanceEvent
from tests.makers import (
    actor_for,
    make_instance,
    make_member,
    make_project,
    make_region,
    make_staff,
    make_user,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

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
def instance(at):
    made = make_instance(make_project(), make_region(), plan="dev-1x1", name="orders-db")
    OutboxEntry.objects.all().delete()
    InstanceEvent.objects.update(at=START)
    Instance.objects.update(created_at=START)
    return made


def meter(moment):
    metering.meter(moment.date(), until=moment)


def told():
    return OutboxEntry.objects.filter(kind__startswith="usage.").count()


def test_it_is_told_once_until_usage_is_heard_again(instance, at):
    at(119)
    assert silence.look() == Looked(0, 0)
    at(121)
    assert [silence.look(), silence.look(), told()] == [Looked(1, 0), Looked(0, 0), 1]
    at(600)
    assert [silence.look(), told()] == [Looked(0, 0), 1]
    meter(at(610))
    assert [silence.look(), UsageSilence.objects.get().ended_at] == [Looked(0, 1), at(610)]
    at(731)
    assert [silence.look(), told()] == [Looked(1, 0), 2]


def test_a_round_that_works_leaves_nothing_to_tell(instance, at):
    for hour in range(1, 6):
        meter(at(60 * hour))
        at(60 * hour + 59)
        assert silence.look() == Looked(0, 0)


@pytest.mark.parametrize("change", [{"phase": "paused", "paused": True}, {"phase": "in_bin"}])
def test_what_does_not_run_is_not_missed(instance, at, change):
    at(121)
    silence.look()
    Instance.objects.update(**change)
    assert silence.look() == Looked(0, 1)


def test_after_a_pause_two_hours_count_anew(instance, at):
    InstanceEvent.objects.create(instance=instance, code="resumed", at=at(200), plan=instance.plan)
    at(319)
    assert silence.look() == Looked(0, 0)
    at(321)
    assert silence.look() == Looked(1, 0)


def test_traffic_does_not_hide_that_plan_time_is_missing(instance, at):
    moment = at(121)
    report(instance, moment, "egress", 1)
    assert silence.look() == Looked(1, 0)


def test_what_no_plan_counts_is_heard_by_reports_even_of_nothing(instance, at):
    Instance.objects.update(offering="functions")
    report(instance, at(100), "invocations", 0)
    at(219)
    assert silence.look() == Looked(0, 0)
    at(221)
    assert silence.look() == Looked(1, 0)


def report(instance, moment, meter_code, quantity):
    UsageEvent.objects.create(
        source="edge",
        event_id=f"{moment:%H%M}",
        instance=instance,
        meter=meter_code,
        start=moment - timedelta(minutes=30),
        end=moment,
        quantity=Decimal(quantity),
    )


def test_staff_hear_of_it_and_tenants_do_not(instance, at):
    owner = make_member(instance.project)
    person = make_user(is_staff=True)
    make_user(is_staff=True, is_active=False)
    at(121)
    silence.look()
    entry = OutboxEntry.objects.get(kind="usage.silent")
    assert fan_out(entry.pk)
    assert [row.user for row in Notification.objects.filter(entry=entry)] == [person]
    assert [row.user for row in Mailing.objects.filter(entry=entry)] == [person]
    words = queries.words_of(entry)
    assert (words.title, words.path) == ("orders-db runs and reports no usage", "/staff/usage/")
    codes = [choice.kind.code for choice in queries.choices_for(actor_for(owner))]
    assert "usage.silent" not in codes
    assert len(codes) == len(kinds.for_people(staff=False))
    assert "usage.silent" in [c.kind.code for c in queries.choices_for(actor_for(person))]


def test_when_all_is_silent_there_is_one_notice(instance, at):
    fields = {f.attname: getattr(instance, f.attname) for f in Instance._meta.concrete_fields}
    del fields["id"]
    Instance.objects.bulk_create(
        Instance(**fields | {"public_id": f"pg-{n:08x}", "name": f"n{n}"}) for n in range(11)
    )
    at(121)
    assert [silence.look(), told()] == [Looked(12, 0), 1]
    words = queries.words_of(OutboxEntry.objects.get(kind="usage.many_silent"))
    assert words.title == "12 running services report no usage"


def test_only_staff_see_the_list(instance, at):
    at(121)
    silence.look()
    assert [row.instance for row in silence.silent_for(make_staff())] == [instance]
    with pytest.raises(NotPermitted):
        silence.silent_for(actor_for(make_user()))
