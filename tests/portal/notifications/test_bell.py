"""Words, the bell, and what people choose."""

import pytest
from django.urls import reverse

from portal.kernel.errors import NotFound, NotPermitted, Permanent
from portal.notifications import actions, kinds, queries
from portal.notifications.models import Mailing, Preference
from portal.outbox.models import OutboxEntry
from tests.makers import actor_for, drive, make_member, make_user, order
from tests.portal.notifications.telling import fan_out_all, heard, tell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "plain_static")]


# -- words -----------------------------------------------------------------------------------------


def test_every_kind_has_words_for_whatever_a_row_holds():
    for kind in kinds.for_people():
        for params in ({}, {"name": "x", "kind": "no-such", "error": "no-such", "code": "x"}):
            assert kind.title(params)
            assert isinstance(kind.body(params), str)
    assert kinds.get("retired.kind").title({}) == "retired.kind"


def test_an_operation_that_failed_says_why(project, region, fake):
    make_member(project)
    fake.faults = [Permanent("engine-crashed")]
    operation = drive(order(project, region))
    words = queries.words_of(OutboxEntry.objects.get())
    assert "ended again and again" in words.body
    assert words.path == reverse("console:operation", args=[operation.public_id])


# -- the bell --------------------------------------------------------------------------------------


def test_the_bell_counts_and_opening_reads(client, project):
    owner = make_member(project)
    other = make_member(project)
    entry = tell(project)
    fan_out_all()
    client.force_login(owner)
    page = client.get(reverse("console:notifications")).content.decode()
    assert "orders-db is down" in page
    assert 'aria-label="Notifications, 1 unread"' in page
    answer = client.get(reverse("console:notification", args=[entry.public_id]))
    assert (answer.status_code, answer["Location"]) == (303, "/services/pg-1/")
    assert queries.unread_count(actor_for(owner)) == 0
    assert queries.unread_count(actor_for(other)) == 1
    unread = client.get(reverse("console:notifications") + "?unread=1").content.decode()
    assert "Nothing is unread" in unread


def test_the_bell_answers_only_what_is_new(client, project):
    client.force_login(make_member(project))
    bell = reverse("console:bell")
    assert client.get(f"{bell}?seen=0").status_code == 204
    tell(project)
    fan_out_all()
    answer = client.get(f"{bell}?seen=0").content.decode()
    assert 'id="unread"' in answer
    assert 'hx-swap-oob="true"' in answer
    client.post(reverse("console:notifications-read"))
    assert client.get(f"{bell}?seen=0").status_code == 204


def test_nobody_opens_what_others_were_told(client, project):
    entry = tell(project)
    make_member(project)
    fan_out_all()
    with pytest.raises(NotFound):
        actions.open_one(actor=actor_for(make_user()), event=entry.public_id)


def test_a_service_account_has_no_bell():
    from portal.kernel.actor import SYSTEM

    with pytest.raises(NotPermitted):
        queries.unread_count(SYSTEM)


# -- choices ---------------------------------------------------------------------------------------


def test_what_is_switched_off_is_not_told(client, project):
    owner = make_member(project)
    client.force_login(owner)
    address = reverse("console:notification-settings")
    assert b"A service went down" in client.get(address).content
    client.post(address, {"bell": ["operation.failed"], "mail": ["operation.succeeded"]})
    tell(project)
    tell(project, "operation.succeeded", asked_by=owner.email)
    tell(project, "operation.failed")
    fan_out_all()
    assert [kind for kind, _title in heard(owner)] == ["operation.failed"]
    assert Mailing.objects.get().entry.kind == "operation.succeeded"


def test_a_choice_like_the_default_leaves_no_row(project):
    owner = actor_for(make_member(project))
    by_bell = [kind.code for kind in kinds.for_people(staff=False) if kind.bell]
    by_mail = [kind.code for kind in kinds.for_people(staff=False) if kind.mail]
    actions.choose(actor=owner, bell=by_bell, mail=[])
    assert {row.kind for row in Preference.objects.all()} == set(by_mail)
    actions.choose(actor=owner, bell=by_bell, mail=by_mail)
    assert not Preference.objects.exists()
