"""The file of charges in the API, for whoever may see all costs."""

import csv
import io
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from billing import cycle
from portal.kernel import clock
from portal.tenancy.permissions import Role
from services.instances.models import InstanceEvent
from tests.makers import make_instance, make_member, make_project, make_region
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]


@pytest.fixture
def project(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 10, 3, 12, tzinfo=UTC))
    instance = make_instance(make_project(), make_region(), plan="single-2x8")
    InstanceEvent.objects.all().delete()
    at = datetime(2026, 10, 1, tzinfo=UTC)
    instance.created_at = at
    instance.save()
    InstanceEvent.objects.create(instance=instance, code="created", at=at, plan=instance.plan)
    cycle.meter_and_rate()
    return instance.project


def content(answer):
    return b"".join(answer.streaming_content)


def test_csv_is_the_default_of_this_month(project):
    answer = Api(make_member(project, Role.BILLING)).get("focus")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        f"{project.organisation.slug}-focus-1.2-cost-and-usage-2026-10.csv"
        in (answer.headers["Content-Disposition"])
    )
    rows = list(csv.DictReader(io.StringIO(content(answer).decode())))
    assert {row["ProviderName"] for row in rows} == {"Polder Cloud"}
    assert len(rows) == 3 * 3  # vCPU, memory and storage on three days


def test_parquet_of_the_newer_version(project):
    api = Api(make_member(project, Role.BILLING))
    answer = api.get("focus?version=1.4&month=2026-10&format=parquet")
    table = pq.read_table(io.BytesIO(content(answer)))
    assert (table.num_rows, "ServiceProviderName" in table.column_names) == (9, True)
    empty = api.get("focus?version=1.4&month=2026-09&format=parquet&dataset=invoice-detail")
    assert pq.read_table(io.BytesIO(content(empty))).num_rows == 0


@pytest.mark.parametrize(
    "query",
    ["version=1.3", "month=October", "month=2026-13", "month=0001-01", "format=xml",
     "dataset=billing-period", "dataset=nothing"],
)  # fmt: skip
def test_what_cannot_be_is_told(project, query):
    api = Api(make_member(project, Role.BILLING))
    problem(api.get(f"focus?{query}"), 400, "invalid-query")


def test_who_sees_one_project_does_not_get_the_whole(project):
    member = make_member(project, Role.VIEWER, only_project=True)
    slug = project.organisation.slug
    problem(Api(member).get(f"focus?organisation={slug}"), 403, "not-permitted")
    stranger = make_member(make_project(), Role.OWNER)
    problem(Api(stranger).get(f"focus?organisation={slug}"), 404, "not-found")
