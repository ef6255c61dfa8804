"""Mail: a text and an HTML form of each, escaped where it must be, over a real SMTP connection."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import html5lib
import pytest
from django.conf import settings as django_settings
from django.core import mail as outbox
from django.core.exceptions import ImproperlyConfigured

from portal.accounts import mail
from portal.conf import environment
from portal.kernel.errors import Unavailable

FOLDER = django_settings.BASE / "templates/mail"
NAMES = sorted(path.name.removesuffix(".subject.txt") for path in FOLDER.glob("*.subject.txt"))
CONTEXT = {
    "activate_url": "https://x.example/a",
    "password_reset_url": "https://x.example/b",
    "fact": "Your password was changed.",
    # Numbers that mails count by.
    "count": 2,
    "days": 7,
}


class Smtp(socketserver.StreamRequestHandler):
    """Says yes to everything and keeps what it was sent."""

    def handle(self) -> None:
        self.wfile.write(b"220 test\r\n")
        for line in self.rfile:
            word = line.strip().upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.server.got.append(b"".join(iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 yes\r\n")


@pytest.fixture
def smtp(settings) -> Iterator[list[bytes]]:
    """What arrives at the SMTP server that settings name."""
    with socketserver.TCPServer(("127.0.0.1", 0), Smtp) as server:
        server.got = []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server.got
        server.shutdown()


def test_every_mail_has_subject_text_and_html():
    stems = {path.name.partition(".")[0] for path in FOLDER.iterdir()} - {"base"}
    assert stems == set(NAMES)
    names = {path.name for path in FOLDER.iterdir()}
    assert {f"{name}{end}" for name in NAMES for end in (".txt", ".html")} <= names


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_whole(name):
    message = mail.rendered(name, "ada@test.example", CONTEXT)
    html, kind = message.alternatives[0]
    html5lib.HTMLParser(strict=True).parse(html)
    assert kind == "text/html"
    assert message.subject
    assert "\n" not in message.subject
    assert django_settings.POLDER_PROVIDER_NAME in message.body
    # Nothing is fetched when it is opened: no picture, no font, no sheet.
    assert not re.search(r"<(img|link|script)|url\(|@import", html)


def test_only_html_is_escaped():
    facts = {"fact": "“Tom & <b>Jerry</b>” was added."}
    message = mail.rendered("account_changed", "ada@test.example", facts)
    assert "Tom & <b>Jerry</b>" in message.body
    assert "Tom & <b>Jerry</b>" in message.subject
    assert "Tom &amp; &lt;b&gt;Jerry" in message.alternatives[0][0]


def test_a_line_break_in_a_value_adds_no_header():
    message = mail.rendered("account_changed", "ada@test.example", {"fact": "Hi\nBcc: eve@x.eu"})
    assert message.subject == "Hi Bcc: eve@x.eu"
    assert "bcc" not in message.message()


def test_the_reader_decides_the_language():
    message = mail.rendered("account_changed", "ada@test.example", CONTEXT, "de")
    assert '<html lang="de">' in message.alternatives[0][0]


def test_a_mail_goes_out_by_smtp(smtp):
    mail.send("password_reset_key", "ada@test.example", CONTEXT)
    received = message_from_bytes(smtp[0], policy=policy.default)
    assert isinstance(received, EmailMessage)
    assert received["To"] == "ada@test.example"
    plain, html = received.get_body(("plain",)), received.get_body(("html",))
    assert "https://x.example/b" in plain.get_content()
    assert 'href="https://x.example/b"' in html.get_content()


def test_a_server_that_is_away_is_told_without_the_mail(settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(Unavailable) as caught:
        mail.send("password_reset_key", "ada@test.example", CONTEXT)
    assert caught.value.code == "mail-failed"
    assert "mail.failed" in caplog.text
    assert "x.example" not in caplog.text


def test_what_a_mail_tells_is_done_even_when_it_cannot_be_sent(client, settings, db, plain_static):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    fields = {"email": "new@test.example", "password1": "a quite long word"}
    answer = client.post("/accounts/signup/", {**fields, "password2": fields["password1"]})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    answer = client.post("/accounts/password/reset/", {"email": "nobody@test.example"})
    assert answer.status_code == 503
    assert b"mail server" in answer.content


def test_links_lead_to_our_address_whatever_the_request_named(client, settings, db, plain_static):
    settings.ALLOWED_HOSTS = ["*"]
    fields = {"email": "new@test.example", "password1": "a quite long word"}
    client.post(
        "/accounts/signup/",
        {**fields, "password2": fields["password1"]},
        headers={"Host": "evil.example"},
    )
    client.logout()
    client.post(
        "/accounts/password/reset/",
        {"email": "new@test.example"},
        headers={"Host": "evil.example"},
    )
    assert len(outbox.outbox) == 2
    sent = "".join(message.body + message.alternatives[0][0] for message in outbox.outbox)
    assert "evil.example" not in sent
    assert sent.count(f"{settings.POLDER_URL}/accounts/") >= 4


@pytest.mark.parametrize(
    ("url", "host", "port", "user", "tls", "ssl"),
    [
        ("smtp://relay", "relay", 25, "", False, False),
        ("smtp+starttls://me:p%40ss@mx.example", "mx.example", 587, "me", True, False),
        ("smtps://me:p%40ss@mx.example:4650", "mx.example", 4650, "me", False, True),
    ],
)
def test_a_server_is_named_by_an_address(monkeypatch, url, host, port, user, tls, ssl):
    monkeypatch.setitem(environment._VALUES, "POLDER_EMAIL_URL", url)
    found = environment.mail_server("POLDER_EMAIL_URL")
    assert (found["EMAIL_HOST"], found["EMAIL_PORT"], found["EMAIL_HOST_USER"]) == (
        host,
        port,
        user,
    )
    assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (tls, ssl)
    assert found["EMAIL_HOST_PASSWORD"] in ("", "p@ss")


@pytest.mark.parametrize(
    "url", ["mx.example", "http://mx.example", "smtp://:x", "smtp://h:notaport"]
)
def test_a_wrong_address_stops_the_start(monkeypatch, url):
    monkeypatch.setitem(environment._VALUES, "POLDER_EMAIL_URL", url)
    with pytest.raises(ImproperlyConfigured, match="POLDER_EMAIL_URL"):
        environment.mail_server("POLDER_EMAIL_URL")
    monkeypatch.delitem(environment._VALUES, "POLDER_EMAIL_URL")
    assert environment.mail_server("POLDER_EMAIL_URL") == {}
