"""What spare capacity is charged at, as programs read it: usage by day and hour, and the CSV."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.metering import records as metering
from billing.rating import months as rating
from portal.kernel import clock
from tests.billing.spot.made import at, ran, said
from tests.makers import make_member, make_project, make_region, signed_in
from tests.portal.api import Api

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "plain_static", "split"),
]


@pytest.fixture
def reader():
    return make_member(make_project(slug="batch"))


@pytest.fixture
def split(reader, monkeypatch):
    """Four hours on spare capacity, the last two dearer; and as long at list price."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 4, tzinfo=UTC))
    region, project = make_region(), reader.memberships.get().organisation.projects.get()
    said("0.50", at(3, 6))
    made = ran(project, region, (at(3, 4), at(3, 8)))
    ran(project, region, (at(3, 4), at(3, 8)), spot=False)
    metering.meter(date(2026, 10, 1), until=at(4))
    rating.rate(date(2026, 10, 1))
    return made


def test_a_day_has_a_row_for_each_factor_and_names_it(reader, split):
    where = f"usage?meter=vcpu&instance={split.public_id}"
    rows = Api(reader).get(where).json()["results"]
    found = sorted((row["spot_factor"], row["quantity"]) for row in rows)
    assert found == [("0.35", "14400"), ("0.5", "14400")]
    stored = Api(reader).get("usage?meter=storage_gib").json()["results"]
    assert {row["spot_factor"] for row in stored} == {None}


def test_an_hour_names_the_same_factor(reader, split):
    where = f"usage?period=hour&meter=vcpu&instance={split.public_id}&from=2026-10-03T00:00:00Z"
    rows = Api(reader).get(where).json()["results"]
    assert [(r["start"][11:13], r["spot_factor"]) for r in rows] == [
        ("04", "0.35"),
        ("05", "0.35"),
        ("06", "0.5"),
        ("07", "0.5"),
    ]


@pytest.mark.parametrize("by", ["offering", "family", "instance", "tag:env"])
def test_the_csv_of_costs_says_what_was_on_spare_capacity(client, reader, by):
    answer = signed_in(client, reader).get(f"/costs/costs.csv?by={by}")
    rows = list(csv.DictReader(answer.content.decode().splitlines()))
    hour = 2 * Decimal("0.01980") + 8 * Decimal("0.01188")
    spot = sum(Decimal(row["spot_cost"]) for row in rows)
    assert spot == 2 * hour * Decimal("0.35") + 2 * hour * Decimal("0.50")
    assert sum(Decimal(row["billed_cost"]) for row in rows) > spot + 4 * hour
    assert all(Decimal(row["spot_cost"]) <= Decimal(row["billed_cost"]) for row in rows)
