"""Your account: profile, a copy of your data, the end. Signing in has modules of its own."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
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
