"""A prober in a region's cluster of which nothing is heard is told to staff: once, and its end."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.accounts.models import User
from portal.kernel import clock
from portal.notifications.fanout import fan_out
from portal.notifications.models import Mailing, Notification
from portal.outbox.models import OutboxEntry
from services.instances.tasks import look_for_probers
from services.regions import prober_keys, prober_silence
from services.regions.models import Region
from tests.makers import make_region, make_staff, make_user, signed_in

pytestmark = pytest.mark.django_db

START = datetime(2026, 10, 20, 9, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch):
    """Puts the clock, in minutes after START."""

    def put(minutes):
        monkeypatch.setattr(clock, "now", lambda: START + timedelta(minutes=minutes))

    put(0)
    return put


@pytest.fixture
def region():
    return make_region("north", name="North", backend="kubernetes")


@pytest.fixture
def key(at, region):
    return prober_keys.create_prober_key(actor=make_staff(), region=region)


def told():
    return list(OutboxEntry.objects.order_by("pk").values_list("kind", "target"))


def test_it_is_told_once_and_so_is_its_end(at, region, key):
    prober_keys.authenticate(key[1])
    at(15)
    assert (prober_silence.look(), told()) == (0, [])
    at(16)
    assert (prober_silence.look(), prober_silence.look()) == (1, 0)
    assert told() == [("prober.silent", "north")]
    region.refresh_from_db()
    assert region.prober_silent_since == START
    at(200)
    look_for_probers()
    assert told() == [("prober.silent", "north")]
    prober_keys.authenticate(key[1])
    assert (prober_silence.look(), prober_silence.look()) == (1, 0)
    assert told() == [("prober.silent", "north"), ("prober.heard", "north")]
    assert not prober_silence.silent_regions()
    at(400)
    prober_silence.look()
    assert told()[2:] == [("prober.silent", "north")]


def test_staff_hears_by_bell_and_mail_and_tenants_do_not(at, region, key):
    staff, other = make_user(is_staff=True), make_user()
    User.objects.filter(is_staff=True).exclude(pk=staff.pk).update(is_active=False)
    prober_keys.authenticate(key[1])
    at(16)
    prober_silence.look()
    fan_out(OutboxEntry.objects.get().pk)
    assert Notification.objects.get().user == staff
    assert Mailing.objects.get().user == staff
    assert other not in {row.user for row in Notification.objects.all()}


def test_a_key_that_nobody_used_yet_is_no_silence(at, key):
    at(600)
    assert (prober_silence.look(), told()) == (0, [])


def test_the_newer_of_two_keys_counts(at, region, key):
    prober_keys.authenticate(key[1])
    at(10)
    _row, second = prober_keys.create_prober_key(actor=make_staff(), region=region)
    at(20)  # the first is silent for twenty minutes, the second was made ten minutes ago
    assert prober_silence.look() == 0
    prober_keys.authenticate(second)
    at(34)
    assert prober_silence.look() == 0


def test_what_staff_ends_ends_without_a_word(at, region, key):
    prober_keys.authenticate(key[1])
    at(16)
    prober_silence.look()
    prober_keys.revoke_prober_key(actor=make_staff(), public_id=key[0].public_id)
    assert (prober_silence.look(), told()) == (1, [("prober.silent", "north")])
    assert Region.objects.get().prober_silent_since is None


def test_the_pages_of_staff_say_so(at, region, key, client, plain_static, prices):
    prober_keys.authenticate(key[1])
    at(16)
    prober_silence.look()
    signed_in(client, make_user(is_staff=True))
    assert "Nothing is heard of the prober of 1 region" in client.get("/staff/").content.decode()
    page = client.get("/staff/regions/north/").content.decode()
    assert "Nothing is heard of it." in page
