"""What staff says on the status page: who may, what is kept, what everybody sees at the top."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.status import actions, queries, strip
from portal.status.models import IncidentUpdate
from tests.makers import (
    make_instance,
    make_organisation,
    make_owner,
    make_project,
    make_region,
    make_staff,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return make_staff()


def shown_to(hidden=(), **who):
    return strip.strip_of(strip.notices_for(**who), hidden)


def open_incident(staff, **fields):
    wanted = {"title": "Slow disks", "text": "We look into it.", **fields}
    return actions.open_incident(actor=staff, **wanted)


def test_an_incident_lives_from_open_to_resolved(staff):
    make_region("fra1")
    incident = open_incident(staff, impact="major", regions=["fra1"], families=["databases"])
    actions.update_incident(actor=staff, incident=incident, text="A disk.", state="identified")
    actions.resolve_incident(actor=staff, incident=incident, text="Replaced it.")
    found = queries.incident(incident.public_id)
    assert (found.state, found.resolved_at is not None) == ("resolved", True)
    said = queries.updates_of([found])[found.pk]
    assert [(u.state, u.text) for u in said] == [
        ("resolved", "Replaced it."),
        ("identified", "A disk."),
        ("investigating", "We look into it."),
    ]
    rows = AuditEvent.objects.filter(chain="provider").order_by("sequence")
    verbs = [row.verb for row in rows]
    assert verbs == ["incident.open", "incident.update", "incident.update"]


def test_a_resolved_incident_takes_its_cause_and_may_open_again(staff):
    incident = open_incident(staff)
    actions.resolve_incident(actor=staff, incident=incident, text="Over.")
    ended = queries.incident(incident.public_id).resolved_at
    actions.update_incident(actor=staff, incident=incident, text="The cause was a switch.")
    assert queries.incident(incident.public_id).resolved_at == ended
    actions.update_incident(actor=staff, incident=incident, text="Again.", state="investigating")
    assert queries.open_incidents() == [incident]


def test_only_staff_may_speak(staff):
    owner = make_owner(make_project())
    incident = open_incident(staff)
    with pytest.raises(NotPermitted):
        open_incident(owner)
    with pytest.raises(NotPermitted):
        actions.update_incident(actor=owner, incident=incident, text="No.")
    with pytest.raises(NotPermitted):
        actions.announce(actor=owner, text="Hello.")


def test_every_fault_is_named_at_its_field(staff):
    with pytest.raises(Invalid) as caught:
        open_incident(
            staff,
            title=" ",
            text="",
            impact="huge",
            regions=["mars"],
            families=["magic"],
            started_at=clock.now() + timedelta(hours=1),
        )
    assert set(caught.value.fields) == {
        "title",
        "text",
        "impact",
        "regions",
        "families",
        "started_at",
    }


def test_what_was_said_cannot_be_changed(staff):
    open_incident(staff)
    for change in (lambda rows: rows.update(text="never"), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
            change(IncidentUpdate.objects.all())


def plan(staff, **fields):
    now = clock.now()
    wanted = {
        "title": "New switches",
        "text": "Short breaks.",
        "starts_at": now + timedelta(hours=2),
        "ends_at": now + timedelta(hours=4),
        **fields,
    }
    return actions.schedule_maintenance(actor=staff, **wanted)


def test_planned_work_moves_ends_and_is_cancelled(staff):
    now = clock.now()
    work = plan(staff)
    with pytest.raises(Conflict):
        actions.end_maintenance(actor=staff, maintenance=work)
    actions.change_maintenance(
        actor=staff, maintenance=work, starts_at=now - timedelta(minutes=1), title="Switches"
    )
    assert [w.title for w in queries.planned_work()] == ["Switches"]
    actions.end_maintenance(actor=staff, maintenance=work)
    assert queries.planned_work() == []
    with pytest.raises(Conflict):
        actions.cancel_maintenance(actor=staff, maintenance=work)
    other = plan(staff, starts_at=now + timedelta(hours=1))
    actions.cancel_maintenance(actor=staff, maintenance=other)
    assert {w.pk for w in queries.maintenances()} == {work.pk, other.pk}
    assert queries.planned_work() == []


def test_work_cannot_be_planned_into_the_past(staff):
    past = clock.now() - timedelta(hours=3)
    with pytest.raises(Invalid) as caught:
        plan(staff, starts_at=past, ends_at=past + timedelta(hours=1))
    assert set(caught.value.fields) == {"ends_at"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"text": ""}, "text"),
        ({"text": "x" * 281}, "text"),
        ({"level": "loud"}, "level"),
        ({"audience": "region"}, "region"),
        ({"audience": "region", "region": "mars"}, "region"),
        ({"region": "fra1"}, "region"),
        ({"audience": "organisation"}, "organisation"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "//evil.example/"}, "link"),
    ],
)
def test_an_announcement_names_its_fault(staff, fields, wrong):
    with pytest.raises(Invalid) as caught:
        actions.announce(actor=staff, **{"text": "Hello.", **fields})
    assert set(caught.value.fields) == {wrong}


def test_the_most_urgent_notice_is_shown_and_the_others_counted(staff):
    assert shown_to() is None
    actions.announce(actor=staff, text="New region in spring.")
    plan(staff)
    incident = open_incident(staff, impact="critical", title="No orders in Frankfurt")
    shown = shown_to()
    assert shown.notice.text == "No orders in Frankfurt"
    assert (shown.notice.level, shown.notice.id, shown.more) == (
        "bad",
        incident.public_id,
        2,
    )


def test_an_announcement_reaches_its_audience_alone(staff, prices, fake):
    here, there = make_region("fra1"), make_region("par1")
    organisation = make_organisation()
    project = make_project(organisation)
    make_instance(project, here)
    say = {"actor": staff, "audience": "region"}
    actions.announce(text="For Frankfurt.", region=here.code, **say)
    actions.announce(text="For Paris.", region=there.code, level="bad", **say)
    actions.announce(
        actor=staff, text="For you.", audience="organisation", organisation=organisation
    )
    mine = shown_to(organisation_id=organisation.pk, project_id=project.pk)
    assert (mine.more, mine.notice.level) == (1, "info")
    assert shown_to() is None


def test_what_was_put_away_stays_away_unless_it_must_be_seen(staff):
    small = actions.announce(actor=staff, text="News.", dismissible=True)
    assert shown_to(hidden=[small.public_id]) is None
    actions.withdraw_announcement(actor=staff, announcement=small)
    incident = open_incident(staff, impact="critical")
    assert shown_to(hidden=[incident.public_id]).notice.id == incident.public_id


def test_announcements_begin_and_end_by_themselves(staff):
    now = clock.now()
    hour = timedelta(hours=1)
    actions.announce(actor=staff, text="Later.", starts_at=now + hour)
    assert shown_to() is None
    row = actions.announce(actor=staff, text="Now.", ends_at=now + hour)
    assert shown_to().notice.text == "Now."
    actions.withdraw_announcement(actor=staff, announcement=row)
    assert shown_to() is None
    with pytest.raises(Conflict):
        actions.withdraw_announcement(actor=staff, announcement=row)


def test_the_strip_asks_nothing_while_it_is_fresh(staff, django_assert_num_queries):
    open_incident(staff)
    shown_to()
    with django_assert_num_queries(0):
        assert shown_to() is not None
