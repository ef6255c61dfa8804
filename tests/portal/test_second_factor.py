"""Authenticator app, recovery codes, passkeys as far as a browser is not needed, and sessions."""

from __future__ import annotations

import html
import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from django.urls import reverse

from portal.audit.models import AuditEvent
from portal.kernel import crypto
from tests.makers import make_second_factor, make_user, signed_in
from tests.portal.people import code_for, last_mail, link_in, sign_in

pytestmark = [pytest.mark.walk, pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
SESSIONS = "/account/sessions/"
BROWSERS = ("Firefox", "Chrome", "Safari")
ADD = "/accounts/2fa/totp/activate/"


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def add_app(client: Client) -> str:
    """As a person does; returns the secret that the page shows."""
    page = client.get(ADD).content.decode()
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)[1]
    answer = client.post(ADD, {"code": code_for(secret)})
    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    return secret


def codes_of(client: Client) -> list[str]:
    page = client.get(reverse("mfa_view_recovery_codes")).content.decode()
    return re.search(r"<pre.*?<code>(.*?)</code>", page, re.S)[1].split()


def test_an_app_is_added_and_asked_at_the_next_sign_in(client, django_capture_on_commit_callbacks):
    user = make_user()
    sign_in(client, user)
    with django_capture_on_commit_callbacks(execute=True):
        secret = add_app(client)
    assert AuditEvent.objects.filter(verb="account.totp_activated", actor_id=user.pk).exists()
    assert "authenticator app was added" in " ".join(m.subject for m in mail.outbox)
    client.post("/accounts/logout/")

    answer = sign_in(client, user, next="/account/data/")
    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)
    assert b"six digits" in client.get(answer["Location"]).content
    wrong = client.post(answer["Location"], {"code": "000000"})
    assert b"Incorrect code" in wrong.content
    right = client.post(answer["Location"], {"code": code_for(secret, 1)})
    assert right["Location"] == "/account/data/"
    assert is_in(client)


def test_the_page_draws_its_code_without_anything_from_elsewhere(client):
    signed_in(client, make_user())
    answer = client.get(ADD)
    assert "img-src 'self' data:" in answer["Content-Security-Policy"]
    page = answer.content.decode()
    assert 'src="data:image/svg+xml;base64,' in page
    assert not re.search(r'(src|href)="https?:', page)


def test_a_code_is_good_once(client):
    user = make_user()
    secret = make_second_factor(user)
    code = code_for(secret)
    sign_in(client, user)
    assert client.post(reverse("mfa_authenticate"), {"code": code})["Location"] == "/"
    again = Client()
    sign_in(again, user)
    again.post(reverse("mfa_authenticate"), {"code": code})
    assert not is_in(again)


def test_a_new_password_by_mail_does_not_go_around_it(client):
    user = make_user()
    make_second_factor(user)
    client.post("/accounts/password/reset/", {"email": user.email})
    form = client.get(link_in(last_mail()))["Location"]
    client.post(form, {"password1": "another long one 7", "password2": "another long one 7"})
    assert not is_in(client)
    answer = sign_in(client, user, "another long one 7")
    assert answer["Location"] == reverse("mfa_authenticate")
    assert not is_in(client)


def test_sign_ins_stand_in_the_log_with_what_they_were_proved_by(client, caplog):
    user = make_user()
    secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    TOTP.activate(user, secret)
    with caplog.at_level("INFO", logger="portal.accounts"):
        sign_in(client, user, "a wrong guess")
        sign_in(client, user)
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
        client.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
        client.post("/accounts/reauthenticate/", {"password": "a wrong guess"})
    told = [(line.msg, getattr(line, "by", "")) for line in caplog.records]
    assert told == [
        ("sign_in.failed", ""),
        ("second_factor.failed", ""),
        ("sign_in.succeeded", "password,mfa"),
        ("sign_in.failed", ""),
    ]
    assert {line.address for line in caplog.records} == {"127.0.0.1"}


def test_codes_cannot_be_guessed(client):
    user = make_user()
    secret = make_second_factor(user)
    sign_in(client, user)
    for _ in range(5):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    answer = client.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
    assert b"Too many failed login attempts" in answer.content
    assert not is_in(client)


def test_a_recovery_code_lets_in_once(client):
    user = make_user()
    sign_in(client, user)
    add_app(client)
    codes = codes_of(client)
    assert len(codes) == len(set(codes)) == 10
    kept = client.get(reverse("mfa_download_recovery_codes"))
    assert kept.content.decode().split() == codes
    assert "no-store" in kept["Cache-Control"]
    for tried, expected in ((codes[0], True), (codes[0], False), (codes[1], True)):
        other = Client()
        sign_in(other, user)
        other.post(reverse("mfa_authenticate"), {"code": tried})
        assert is_in(other) is expected


def test_new_recovery_codes_void_the_old(client):
    user = make_user()
    sign_in(client, user)
    add_app(client)
    old = codes_of(client)
    client.post(reverse("mfa_generate_recovery_codes"))
    assert not set(old) & set(codes_of(client))


def test_secrets_of_a_second_factor_are_stored_encrypted(client):
    signed_in(client, make_user())
    secret = add_app(client)
    row = Authenticator.objects.get(type="totp")
    assert secret not in str(row.data)
    assert crypto.decrypt(row.data["secret"]) == secret
    seed = Authenticator.objects.get(type="recovery_codes").data["seed"]
    assert len(crypto.decrypt(seed)) == 80


@pytest.mark.parametrize(
    "name",
    ["mfa_activate_totp", "mfa_add_webauthn", "mfa_generate_recovery_codes"],
)
def test_an_old_sign_in_adds_and_shows_nothing(client, name):
    user = make_user()
    make_second_factor(user)
    user.authenticator_set.update(type="webauthn", data={"name": "k", "credential": {}})
    signed_in(client, user, minutes_ago=16)
    answer = client.get(reverse(name))
    assert "/reauthenticate/" in answer["Location"]


def test_removing_the_app_is_told_by_mail_and_opens_the_account_to_the_password(client):
    user = make_user()
    signed_in(client, user)
    add_app(client)
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()
    assert "authenticator app was removed" in last_mail().subject
    assert sign_in(Client(), user)["Location"] == "/"


def test_a_code_confirms_who_is_there(client):
    user = make_user()
    secret = make_second_factor(user)
    signed_in(client, user, minutes_ago=16)
    page = client.get("/accounts/reauthenticate/?next=/account/").content.decode()
    assert "Use authenticator app or code" in page
    answer = client.post(
        reverse("mfa_reauthenticate"), {"code": code_for(secret), "next": "/account/"}
    )
    assert answer["Location"] == "/account/"
    assert client.post("/account/data/export/").status_code == 200


def test_an_unconfirmed_address_comes_first(client):
    user = make_user()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    signed_in(client, user)
    assert f"Confirm {user.email} first" in client.get(reverse("mfa_index")).content.decode()
    answer = client.get(ADD, follow=True)
    assert b"Confirm your e-mail address first" in answer.content
    assert not Authenticator.objects.exists()


# -- passkeys --------------------------------------------------------------------------------------


def test_a_ceremony_is_prepared_for_the_browser(client):
    signed_in(client, make_user())
    page = client.get(reverse("mfa_add_webauthn"), headers={"Host": "localhost"}).content.decode()
    options = html.unescape(re.search(r'data-options="([^"]+)"', page)[1])
    assert '"challenge"' in options
    assert '"id": "localhost"' in options


def test_an_answer_without_a_ceremony_is_no_passkey(client):
    signed_in(client, make_user())
    for sent in ("", "{}", "[]", "null", '{"id": 1}', "x" * 1000):
        answer = client.post(reverse("mfa_add_webauthn"), {"name": "k", "credential": sent})
        assert answer.status_code == 200
        answer = Client().post(reverse("mfa_login_webauthn"), {"credential": sent})
        assert answer.status_code in (200, 302)
    assert not Authenticator.objects.exists()


def test_passkeys_cannot_be_tried_in_bulk(client):
    sent = {"credential": "{}"}
    statuses = [client.post(reverse("mfa_login_webauthn"), sent).status_code for _ in range(11)]
    assert (statuses[0], statuses[-1]) == (302, 429)


def test_a_bare_number_as_address_is_explained(client):
    signed_in(client, make_user())
    page = client.get(reverse("mfa_list_webauthn"), headers={"Host": "127.0.0.1:8000"})
    assert b"do not work at this address" in page.content
    page = client.get(reverse("mfa_list_webauthn"), headers={"Host": "localhost:8000"})
    assert b"do not work at this address" not in page.content


# -- sessions --------------------------------------------------------------------------------------


@pytest.fixture
def three():
    """Three browsers of one person."""
    user = make_user()
    clients = [Client(headers={"User-Agent": f"{name}/1 Linux"}) for name in BROWSERS]
    for client in clients:
        assert sign_in(client, user).status_code == 302
        assert is_in(client)
    return clients


def ends_of(page: str) -> list[str]:
    return re.findall(r'action="(/account/sessions/\d+/end/)"', page)


def test_sessions_are_listed_with_this_one_marked(three):
    page = three[0].get(SESSIONS).content.decode()
    assert [f"{name} · Linux" in page for name in BROWSERS] == [True] * 3
    assert page.count("this one") == 1
    assert len(ends_of(page)) == 2


def test_one_session_is_signed_out(three):
    ends = ends_of(three[0].get(SESSIONS).content.decode())
    assert three[0].post(ends[0])["Location"] == SESSIONS  # the one used last stands first
    assert [is_in(client) for client in three] == [True, True, False]


def test_all_others_are_signed_out(three):
    three[1].post(reverse("console:account-sessions-end"))
    assert [is_in(client) for client in three] == [False, True, False]


def test_nobody_signs_out_somebody_else(three):
    ends = ends_of(three[0].get(SESSIONS).content.decode())
    stranger = signed_in(Client(), make_user())
    assert stranger.post(ends[0]).status_code == 404
    assert [is_in(client) for client in three] == [True] * 3


def test_activity_is_written_at_most_every_ten_minutes(client, django_assert_num_queries):
    sign_in(client, make_user())
    client.get("/account/deleted/")
    with django_assert_num_queries(2):  # the session and the person
        client.get("/session/")
