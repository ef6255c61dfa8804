"""Your account: profile, second factors, sessions, a copy of one's data, and the end."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client
from django.urls import reverse

from portal.accounts.models import User
from portal.tenancy.models import Membership
from portal.tenancy.permissions import Role
from tests.makers import make_member, make_organisation, make_project, make_user, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "cache")]

PASSWORD = "a-long-enough-password"


def person(email: str = "ada@test.example") -> User:
    user = make_user(email)
    user.set_password(PASSWORD)
    user.save()
    user.emailaddress_set.create(email=email, verified=True, primary=True)
    return user


def log_in(client: Client, email: str = "ada@test.example", password: str = PASSWORD) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password})


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def set_up_app(client: Client) -> str:
    page = client.get(reverse("mfa_activate_totp"))
    secret = str(page.context["form"].secret)
    assert f'data-copy="{secret}"' in page.content.decode()
    assert 'src="data:image/svg+xml' in page.content.decode()
    answer = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})
    assert answer.status_code == 302
    return secret


def test_profile_is_saved_and_its_language_rules(client: Client) -> None:
    user = person()
    signed_in(client, user)
    client.post(reverse("console:account"), {"name": "Ada L.", "language": "de"})
    user.refresh_from_db()
    assert (user.name, user.language) == ("Ada L.", "de")
    assert '<html lang="de"' in client.get(reverse("console:account")).content.decode()


def test_a_wrong_profile_comes_back_with_what_was_typed(client: Client) -> None:
    signed_in(client, person())
    answer = client.post(reverse("console:account"), {"name": "x" * 151, "language": "xx"})
    assert answer.status_code == 422
    assert "x" * 151 in answer.content.decode()
    assert "Choose one of the languages" in answer.content.decode()


def test_sign_up_with_a_confirmation_mail(client: Client, settings: Any) -> None:
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    typed = {"email": "new@test.example", "password1": PASSWORD, "password2": PASSWORD}
    client.post(reverse("account_signup"), typed)
    assert not client.get("/account/").wsgi_request.user.is_authenticated
    link = re.search(r"http\S+/accounts/confirm-email/\S+?/", str(mail.outbox[0].body))
    assert link is not None
    assert mail.outbox[0].alternatives  # text and HTML
    path = "/" + link.group().split("/", 3)[3]
    assert client.post(path).status_code == 302
    log_in(client, "new@test.example")
    assert client.get("/account/").status_code == 200


def test_a_forgotten_password_is_replaced_by_a_mail(client: Client) -> None:
    person()
    client.post(reverse("account_reset_password"), {"email": "ada@test.example"})
    link = re.search(r"http\S+/accounts/password/reset/key/\S+", str(mail.outbox[0].body))
    assert link is not None
    form = client.get("/" + link.group().split("/", 3)[3], follow=True)
    new = "another-long-password"
    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    assert log_in(Client(), password=new).status_code == 302


def test_nobody_learns_who_has_an_account(client: Client) -> None:
    person()
    known = log_in(client, password="wrong-password-here")
    unknown = log_in(client, "nobody@test.example", "wrong-password-here")
    told = [re.findall(r'role="alert".*?</p>', a.content.decode(), re.S) for a in (known, unknown)]
    assert told[0] == told[1] != []
    resets = [
        client.post(reverse("account_reset_password"), {"email": email}).url
        for email in ("ada@test.example", "nobody@test.example")
    ]
    assert resets[0] == resets[1]


def test_guessing_is_stopped(client: Client) -> None:
    person()
    answers = [log_in(client, password=f"wrong-password-{n}") for n in range(6)]
    assert "Too many" in answers[-1].content.decode()
    assert log_in(client).status_code == 200  # not even the right one now


def test_a_sign_in_changes_the_session_key(client: Client) -> None:
    person()
    client.get(reverse("account_login"))
    session = client.session
    session["kept"] = "x"
    session.save()
    before = session.session_key
    log_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_a_sign_in_leads_to_no_other_site(client: Client, target: str) -> None:
    person()
    typed = {"login": "ada@test.example", "password": PASSWORD, "next": target}
    assert client.post(reverse("account_login"), typed).url == "/"


def test_a_new_password_ends_other_sessions(client: Client) -> None:
    person()
    other = Client()
    log_in(client)
    log_in(other)
    new = "another-long-password"
    typed = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    client.post(reverse("account_change_password"), typed)
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


def test_an_app_is_asked_for_at_sign_in(client: Client) -> None:
    user = person()
    log_in(client)
    secret = set_up_app(client)
    assert "Remove the app" in client.get(reverse("mfa_index")).content.decode()
    fresh = Client()
    assert log_in(fresh).url == reverse("mfa_authenticate")
    assert fresh.get("/account/").status_code == 302  # half way is not in
    assert fresh.post(reverse("mfa_authenticate"), {"code": "000000"}).status_code == 200
    user.authenticator_set.filter(type="totp").update(last_used_at=None)
    assert fresh.post(reverse("mfa_authenticate"), {"code": code_of(secret)}).status_code == 302
    assert fresh.get("/account/").status_code == 200


def test_a_recovery_code_works_once(client: Client) -> None:
    person()
    log_in(client)
    set_up_app(client)
    codes = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    for expected in (302, 200):
        fresh = Client()
        log_in(fresh)
        answer = fresh.post(reverse("mfa_authenticate"), {"code": codes[0]})
        assert answer.status_code == expected


def test_sessions_are_listed_and_ended(client: Client) -> None:
    person()
    log_in(client)
    phone = Client(headers={"user-agent": "Mozilla/5.0 (iPhone) Safari/604.1"})
    log_in(phone)
    phone.get("/account/")
    page = client.get(reverse("console:account-sessions")).content.decode()
    assert "Safari · iOS" in page
    assert "this one" in page
    client.post(reverse("console:account-sessions-end"))
    assert phone.get("/account/").status_code == 302
    assert client.get("/account/").status_code == 200


def test_a_session_of_somebody_else_is_not_there(client: Client) -> None:
    person("bob@test.example")
    other = Client()
    log_in(other, "bob@test.example")
    other.get("/account/")
    row = User.objects.get(email="bob@test.example").usersession_set.get()
    signed_in(client, person())
    assert client.post(reverse("console:account-session-end", args=[row.pk])).status_code == 404
    assert other.get("/account/").status_code == 200


def test_a_copy_of_ones_data_holds_no_secret(client: Client) -> None:
    user = person()
    make_member(make_project(make_organisation("acme")), Role.VIEWER, user=user)
    log_in(client)
    secret = set_up_app(client)
    answer = client.post(reverse("console:account-export"))
    assert answer["Content-Disposition"] == 'attachment; filename="polder-account.json"'
    assert "no-store" in answer["Cache-Control"]
    found = json.loads(answer.content)
    assert found["profile"]["email"] == "ada@test.example"
    assert found["memberships"][0]["organisation"] == "acme"
    assert secret not in answer.content.decode()
    assert user.password not in answer.content.decode()


def test_the_last_owner_cannot_go(client: Client) -> None:
    user = person()
    make_member(make_project(make_organisation("acme")), Role.OWNER, user=user)
    signed_in(client, user)
    assert "You are the last owner" in client.get(reverse("console:account-data")).content.decode()
    answer = client.post(reverse("console:account-delete"), {"email": user.email})
    assert answer.status_code == 409
    assert User.objects.filter(pk=user.pk).exists()


def test_an_account_ends_when_its_address_is_typed(client: Client) -> None:
    user = person()
    make_member(make_project(), Role.VIEWER, user=user)
    signed_in(client, user)
    wrong = client.post(reverse("console:account-delete"), {"email": "else@test.example"})
    assert wrong.status_code == 422
    client.post(reverse("console:account-delete"), {"email": user.email})
    assert not User.objects.filter(pk=user.pk).exists()
    assert not Membership.objects.filter(user_id=user.pk).exists()
    assert client.get("/account/").status_code == 302


def test_an_old_sign_in_is_confirmed_before_data_leave(client: Client) -> None:
    client.force_login(person())
    answer = client.post(reverse("console:account-export"))
    assert answer.status_code == 303
    assert "/reauthenticate/" in answer.url
