"""The provider's page of usage."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from billing.models import MeterKey, RatedMonth, UsageConflict, UsageEvent, UsageSilence
from billing.usage import ingestion, meter_keys
from portal.audit.looks import VERB
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import Actor
from tests.makers import make_instance, make_project, make_region, make_user, signed_in
from tests.portal.api import Api

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "plain_static"),
]

PAGE = "/staff/usage/"


@pytest.fixture
def staff(client):
    return signed_in(client, make_user(is_staff=True))


@pytest.fixture
def instance():
    made = make_instance(make_project(), make_region(), plan="dev-1x1", name="orders-db")
    made.created_at = datetime(2026, 10, 1, tzinfo=UTC)
    made.save()
    return made


def conflict(instance):
    meter = Actor(kind="meter", id="mk-1", name="edge")
    start = clock.now() - timedelta(hours=2)
    for quantity in ("1.5", "99"):
        said = {
            "meter": "egress",
            "start": start.isoformat(),
            "end": (start + timedelta(hours=1)).isoformat(),
            "quantity": quantity,
        }
        event = {
            "specversion": "1.0",
            "type": "polder.usage.v1",
            "source": "edge",
            "id": "e-17",
            "subject": instance.public_id,
            "data": said,
        }
        ingestion.take_usage(actor=meter, events=[event])
    return UsageConflict.objects.get()


def test_nothing_to_do(staff):
    page = staff.get(PAGE).content.decode()
    assert "Every running service was heard of" in page
    assert "No event contradicts an earlier one." in page
    assert "Nothing waits for a correction." in page


def test_what_needs_staff_is_there_and_tenants_are_told_of_the_look(staff, instance):
    conflict(instance)
    UsageSilence.objects.create(instance=instance, since=clock.now(), told_at=clock.now())
    organisation = instance.project.organisation
    RatedMonth.objects.create(
        organisation=organisation,
        month=date(2026, 9, 1),
        due_since=clock.now(),
        closed_at=clock.now(),
    )
    page = staff.get(PAGE).content.decode()
    for text in ("orders-db", "e-17", "Traffic to the internet: 1.5", "internet: 99"):
        assert text in page
    assert "September 2026" in page
    home = staff.get("/staff/").content.decode()
    assert "1 running service reports no usage" in home
    assert "1 event of usage is in quarantine" in home
    looks = AuditEvent.objects.filter(chain=organisation.slug, verb=VERB)
    assert looks.count() == 1


def test_settling_needs_a_reason_and_bills_nothing(staff, instance):
    row = conflict(instance)
    there = reverse("console:staff-usage-settle", args=[row.public_id])
    refused = staff.post(there, {"reason": " "})
    assert refused.status_code == 422
    assert "Say why, in at most 200 characters." in refused.content.decode()
    assert staff.post(there, {"reason": "the meter was restarted"}).status_code == 303
    row.refresh_from_db()
    assert (row.settled_at is not None, row.reason) == (True, "the meter was restarted")
    assert "e-17" not in staff.get(PAGE).content.decode()
    assert UsageEvent.objects.get().quantity == Decimal("1.5")
    assert AuditEvent.objects.get(verb="usage_conflict.settle").chain == "provider"


def test_a_key_is_made_shown_once_used_and_revoked(staff, instance):
    refused = staff.post(reverse("console:staff-meter-key"), {"source": "Edge 1"})
    assert refused.status_code == 422
    assert "Use 1 to 60 small letters" in refused.content.decode()
    made = staff.post(reverse("console:staff-meter-key"), {"source": "edge"})
    text = re.search(r"polder_meter_[-_A-Za-z0-9]{32}", made.content.decode())[0]
    assert text not in staff.get(PAGE).content.decode()
    api = Api(token=text)
    assert api.post("usage", []).json()["accepted"] == 0
    assert "just now" in staff.get(PAGE).content.decode()
    key = MeterKey.objects.get()
    staff.post(reverse("console:staff-meter-key-revoke", args=[key.public_id]))
    assert api.post("usage", []).status_code == 401
    assert meter_keys.authenticate(text) is None
    verbs = AuditEvent.objects.filter(target=key.public_id).order_by("id")
    assert [row.verb for row in verbs] == ["meter_key.create", "meter_key.revoke"]


def test_making_a_key_needs_a_recent_sign_in(client):
    old = signed_in(client, make_user(is_staff=True), minutes_ago=600)
    assert old.post(reverse("console:staff-meter-key"), {"source": "edge"}).status_code == 303
    assert not MeterKey.objects.exists()
