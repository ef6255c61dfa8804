"""What meters report counts once, and only what can be right."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing import cycle
from billing.models import CostLine, MeterKey, RatedMonth, UsageConflict, UsageEvent, UsageRecord
from billing.usage import cloudevents, ingestion, meter_keys
from billing.usage.cloudevents import Rejected
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Invalid, NotFound, NotPermitted
from services.instances.models import InstanceEvent
from tests.makers import actor_for, make_instance, make_project, make_region, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake")]

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
METER = Actor(kind="meter", id="mk-00000001", name="edge")


@pytest.fixture(autouse=True)
def now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def instance():
    made = make_instance(make_project(), make_region(), plan="dev-1x1")
    made.created_at = NOW - timedelta(days=60)
    made.save()
    InstanceEvent.objects.update(at=made.created_at)
    return made


def event(instance, number=1, **fields):
    data = {
        "meter": "egress",
        "start": "2026-10-20T10:00:00Z",
        "end": "2026-10-20T11:00:00Z",
        "quantity": "1.5",
    }
    outer = {name: fields.pop(name) for name in ("id", "source", "subject") if name in fields}
    return {
        "specversion": "1.0",
        "type": "polder.usage.v1",
        "source": "edge/fra1",
        "id": f"e-{number}",
        "subject": instance.public_id,
        "data": data | fields,
        **outer,
    }


def take(*events):
    return ingestion.take_usage(actor=METER, events=events)


def codes(taken):
    return [(fault.index, fault.code) for fault in taken.rejected]


def test_an_event_is_kept_as_it_was_said(instance):
    taken = take(event(instance, end="2026-10-20T13:00:00+02:00", quantity="1.500000001"))
    assert (taken.accepted, taken.duplicate, taken.late, taken.rejected) == (1, 0, 0, [])
    row = UsageEvent.objects.get()
    assert (row.source, row.event_id, row.meter) == ("edge/fra1", "e-1", "egress")
    assert (row.end.hour, row.quantity, row.instance) == (11, Decimal("1.500000001"), instance)


def test_the_same_again_is_a_duplicate_however_it_is_spelt(instance):
    take(event(instance))
    again = event(instance, start="2026-10-20T12:00:00+02:00", quantity=Decimal("1.50"))
    taken = take(again, event(instance, 2), event(instance, 2))
    assert (taken.accepted, taken.duplicate, taken.rejected) == (1, 2, [])
    assert UsageEvent.objects.count() == 2


def test_the_same_id_of_another_source_is_another_event(instance):
    assert take(event(instance), event(instance, source="edge/ams1")).accepted == 2


def test_another_content_goes_into_quarantine_and_changes_nothing(instance):
    take(event(instance))
    taken = take(
        event(instance, quantity="9"), event(instance, 2), event(instance, 2, quantity="7")
    )
    assert (taken.accepted, taken.duplicate) == (1, 0)
    assert codes(taken) == [(0, "conflict"), (2, "conflict")]
    assert sorted(UsageEvent.objects.values_list("quantity", flat=True)) == [Decimal("1.5")] * 2
    kept = [
        (c.kept["quantity"], c.payload["quantity"]) for c in UsageConflict.objects.order_by("id")
    ]
    assert kept == [("1.5", "9"), ("1.5", "7")]
    assert codes(take(event(instance, quantity="9"))) == [(0, "conflict")]
    assert UsageConflict.objects.count() == 2


WRONG = [
    ({"meter": "apples"}, "unknown-meter"),
    ({"subject": "pg-00000000"}, "unknown-instance"),
    ({"meter": "gb_second"}, "not-priced"),
    ({"meter": "vcpu"}, "counted-by-plan"),
    ({"meter": "storage_gib"}, "counted-by-plan"),
    ({"source": "edges"}, "foreign-source"),
    ({"source": "polder"}, "foreign-source"),
    ({"quantity": "-0.1"}, "negative"),
    ({"start": "2026-10-19T10:59:59Z"}, "too-long"),
    ({"start": "2026-10-20T12:00:00Z", "end": "2026-10-20T12:05:01Z"}, "future"),
    ({"start": "2026-08-21T11:59:59Z", "end": "2026-08-21T12:30:00Z"}, "before-instance"),
    ({"end": "2026-10-20T10:00:00Z"}, "invalid"),
    ({"end": "2026-10-20T10:30:00"}, "invalid"),
    ({"end": "yesterday"}, "invalid"),
    ({"end": 5}, "invalid"),
    ({"quantity": "1.0000000001"}, "invalid"),
    ({"quantity": "1e3"}, "invalid"),
    ({"quantity": "1000000000000000"}, "invalid"),
    ({"quantity": True}, "invalid"),
    ({"quantity": None}, "invalid"),
    ({"price": "0"}, "invalid"),
    ({"id": ""}, "invalid"),
    ({"id": "a b"}, "invalid"),
    ({"id": "x" * 101}, "invalid"),
    ({"meter": "e\0"}, "invalid"),
]


def test_what_cannot_be_right_is_named_and_holds_up_no_other(instance):
    wrong = [event(instance, number, **fields) for number, (fields, _) in enumerate(WRONG)]
    taken = take(event(instance, "first"), *wrong, event(instance, "last"))
    assert taken.accepted == 2
    assert codes(taken) == list(enumerate((code for _, code in WRONG), start=1))
    assert all(fault.detail for fault in taken.rejected)
    assert {fault.code for fault in taken.rejected} <= set(ingestion.CODES)


def test_what_is_no_event_is_named():
    known = {"specversion": "1.0", "type": "polder.usage.v1"}
    taken = take("text", [], Rejected("malformed", "-"), {}, known | {"type": "other"}, known)
    said = [fault.code for fault in taken.rejected]
    assert said == ["malformed"] * 3 + ["invalid"] * 3


def test_a_service_that_was_destroyed_used_nothing_since(instance):
    instance.deleted_at = datetime(2026, 10, 20, 10, 30, tzinfo=UTC)
    instance.save()
    late = event(instance, 2, start="2026-10-20T10:30:00Z")
    assert codes(take(event(instance), late)) == [(1, "after-instance")]


def test_a_clock_may_be_a_little_ahead(instance):
    ahead = event(instance, start="2026-10-20T11:30:00Z", end="2026-10-20T12:04:59Z")
    assert take(ahead).accepted == 1


@pytest.mark.parametrize(
    "text", [b"{", b"\xff", b"NaN", b'{"a": 1e9999999999999999999}', b"[" * 9999]
)
def test_a_line_that_is_no_json(text):
    with pytest.raises(Rejected) as caught:
        cloudevents.read(cloudevents.read_line(text), NOW)
    assert caught.value.code in ("malformed", "invalid")


def test_numbers_are_exact():
    assert cloudevents.read_line(b"0.1") == Decimal("0.1")


def test_only_meters_report(instance):
    for actor in (SYSTEM, actor_for(make_user(is_staff=True))):
        with pytest.raises(NotPermitted):
            ingestion.take_usage(actor=actor, events=[event(instance)])
    assert not UsageEvent.objects.exists()


# -- late ------------------------------------------------------------------------------------------


def test_usage_of_an_invoiced_month_is_kept_and_the_month_is_due(instance):
    organisation = instance.project.organisation
    closed = RatedMonth.objects.create(
        organisation=organisation, month=date(2026, 9, 1), closed_at=NOW, lines=0
    )
    times = {"start": "2026-09-30T23:00:00Z", "end": "2026-10-01T00:00:00Z"}
    taken = take(event(instance, 1, **times), event(instance, 2))
    assert (taken.accepted, taken.late) == (2, 1)
    closed.refresh_from_db()
    assert closed.due_since == NOW
    cycle.meter_and_rate()
    closed.refresh_from_db()
    assert closed.due_since is None
    record = UsageRecord.objects.get(meter="egress", day=date(2026, 9, 30))
    assert record.quantity == Decimal("1.5")
    billed = CostLine.objects.get(meter="egress", corrects_day=date(2026, 9, 30))
    assert (billed.is_correction, billed.quantity) == (True, Decimal("1.5"))


def test_late_usage_of_an_open_month_is_rated_in_the_next_round(instance):
    take(event(instance, start="2026-10-02T10:00:00Z", end="2026-10-02T11:00:00Z"))
    cycle.meter_and_rate()
    assert UsageRecord.objects.get(meter="egress").day == date(2026, 10, 2)
    assert RatedMonth.objects.get(month=date(2026, 10, 1)).lines > 0


def test_what_is_reported_beyond_the_plan_joins_what_the_plan_counts(instance):
    told = cloudevents.Reported(
        "polder",
        "1",
        instance.public_id,
        "storage_gib",
        NOW - timedelta(hours=1),
        NOW,
        Decimal(7200),
    )
    assert ingestion.keep_own([told]).accepted == 1
    cycle.meter_and_rate()
    row = UsageRecord.objects.get(meter="storage_gib", day=NOW.date())
    assert row.from_plan
    assert row.quantity == 10 * 43200 + 7200  # GiB-seconds of the plan since midnight, and two GiB


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_opens_until_it_is_revoked():
    key, text = meter_keys.create_meter_key(actor=SYSTEM, source="edge")
    assert text.startswith("polder_meter_")
    assert text not in json.dumps(list(MeterKey.objects.values()), default=str)
    found = meter_keys.authenticate(text)
    assert (found.kind, found.name, found.user_id) == ("meter", "edge", None)
    assert MeterKey.objects.get().last_used_at == NOW
    meter_keys.revoke_meter_key(actor=SYSTEM, public_id=key.public_id)
    assert meter_keys.authenticate(text) is None
    meter_keys.create_meter_key(actor=SYSTEM, source="edge")


def test_names_of_meters():
    meter_keys.create_meter_key(actor=SYSTEM, source="edge")
    for source in ("", "polder", "Edge", "a/b", "edge ", "-a", "x" * 61, "ü"):
        with pytest.raises(Invalid):
            meter_keys.create_meter_key(actor=SYSTEM, source=source)


def test_only_the_provider_makes_keys():
    tenant = actor_for(make_user())
    with pytest.raises(NotPermitted):
        meter_keys.create_meter_key(actor=tenant, source="edge")
    with pytest.raises(NotPermitted):
        meter_keys.revoke_meter_key(actor=tenant, public_id="mk-00000001")
    with pytest.raises(NotPermitted):
        meter_keys.meter_keys(tenant)
    with pytest.raises(NotFound):
        meter_keys.revoke_meter_key(actor=SYSTEM, public_id="mk-00000001")


# -- at once ---------------------------------------------------------------------------------------


@pytest.mark.walk
@pytest.mark.django_db(transaction=True)
def test_batches_that_come_at_once_count_each_event_once(instance):
    """In another order each, so that a careless insert would wait for itself."""
    events = [event(instance, number) for number in range(200)]
    batches = [events, events[::-1], events[100:] + events[:100], events[::-1]]

    def send(batch):
        try:
            return take(*batch)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(batches)) as pool:
        answers = list(pool.map(send, batches))
    assert sum(one.accepted for one in answers) == 200
    assert sum(one.duplicate for one in answers) == 600
    assert not any(one.rejected for one in answers)
    assert UsageEvent.objects.count() == 200
