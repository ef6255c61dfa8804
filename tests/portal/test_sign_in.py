"""Sign-up, sign-in, passwords: the whole flows, and what an attacker would try at each."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from tests.makers import PASSWORD, make_user, signed_in
from tests.portal.people import last_mail, link_in, sign_in

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
NEW = "new@test.example"
OTHER_PASSWORD = "quite another password"
SIGN_UP = {"email": NEW, "password1": PASSWORD, "password2": PASSWORD}
ELSEWHERE = ["https://evil.example/", "//evil.example/x", "\\\\evil.example", "javascript:alert(1)"]


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


# -- sign-up ---------------------------------------------------------------------------------------


def test_sign_up_and_confirm_the_address(client):
    answer = client.post("/accounts/signup/", SIGN_UP)
    assert answer["Location"] == "/"
    assert is_in(client)
    assert not EmailAddress.objects.get(email=NEW).verified
    path = link_in(last_mail())
    page = client.get(path)
    assert b"Is this address yours?" in page.content
    assert not EmailAddress.objects.get(email=NEW).verified  # a mail scanner that opens links
    client.post(path)
    assert EmailAddress.objects.get(email=NEW).verified


def test_where_confirming_is_mandatory_nobody_gets_in_before(client, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    answer = client.post("/accounts/signup/", SIGN_UP)
    assert answer["Location"] == reverse("account_email_verification_sent")
    assert b"Open the link to go on" in client.get(answer["Location"]).content
    assert not is_in(client)
    sign_in(client, User.objects.get(email=NEW))
    assert not is_in(client)
    client.post(link_in(mail.outbox[0]))
    sign_in(client, User.objects.get(email=NEW))
    assert is_in(client)


def test_where_nothing_is_confirmed_no_mail_is_sent(client, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    client.post("/accounts/signup/", SIGN_UP)
    assert is_in(client)
    assert mail.outbox == []


@pytest.mark.parametrize("signup", ["invite", "closed"])
def test_a_closed_door_makes_no_account(client, settings, signup):
    settings.POLDER_SIGNUP = signup
    assert b"Sign-up is closed" in client.get("/accounts/signup/").content
    client.post("/accounts/signup/", SIGN_UP)
    assert not User.objects.exists()


def test_an_invitation_opens_sign_up_for_its_address_only(client, settings):
    settings.POLDER_SIGNUP = "invite"
    session = client.session
    session.update({"invitation": "iv-1", "account_verified_email": NEW})
    session.save()
    answer = client.post("/accounts/signup/", {**SIGN_UP, "email": "else@test.example"})
    assert b"address that was invited" in answer.content
    assert client.post("/accounts/signup/", SIGN_UP).status_code == 302
    assert list(User.objects.values_list("email", flat=True)) == [NEW]


@pytest.mark.parametrize("password", ["short", "password1234", "123456789012", f"{NEW}"])
def test_weak_passwords_are_refused(client, password):
    client.post("/accounts/signup/", {**SIGN_UP, "password1": password, "password2": password})
    assert not User.objects.exists()


# -- what is not told ------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_address_look_the_same(client):
    user = make_user()
    known = sign_in(client, user, "not the password").content.decode()
    unknown = sign_in(client, User(email="nobody@test.example"), "not the password")
    alike = unknown.content.decode().replace("nobody@test.example", user.email)
    assert known.count("not correct") == 1
    assert [line for line in known.splitlines() if "csrf" not in line] == [
        line for line in alike.splitlines() if "csrf" not in line
    ]


def test_asking_for_a_new_password_tells_nobody_who_has_an_account(client):
    user = make_user()
    answers = [
        client.post("/accounts/password/reset/", {"email": email})
        for email in (user.email, "nobody@test.example")
    ]
    assert answers[0]["Location"] == answers[1]["Location"]
    assert [message.to for message in mail.outbox] == [[user.email], ["nobody@test.example"]]
    assert "There is no account" in last_mail().body


def test_signing_up_again_tells_the_owner_and_nobody_else(client, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    make_user(NEW)
    EmailAddress.objects.create(user=User.objects.get(), email=NEW, verified=True, primary=True)
    taken = client.post("/accounts/signup/", SIGN_UP)
    free = Client().post("/accounts/signup/", {**SIGN_UP, "email": "free@test.example"})
    assert taken["Location"] == free["Location"]
    assert "You have an account" in mail.outbox[0].subject
    assert User.objects.filter(email=NEW).count() == 1


# -- sessions --------------------------------------------------------------------------------------


def test_the_key_of_the_session_changes_at_sign_in_and_at_sign_out(client, settings):
    user = make_user()
    session = client.session
    session["planted"] = "by an attacker who knows the key"
    session.save()
    planted = session.session_key
    sign_in(client, user)
    first = client.session.session_key
    assert first != planted
    stranger = Client()
    stranger.cookies[settings.SESSION_COOKIE_NAME] = planted
    assert not is_in(stranger)
    client.post("/accounts/logout/")
    assert client.session.session_key != first


def test_another_password_ends_the_other_sessions(client):
    user = make_user()
    elsewhere = Client()
    sign_in(elsewhere, user)
    sign_in(client, user)
    answer = client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD},
    )
    assert answer.status_code == 302
    assert is_in(client)
    assert not is_in(elsewhere)
    assert "Your password was changed." in last_mail().subject
    assert client.post("/accounts/logout/").status_code == 302
    assert sign_in(client, user).status_code == 200
    assert sign_in(client, user, OTHER_PASSWORD).status_code == 302


def test_another_password_wants_the_old_one(client):
    user = make_user()
    sign_in(client, user)
    for old in ("", OTHER_PASSWORD):
        sent = {"oldpassword": old, "password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD}
        assert client.post("/accounts/password/change/", sent).status_code in (200, 422)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_a_lost_password_is_replaced_by_mail_once(client):
    user = make_user()
    elsewhere = Client()
    sign_in(elsewhere, user)
    client.post("/accounts/password/reset/", {"email": user.email})
    link = link_in(last_mail())
    form = client.get(link)["Location"]
    fields = {"password1": OTHER_PASSWORD, "password2": OTHER_PASSWORD}
    assert client.post(form, fields)["Location"].endswith("/done/")
    assert not is_in(client)
    assert not is_in(elsewhere)
    assert sign_in(client, user, OTHER_PASSWORD).status_code == 302
    assert b"no longer works" in Client().get(link, follow=True).content


def test_a_link_for_a_new_password_holds_for_an_hour(client, settings):
    user = make_user()
    client.post("/accounts/password/reset/", {"email": user.email})
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert b"no longer works" in client.get(link_in(last_mail()), follow=True).content


def test_whoever_is_switched_off_does_not_get_in(client):
    user = make_user(is_active=False)
    answer = sign_in(client, user)
    assert not is_in(client)
    assert b"switched off" in client.get(answer["Location"]).content


# -- where it leads --------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ELSEWHERE)
def test_sign_in_never_leads_away(target):
    user = make_user()
    answer = sign_in(Client(), user, next=target)
    assert answer["Location"] == "/"
    answer = Client().post(f"/accounts/signup/?next={target}", {**SIGN_UP, "next": target})
    assert answer["Location"] == "/"
    client = signed_in(Client(), user, minutes_ago=16)
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": target})
    assert answer["Location"] == "/"
    assert client.post("/accounts/logout/", {"next": target})["Location"] == "/"


def test_sign_in_leads_back(client):
    user = make_user()
    answer = client.get("/services/?q=a")
    assert answer["Location"] == "/accounts/login/?next=/services/%3Fq%3Da"
    assert sign_in(client, user, next="/services/?q=a")["Location"] == "/services/?q=a"


# -- attempts --------------------------------------------------------------------------------------


def test_passwords_cannot_be_guessed(client):
    user = make_user()
    for _ in range(5):
        sign_in(client, user, "not the password")
    answer = sign_in(client, user)
    assert b"Too many failed login attempts" in answer.content
    assert not is_in(client)


def test_guessing_at_many_accounts_is_stopped_too(client):
    users = [make_user() for _ in range(11)]
    answers = [sign_in(client, user, "not the password").content for user in users]
    assert b"Too many failed login attempts" not in answers[9]
    assert b"Too many failed login attempts" in answers[10]


def test_confirming_cannot_be_guessed_at(client):
    user = make_user()
    signed_in(client, user, minutes_ago=16)
    for _ in range(5):
        client.post("/accounts/reauthenticate/", {"password": "not the password"})
    answer = client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("address", "fields", "times"),
    [
        ("/accounts/password/reset/", {"email": "nobody@test.example"}, 5),
        ("/accounts/signup/", {"email": "not-an-address"}, 20),
    ],
)
def test_mails_and_accounts_are_not_made_in_bulk(client, address, fields, times):
    statuses = [client.post(address, fields).status_code for _ in range(times + 1)]
    assert 429 not in statuses[:times]
    answer = client.post(address, fields)
    assert answer.status_code == 429
    assert b"Too many requests" in answer.content


def test_a_confirmation_is_not_sent_again_and_again(client):
    client.post("/accounts/signup/", SIGN_UP)
    for _ in range(3):
        client.post("/accounts/email/", {"email": NEW, "action_send": ""})
    assert len(mail.outbox) == 1


# -- the admin site --------------------------------------------------------------------------------


def test_the_admin_site_has_no_sign_in_of_its_own(client):
    staff = make_user(is_staff=True, is_superuser=True)
    answer = client.get("/admin/login/?next=/admin/")
    assert answer["Location"].startswith("/accounts/login/?next=%2Fadmin%2F")
    answer = client.post("/admin/login/", {"username": staff.email, "password": PASSWORD})
    assert answer["Location"].startswith("/accounts/login/")
    assert not is_in(client)
    sign_in(client, staff)
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/password_change/")["Location"] == "/accounts/password/change/"
