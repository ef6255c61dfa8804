"""How much of its plan a service takes: the tab of the service, and the answer in the API."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.kernel import clock
from portal.tenancy.permissions import Role
from services.instances import sampling
from services.instances.models import Instance
from services.regions.models import Region
from services.spec import Reading
from tests.makers import make_member, make_project, make_region, put_instance, signed_in
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]

NOON = datetime(2026, 10, 3, 12, tzinfo=UTC)


@pytest.fixture
def one(fake, monkeypatch):
    """Measured once in each of the last three hours: a tenth, two and three of its two vCPU."""
    monkeypatch.setattr(clock, "now", lambda: NOON)
    made = put_instance(make_project(), make_region(), fake, plan="single-2x8")
    for number in (1, 2, 3):
        at = NOON + timedelta(minutes=1, hours=number - 3)
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        fake.takes[made.public_id] = Reading(2048, millicores=200 * number, connections=number)
        sampling.sample_region(made.region_id)
    return made


@pytest.fixture
def viewer(one):
    return make_member(one.project, Role.VIEWER)


def shown(client, viewer, one, query=""):
    url = f"/services/{one.public_id}/metrics/{query}"
    return signed_in(client, viewer).get(url).content.decode()


def test_the_tab_draws_shares_of_the_plan(client, viewer, one):
    text = shown(client, viewer, one)
    assert text.count('class="chart"') == 3
    assert "CPU, of 2 vCPU" in text
    assert "<td>30</td>" in text  # 600 of 2,000 thousandths
    assert "<td>25</td>" in text  # 2 of 8 GiB


def test_a_month_puts_hours_together(client, viewer, one):
    assert "Too little was measured" in shown(client, viewer, one, "?span=month")
    assert 'class="chart"' not in shown(client, viewer, one, "?span=month")
    assert 'class="chart"' in shown(client, viewer, one, "?span=nonsense")


def test_nothing_measured_says_why(client, viewer, one):
    one.utilisation.all().delete()
    assert "measured once a minute" in shown(client, viewer, one)
    Region.objects.update(backend="kubernetes", facts={"metrics": ""})
    text = shown(client, viewer, one)
    assert "no metrics API" in text
    assert "Too little was measured" not in text


def test_the_answer_of_the_api(viewer, one):
    found = Api(viewer).get(f"instances/{one.public_id}/metrics").json()
    assert (found["vcpu"], found["memory_mib"], found["off_because"]) == (2, 8192, None)
    assert [hour["vcpu"] for hour in found["hours"]] == [0.2, 0.4, 0.6]
    assert found["hours"][-1] == {
        "start": "2026-10-03T12:00:00.000Z",
        "samples": 1,
        "vcpu": 0.6,
        "vcpu_max": 0.6,
        "memory_mib": 2048,
        "memory_mib_max": 2048,
        "connections_max": 3,
    }


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?from=2026-10-03T11:00:00Z", 2),
        ("?to=2026-10-03T11:00:00Z", 1),
        ("?from=2026-09-03T12:30:00Z&to=2026-10-03T12:30:00Z", 3),
    ],
)
def test_a_span_is_half_open(viewer, one, query, count):
    found = Api(viewer).get(f"instances/{one.public_id}/metrics{query}").json()
    assert len(found["hours"]) == count


@pytest.mark.parametrize(
    "query", ["?from=2026-08-03T11:00:00Z", "?from=2026-11-03T11:00:00Z", "?from=soon"]
)
def test_a_span_that_cannot_be_is_told(viewer, one, query):
    answer = Api(viewer).get(f"instances/{one.public_id}/metrics{query}")
    assert problem(answer, 400, "invalid-query")["errors"][0]["pointer"] == "?from"


def test_strangers_learn_nothing(one):
    stranger = make_member(make_project(), Role.OWNER)
    problem(Api(stranger).get(f"instances/{one.public_id}/metrics"), 404, "not-found")
    assert Instance.objects.count() == 1
