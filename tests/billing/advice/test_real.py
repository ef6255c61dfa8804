"""With real servers: work shows in what is kept, and nobody's week in advice."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest

from billing.advice import keeping
from billing.models import Recommendation
from portal.kernel import clock
from services.instances import actions, credentials, sampling, utilisation
from tests.makers import drive, make_owner, make_project, make_region, order
from tests.services.engines.conftest import ensure_engine, home

__all__ = ["home"]
pytestmark = [
    pytest.mark.engine,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("prices", "home"),
]
_WORK = "select count(*) from generate_series(1, 6000000) as n where n % 7 = 3"


class Clock:
    def __init__(self) -> None:
        self.begun = self.moment = clock.now()

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def at(monkeypatch, pair):
    """Moved on by hand once the servers run."""
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped)
    return stopped


@pytest.fixture
def pair():
    """Two databases of one machine, and whoever owns them."""
    ensure_engine("postgresql-17")
    project, region = make_project(), make_region(backend="process")
    owner = make_owner(project)
    orders = [order(project, region, actor=owner, protected=False) for _ in range(2)]
    made = [drive(operation, turns=60).instance for operation in orders]
    yield owner, *made
    for instance in made:
        drive(actions.purge(actor=owner, instance=instance), turns=60)


def measured(instance, at):
    hours = utilisation.hours_of(
        instance, at.begun - timedelta(hours=1), at.moment + timedelta(hours=1)
    )
    return max(hour.cpu_max for hour in hours), max(hour.connections_max for hour in hours)


def test_load_shows_and_a_week_of_silence_is_told(pair, at):
    owner, busy, quiet = pair
    sampling.sample_region(busy.region_id)
    found = credentials.reveal_credentials(owner, busy)
    with psycopg.connect(str(found.uri), sslmode="require", sslrootcert="") as client:
        client.execute(_WORK)
        at.moment += timedelta(seconds=30)
        assert sampling.sample_region(busy.region_id) == 2
    cpu, clients = measured(busy, at)
    assert cpu > 5 * max(measured(quiet, at)[0], 1)
    assert (clients, measured(quiet, at)[1]) == (0, 0)  # this test is Polder itself
    for _hour in range(7 * 24 + 1):
        at.moment = at.moment.replace(minute=0, second=0) + timedelta(hours=1)
        for _twice in range(2):
            at.moment += timedelta(minutes=1)
            sampling.sample_region(busy.region_id)
    keeping.find_advice()
    told = {row.subject: row for row in Recommendation.objects.all()}
    assert set(told) == {busy.public_id, quiet.public_id}
    assert {row.evidence["because"] for row in told.values()} == {"no-clients"}
    assert told[quiet.public_id].proposed == {"action": "pause"}
