"""Staff looks as a person of a tenant: who may, what stays closed, what is written down."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.audit.models import AuditEvent
from portal.audit.queries import events_for, verify
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotPermitted
from portal.notifications.fanout import fan_out
from portal.notifications.models import Notification
from portal.notifications.queries import words_of
from portal.outbox.models import OutboxEntry
from portal.tenancy import impersonation
from portal.tenancy.permissions import Role
from services.instances.models import Instance, Operation
from tests.makers import (
    make_instance,
    make_member,
    make_organisation,
    make_project,
    make_region,
    make_user,
    signed_in,
)
from tests.portal.looking import MORE, REASON, address_of, look

pytestmark = [
    pytest.mark.walk,
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "plain_static", "fake"),
]
SESSION = django_settings.SESSION_COOKIE_NAME


@pytest.fixture
def project() -> Any:
    return make_project(make_organisation("dike", name="Dike Ltd"), "shop")


@pytest.fixture
def owner(project: Any) -> User:
    return make_member(project, Role.OWNER, user=make_user("ilse@dike.example"))


@pytest.fixture
def person() -> User:
    return make_user("staff@test.example", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client: Client, person: User) -> Client:
    return signed_in(client, person)


def acts(chain: str = "dike") -> list[AuditEvent]:
    """Without the looks at pages of staff."""
    rows = events_for(chain, verb="staff.").exclude(verb="staff.view")
    return list(rows.order_by("sequence"))


def verbs(chain: str = "dike") -> list[str]:
    return [row.verb for row in acts(chain)]


# -- begin and end ---------------------------------------------------------------------------------


def test_staff_sees_what_the_person_sees_under_a_banner(staff, owner, project):
    make_instance(project, make_region(), name="orders-db")
    page = look(staff, owner).get("/").content.decode()
    assert "orders-db" in page
    assert "You look as ilse@dike.example" in page
    assert "nothing can be changed" in page
    assert "30 minutes left" in page
    assert reverse("console:staff") not in page  # the rooms are the person's


def test_beginning_and_ending_stand_in_the_audit_under_both_names(staff, owner, person, project):
    elsewhere = make_project(make_organisation("other"))
    make_member(elsewhere, Role.VIEWER, only_project=True, user=owner)
    member = owner.memberships.get(organisation=project.organisation)
    staff.post(reverse("console:staff-look", args=[member.public_id]), {"reason": REASON})
    answer = staff.post(reverse("console:looking-end"))
    assert answer["Location"] == reverse("console:staff-people", args=["dike"])
    for chain in ("dike", "other", "provider"):
        assert verbs(chain) == ["staff.impersonate", "staff.end_impersonation"]
        assert verify(chain).ok
    begun, ended = acts()
    assert (begun.actor_kind, begun.actor_name) == ("staff", "staff@test.example")
    assert (begun.on_behalf_of, begun.on_behalf_of_id) == ("ilse@dike.example", str(owner.pk))
    assert (begun.reason, ended.after) == (REASON, {"why": "ended"})
    assert staff.get(reverse("console:staff")).status_code == 200


def test_the_tenant_reads_both_names(staff, owner):
    look(staff, owner)
    reader = signed_in(Client(), owner)
    row = reader.get("/api/v1/audit?verb=staff.impersonate").json()["results"][0]
    assert row["actor"] == {"kind": "staff", "name": "staff@test.example"}
    assert (row["on_behalf_of"], row["reason"]) == ("ilse@dike.example", REASON)


def test_the_person_hears_of_it(staff, owner, project):
    make_member(project, Role.OWNER)
    look(staff, owner)
    fan_out(OutboxEntry.objects.get(kind="staff.impersonated").pk)
    told = Notification.objects.get()
    assert told.user == owner
    words = words_of(told.entry)
    assert words.title == "staff@test.example of the provider looked as you"
    assert words.body == f"The reason given: {REASON}"


@pytest.mark.parametrize("reason", ["", "too short", "         x         ", "x" * 501])
def test_a_reason_is_needed(staff, owner, reason):
    answer = staff.post(address_of(owner), {"reason": reason})
    assert (answer.status_code, "Say why" in answer.content.decode()) == (422, True)
    assert verbs() == []
    assert "You look as" not in staff.get("/catalogue/").content.decode()


def test_a_recent_sign_in_is_needed(person, owner):
    client = signed_in(Client(), person, minutes_ago=60)
    answer = client.post(address_of(owner), {"reason": REASON})
    assert answer["Location"].startswith("/accounts/")
    assert verbs() == []


def test_the_key_of_the_session_changes_when_it_begins_and_when_it_ends(staff, owner):
    keys = [staff.cookies[SESSION].value]
    look(staff, owner)
    keys.append(staff.cookies[SESSION].value)
    staff.post(reverse("console:looking-end"))
    keys.append(staff.cookies[SESSION].value)
    assert len(set(keys)) == 3
    old = Client()
    for key in keys[:2]:
        old.cookies[SESSION] = key
        assert old.get("/").status_code == 302


def test_the_session_stays_in_the_list_of_staff_and_of_nobody_else(staff, owner, person):
    staff.get("/catalogue/")
    look(staff, owner).get("/")
    session = staff.session
    session["seen_at"] = 0  # as if ten minutes had passed
    session.save()
    staff.get("/services/")
    row = UserSession.objects.get()
    assert (row.user, row.session_key) == (person, staff.cookies[SESSION].value)


def test_a_form_of_before_is_worth_nothing(person, owner):
    client = signed_in(Client(enforce_csrf_checks=True), person)
    token = client.get(address_of(owner)).context["csrf_token"]
    client.post(address_of(owner), {"reason": REASON, "csrfmiddlewaretoken": str(token)})
    assert verbs() == ["staff.impersonate"]
    answer = client.post(reverse("console:looking-end"), {"csrfmiddlewaretoken": str(token)})
    assert answer.status_code in (303, 403)
    assert verbs() == ["staff.impersonate"]


def test_after_half_an_hour_it_is_over(staff, owner, monkeypatch):
    look(staff, owner)
    later = clock.now() + timedelta(minutes=30)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert staff.get("/services/")["Location"] == reverse("console:staff")
    assert "is over" in staff.get(reverse("console:staff")).content.decode()
    assert events_for("dike", verb="staff.end_impersonation").get().after == {"why": "time-over"}


def test_a_fragment_of_a_page_is_led_away_when_it_is_over(staff, owner, monkeypatch):
    look(staff, owner)
    later = clock.now() + timedelta(minutes=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    answer = staff.get("/services/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, reverse("console:staff"))


def test_signing_out_ends_it(staff, owner):
    look(staff, owner).post("/accounts/logout/")
    assert events_for("dike", verb="staff.end_impersonation").get().after == {"why": "signed-out"}
    assert staff.get("/").status_code == 302


def test_each_of_the_two_keeps_a_project_of_their_own(staff, owner, person, project):
    second = make_project(project.organisation, "second")
    mine = make_project(slug="of-staff")
    make_member(mine, user=person)
    staff.post(reverse("console:scope"), {"project": "of-staff"})
    look(staff, owner).post(reverse("console:scope"), {"project": second.slug})
    assert staff.get("/").context["project"] == second
    staff.post(reverse("console:looking-end"))
    assert staff.get("/").context["project"] == mine


# -- with changes ----------------------------------------------------------------------------------


def test_changes_want_an_administrator(owner, project):
    plain = signed_in(Client(), make_user(is_staff=True))
    look(plain, owner)
    assert "Allow changes" not in plain.get("/").content.decode()
    for answer in (
        plain.get(reverse("console:looking-changes")),
        plain.post(reverse("console:looking-changes"), {"reason": MORE}),
    ):
        assert answer.status_code == 403
    assert verbs() == ["staff.impersonate"]


def test_changes_want_a_second_reason(staff, owner):
    look(staff, owner)
    assert staff.get(reverse("console:looking-changes")).status_code == 200
    answer = staff.post(reverse("console:looking-changes"), {"reason": "because"})
    assert answer.status_code == 422
    assert verbs() == ["staff.impersonate"]


def test_what_is_changed_names_both(staff, owner, project, fake):
    instance = make_instance(project, make_region(), name="orders-db")
    look(staff, owner, changes=True)
    page = staff.get("/").content.decode()
    assert "changes are allowed" in page
    assert staff.post(
        reverse("console:service-edit", args=[instance.public_id]),
        {"name": "renamed", "protected": "1"},
    ).status_code in (200, 204, 303)
    assert Instance.objects.get().name == "renamed"
    event = events_for("dike", verb="instance.edit").get()
    assert (event.actor_kind, event.actor_name) == ("staff", "staff@test.example")
    assert event.on_behalf_of == "ilse@dike.example"
    staff.post(reverse("console:service-pause", args=[instance.public_id]))
    assert Operation.objects.latest("pk").requested_by == "staff@test.example"
    started, allowed = acts()
    assert (started.reason, allowed.verb, allowed.reason) == (
        REASON,
        "staff.allow_changes",
        MORE,
    )
    assert verify("dike").ok


def test_changes_end_with_it(staff, owner):
    look(staff, owner, changes=True)
    staff.post(reverse("console:looking-end"))
    look(staff, owner)
    assert "nothing can be changed" in staff.get("/").content.decode()


def test_whoever_is_no_administrator_any_more_only_looks(staff, owner, person):
    look(staff, owner, changes=True)
    User.objects.filter(pk=person.pk).update(is_superuser=False)
    assert "nothing can be changed" in staff.get("/").content.decode()


def test_reasons_are_checked_in_the_action_too(owner, person):
    actor = Actor(kind="staff", id=str(person.pk), name=person.email, is_staff=True)
    with pytest.raises(Invalid):
        impersonation.allow_changes(actor=actor, user=owner, is_superuser=True, reason="short")
    with pytest.raises(NotPermitted):
        impersonation.allow_changes(actor=actor, user=owner, is_superuser=False, reason=MORE)


def test_public_pages_are_not_kept_by_caches_with_a_banner(staff, owner):
    look(staff, owner)
    for path in ("/status/", "/catalogue/"):
        answer = staff.get(path)
        assert b"You look as" in answer.content
        assert "public" not in answer["Cache-Control"]
