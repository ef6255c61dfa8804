"""Sessions and passwords: made anew, ended for good, guessed by nobody, confirmed before what
matters.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.conf import global_settings
from django.conf import settings as django_settings
from django.db import transaction
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.conf import settings as installed
from portal.kernel import clock
from portal.tenancy.permissions import Role
from tests.makers import PASSWORD, make_token, make_user, signed_in
from tests.portal.doors import doors
from tests.walk.tour import none

pytestmark = pytest.mark.django_db
POSTS = [door for door in doors() if door.method == "POST" and not door.name.startswith("api:")]


# -- sessions --------------------------------------------------------------------------------------


def sign_in_by_form(client: Client, person: User) -> str:
    client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    return client.session.session_key or ""


def test_signing_in_makes_a_new_session(plain_static):
    client = Client()
    client.get("/services/", headers={"HX-Request": "true"})
    client.post("/scope/", {"project": "kept"})  # a visitor with a session: what they typed waits
    before = client.session.session_key
    after = sign_in_by_form(client, make_user())
    assert before
    assert after != before
    stolen = Client()
    stolen.cookies[django_settings.SESSION_COOKIE_NAME] = before
    assert stolen.get("/account/").status_code == 302


def test_a_session_of_somebody_elses_making_is_not_taken_over(plain_static):
    client = Client()
    client.cookies[django_settings.SESSION_COOKIE_NAME] = "chosen-by-an-attacker-00000000"
    assert sign_in_by_form(client, make_user()) != "chosen-by-an-attacker-00000000"


def test_signing_out_ends_the_session_for_good(plain_static):
    client = Client()
    key = sign_in_by_form(client, make_user())
    client.post("/accounts/logout/")
    again = Client()
    again.cookies[django_settings.SESSION_COOKIE_NAME] = key
    assert again.get("/account/").status_code == 302


def test_a_new_password_ends_all_other_sessions(plain_static):
    person, here, there = make_user(), Client(), Client()
    for client in (here, there):
        sign_in_by_form(client, person)
    new = "another long password 7"
    answer = here.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    assert answer.status_code == 302
    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302


def test_a_session_ends_two_weeks_after_the_sign_in(plain_static):
    client = Client()
    before = clock.now()
    sign_in_by_form(client, make_user())
    session = client.session
    end = session.get_expiry_date()
    session["something"] = "new"
    session.save()
    assert client.session.get_expiry_date() == end
    assert before < end - timedelta(days=14) < clock.now()


def test_whoever_is_switched_off_is_out_at_once(plain_static):
    person, client = make_user(), Client()
    sign_in_by_form(client, person)
    token = make_token(person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    assert client.get("/account/").status_code == 302
    answer = Client().get("/api/v1/projects", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


# What hands out secrets or rights, or destroys.
SENSITIVE = {
    "console:service-reveal",
    "console:service-delete",
    "console:organisation-archive",
    "console:project-archive",
    "console:member",
    "console:member-remove",
    "console:account-delete",
    "console:account-export",
    "console:webhook-secret",
    "console:staff-destroy",
    "console:staff-suspend",
}


def test_sensitive_acts_want_a_recent_proof(place):
    asked = set()
    for door in POSTS:
        who = "staff" if "staff" in door.name else Role.OWNER
        client = signed_in(Client(), place.people[who], minutes_ago=16)
        url = reverse(door.name, kwargs=place.reals.get(door.name) or dict(door.at(place.world)))
        with transaction.atomic():
            answer = client.post(url, dict(door.body or {}))
            transaction.set_rollback(True)
        if "/reauthenticate/" in answer.headers.get("Location", ""):
            asked.add(door.name)
    assert SENSITIVE - asked == set()


# -- passwords -------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["short pass 1", "é" * 64, " spaces at both ends ", "x" * 200])
def test_long_passwords_of_any_letters_are_taken_as_they_are(plain_static, password):
    email = "new@test.example"
    client = Client()
    sent = {"email": email, "password1": password, "password2": password}
    assert client.post("/accounts/signup/", sent).status_code == 302
    person = User.objects.get(email=email)
    assert person.check_password(password)
    assert not person.check_password(password[:-1])
    assert not person.check_password(password.strip() + "!")


@pytest.mark.parametrize(
    "password", ["eleven char", "1q2w3e4r5t6y", "new@test.example", "PolderCloud2026!"]
)
def test_short_common_and_telling_passwords_are_refused(plain_static, password):
    sent = {"email": "new@test.example", "password1": password, "password2": password}
    answer = Client().post("/accounts/signup/", sent)
    assert answer.status_code in (200, 422)
    assert not User.objects.filter(email="new@test.example").exists()


def test_password_fields_hide_what_is_typed_and_let_managers_fill_them(tour):
    fields = [
        (str(seen), tag)
        for seen in tour.visits
        if seen.is_document
        for tag in re.findall(r"<input[^>]*password[^>]*>", seen.html)
    ]
    none([f"{where}: {tag}" for where, tag in fields if 'type="password"' not in tag])
    none([f"{where}: {tag}" for where, tag in fields if 'autocomplete="off"' in tag])
    assert len(fields) > 5


def test_passwords_are_stored_slowly_hashed(settings):
    """By the settings as they are installed: all other tests hash quickly."""
    ours = getattr(installed, "PASSWORD_HASHERS", global_settings.PASSWORD_HASHERS)
    settings.PASSWORD_HASHERS = ours
    person = User.objects.create_user("slow@test.example", PASSWORD)
    name, rounds = person.password.split("$")[:2]
    assert name == "pbkdf2_sha256"
    assert int(rounds) >= 600_000


def test_nobody_learns_who_has_an_account(plain_static):
    make_user("known@test.example")
    pairs = []
    for email in ("known@test.example", "unknown@test.example"):
        wrong = Client(REMOTE_ADDR="192.0.2.1").post(
            "/accounts/login/", {"login": email, "password": "not the right one"}
        )
        reset = Client(REMOTE_ADDR="192.0.2.2").post("/accounts/password/reset/", {"email": email})
        page = re.sub(r'value="[^"]*"', "", wrong.content.decode())
        pairs.append((wrong.status_code, page, reset.status_code, reset.headers.get("Location")))
    assert pairs[0] == pairs[1]
