"""Usage over HTTP: written by meters with a key, read by tenants."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing.metering import records as metering
from billing.models import UsageEvent
from billing.usage import ingestion, meter_keys
from portal.api import batches
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.tenancy.permissions import Role
from services.instances.models import InstanceEvent
from tests.makers import make_instance, make_member, make_project, make_region, make_user
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
LINES, LIST = "application/x-ndjson", "application/cloudevents-batch+json"


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def instance():
    made = make_instance(make_project(slug="shop"), make_region(), plan="dev-1x1")
    made.created_at = NOW - timedelta(hours=30)
    made.save()
    InstanceEvent.objects.update(at=made.created_at)
    return made


@pytest.fixture
def meter():
    _key, text = meter_keys.create_meter_key(actor=SYSTEM, source="edge")
    api = Api(token=text)

    def send(body, kind=LINES):
        return api.client.generic(
            "POST",
            "/api/v1/usage",
            body,
            content_type=kind,
            headers={"Authorization": f"Bearer {text}"},
        )

    send.api = api
    return send


def event(instance, number, **data):
    usual = {
        "meter": "egress",
        "start": "2026-10-20T10:00:00Z",
        "end": "2026-10-20T10:30:00Z",
        "quantity": "0.25",
    }
    return {
        "specversion": "1.0",
        "type": "polder.usage.v1",
        "source": "edge",
        "id": f"e-{number}",
        "subject": instance.public_id,
        "data": usual | data,
    }


def lines(*events):
    return "\n".join(json.dumps(one) for one in events)


def test_lines_and_lists_are_taken_and_tenants_read_them(instance, meter):
    broken = lines(event(instance, 1), event(instance, 2, meter="apples")) + "\n\n{oops\n"
    answer = meter(broken)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["duplicate"], body["late"]) == (1, 0, 0)
    said = [(fault["index"], fault["code"]) for fault in body["rejected"]]
    assert said == [(1, "unknown-meter"), (2, "malformed")]
    for number, kind in ((3, LIST), (4, "application/json")):
        body = meter(json.dumps([event(instance, 1), event(instance, number)]), kind).json()
        assert (body["accepted"], body["duplicate"], body["rejected"]) == (1, 1, [])
    metering.meter(NOW.date(), until=NOW)

    viewer = Api(make_member(instance.project, Role.VIEWER))
    found = viewer.get(f"usage?instance={instance.public_id}&meter=egress").json()
    assert found["next"] is None
    assert found["results"] == [
        {
            "start": "2026-10-20T00:00:00.000Z",
            "end": "2026-10-21T00:00:00.000Z",
            "instance": instance.public_id,
            "project": "shop",
            "meter": "egress",
            "unit": "GiB",
            "quantity": "0.75",
            "spot_factor": None,
        }
    ]


def test_days_come_in_pages(instance):
    for day in (19, 20):
        metering.meter(NOW.date().replace(day=day), until=NOW)
    viewer = Api(make_member(instance.project, Role.VIEWER))
    first = viewer.get("usage?page_size=4").json()
    rest = viewer.get(first["next"]).json()
    rows = [(r["start"][:10], r["meter"]) for r in first["results"] + rest["results"]]
    assert rows == sorted(rows, key=lambda row: row[0])
    assert len(set(rows)) == 6
    assert rest["next"] is None
    only = viewer.get("usage?from=2026-10-20T00:00:00Z&meter=vcpu").json()["results"]
    assert [(r["quantity"], r["unit"]) for r in only] == [("43200", "second")]


def test_hours_are_of_one_service_and_add_up_to_its_days(instance, meter):
    meter(lines(event(instance, 1), event(instance, 2, start="2026-10-20T09:59:59Z")))
    viewer = Api(make_member(instance.project, Role.VIEWER))
    where = f"usage?period=hour&instance={instance.public_id}&from=2026-10-19T00:00:00Z"
    rows = viewer.get(f"{where}&page_size=200&meter=vcpu").json()["results"]
    assert [rows[0]["start"], rows[-1]["start"]] == [
        "2026-10-19T06:00:00.000Z",
        "2026-10-20T11:00:00.000Z",
    ]
    assert {row["quantity"] for row in rows} == {"3600"}
    metering.meter(NOW.date() - timedelta(days=1), until=NOW)
    days = viewer.get("usage?meter=vcpu").json()["results"]
    assert sum(Decimal(r["quantity"]) for r in days) == 3600 * len(rows)
    traffic = viewer.get(f"{where}&meter=egress").json()["results"]
    assert [(r["start"][11:13], r["quantity"]) for r in traffic] == [("09", "0.25"), ("10", "0.25")]


def test_what_may_not_be_asked(instance):
    viewer = Api(make_member(instance.project, Role.VIEWER))
    problem(viewer.get("usage?period=hour"), 400, "invalid-query")
    far = f"usage?period=hour&instance={instance.public_id}&from=2026-01-01T00:00:00Z"
    problem(viewer.get(far), 400, "invalid-query")
    back = "usage?from=2026-10-20T00:00:00Z&to=2026-10-19T00:00:00Z"
    problem(viewer.get(back), 400, "invalid-query")
    stranger = Api(make_member(make_project()))
    hours = f"usage?period=hour&instance={instance.public_id}"
    problem(stranger.get(hours), 404, "not-found")
    organisation = instance.project.organisation.slug
    problem(stranger.get(f"usage?organisation={organisation}"), 404, "not-found")
    assert stranger.get(f"usage?instance={instance.public_id}").json()["results"] == []


def test_a_tenant_never_writes_usage(instance):
    sent = lines(event(instance, 1))
    for user in (make_member(instance.project, Role.OWNER), make_user(is_staff=True)):
        problem(Api(user).post("usage", sent), 403, "not-permitted")
    problem(Api().post("usage", sent), 401, "not-authenticated")
    problem(Api(token="polder_meter_made-up").post("usage", sent), 401, "bad-token")
    assert not UsageEvent.objects.exists()


def test_the_key_of_a_meter_opens_nothing_else(instance, meter):
    for path in ("instances", "costs", "projects", f"instances/{instance.public_id}"):
        problem(meter.api.get(path), 401, "bad-token")
    problem(
        meter.api.get(f"usage?organisation={instance.project.organisation.slug}"), 404, "not-found"
    )


def test_bodies_are_bounded(instance, meter, monkeypatch):
    one = lines(event(instance, 1))
    problem(meter(one, "text/plain"), 415, "unsupported-media-type")
    problem(meter("{}", LIST), 400, "malformed")
    problem(meter("[", LIST), 400, "malformed")
    problem(meter(one + " " * 16_384), 413, "too-large")
    monkeypatch.setattr(ingestion, "MOST", 2)
    problem(meter("\n".join([one] * 3)), 413, "too-large")
    problem(meter(f"[{one},{one},{one}]", LIST), 413, "too-large")
    monkeypatch.setattr(batches, "MOST_BYTES", len(one))
    assert meter(one).json()["accepted"] == 1
    problem(meter(one + " "), 413, "too-large")


def test_more_than_a_mebibyte_passes_here_and_nowhere_else(instance, meter):
    padded = event(instance, 1) | {"note": "x" * 9_000}
    body = "\n".join([json.dumps(padded)] * 120)
    assert len(body) > 2**20
    assert meter(body).json()["duplicate"] == 119
    owner = Api(make_member(instance.project, Role.OWNER))
    problem(owner.post("projects", body), 413, "too-large")
