"""How promises were kept: the page, the service's own page, and the API."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing import cycle
from billing.sla import months
from portal.kernel import clock
from portal.status.models import Incident
from portal.tenancy.permissions import Role
from services.instances.models import Instance, InstanceEvent, ProbeDay
from tests.makers import make_instance, make_member, make_project, make_region, signed_in
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "plain_static")]

START = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def now(monkeypatch):
    class Now:
        at = datetime(2026, 10, 11, tzinfo=UTC)

    monkeypatch.setattr(clock, "now", lambda: Now.at)
    return Now


@pytest.fixture
def member(now):
    """Of an organisation with one service, of which an hour on the third was lost."""
    instance = make_instance(make_project(), make_region(), plan="single-2x8", name="orders")
    InstanceEvent.objects.all().delete()
    instance.created_at = START
    instance.save()
    InstanceEvent.objects.create(instance=instance, code="created", at=START, plan=instance.plan)
    for number in range(10):
        ProbeDay.objects.create(
            instance=instance,
            day=date(2026, 10, 1) + timedelta(days=number),
            known=(1 << 1440) - 1,
            bad=((1 << 60) - 1) << 600 if number == 2 else 0,
            latency=(25).to_bytes(2, "big") * 288,
        )
    at = datetime(2026, 10, 3, 9, 50, tzinfo=UTC)
    Incident.objects.create(public_id="inc-0badcafe", title="A cut cable", started_at=at)
    cycle.meter_and_rate()
    return make_member(instance.project, Role.BILLING)


def test_the_month_that_runs_says_what_it_would_earn(client, member):
    text = signed_in(client, member).get("/sla/").content.decode()
    assert "60 of 14,400; 72 are allowed" in text
    assert "99.583" in text
    assert "1 of 1" in text
    assert "A cut cable" in text
    assert "if the month ended now" in text


def test_only_who_may_open_a_service_is_led_to_it(client, member):
    instance = Instance.objects.get()
    link = f'href="/services/{instance.public_id}/"'
    guarded = signed_in(client, member).get("/sla/").content.decode()
    assert "orders" in guarded
    assert link not in guarded
    viewer = make_member(instance.project, Role.VIEWER)
    assert link in signed_in(client, viewer).get("/sla/").content.decode()


def test_a_settled_month_says_how_its_credit_came_to_be_and_where_it_is(client, member, now):
    ProbeDay.objects.filter(day=date(2026, 10, 4)).update(bad=(1 << 1000) - 1)
    now.at = datetime(2026, 11, 2, tzinfo=UTC)
    cycle.meter_month(date(2026, 10, 1))
    cycle.meter_and_rate()
    instance = Instance.objects.get()
    months.settle(instance.project.organisation, date(2026, 10, 1))
    text = signed_in(client, member).get("/sla/?month=2026-10").content.decode()
    text = text.replace("\u202f", " ")
    assert "30 % for availability, of € 93.6736: € 28.10" in text
    assert "€ 28.10 on the draft of October 2026" in text
    assert "30,240 not measured, counted as served" in text
    costs = signed_in(client, member).get("/costs/?month=2026-10").content.decode()
    assert "65.57" in costs  # 93.67 less the credit


@pytest.mark.parametrize("query", ["?month=nonsense", "?month=2099-01", "?page=99", "?service="])
def test_what_cannot_be_read_is_as_if_it_were_not_there(client, member, query):
    assert "A cut cable" in signed_in(client, member).get(f"/sla/{query}").content.decode()


def test_a_month_in_which_nothing_ran_says_so(client, member):
    text = signed_in(client, member).get("/sla/?month=2026-08").content.decode()
    assert "Nothing ran in this month" in text


def test_one_service_can_be_asked_for(client, member):
    instance = Instance.objects.get()
    text = signed_in(client, member).get(f"/sla/?service={instance.public_id}").content.decode()
    assert "A cut cable" in text
    assert "Nothing ran" in signed_in(client, member).get("/sla/?service=pg-0").content.decode()


def test_the_page_of_a_service_shows_its_month(client, member):
    instance = Instance.objects.get()
    reader = make_member(instance.project, Role.VIEWER)
    text = signed_in(client, reader).get(f"/services/{instance.public_id}/").content.decode()
    assert "Measured in October" in text
    assert "99.583" in text
    assert "60 minutes lost" in text


def test_the_api_has_the_arithmetic(client, member):
    instance = Instance.objects.get()
    (found,) = Api(member).get("sla").json()["results"]
    assert found["instance"] == instance.public_id
    assert (found["month"], found["settled"], found["kept"]) == ("2026-10", False, True)
    assert (found["target"], found["measured"]) == ("99.5", "99.583")
    assert (found["bad_minutes"], found["expected_minutes"]) == (60, 14400)
    assert found["outages"] == [
        {"start": "2026-10-03T10:00:00.000Z", "minutes": 60, "incidents": ["inc-0badcafe"]}
    ]
    assert found["performance"]["within_ms"] == 10
    assert found["performance"]["slow_windows"] == 0
    assert found["credit"]["percent"] == 0
    assert Api(member).get("sla?instance=pg-00000000").json() == {"results": []}


@pytest.mark.parametrize("month", ["2099-01", "10-2026", "2026-13", "1999-01"])
def test_a_month_that_cannot_be_is_refused(client, member, month):
    problem(Api(member).get(f"sla?month={month}"), 400, "invalid-query")
