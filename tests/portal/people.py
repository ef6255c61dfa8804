"""What people do in account tests: read their mail, type a code, sign in by the form."""

from __future__ import annotations

import re
import time
from typing import Any

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core import mail
from django.test import Client

from portal.accounts.models import User
from tests.makers import PASSWORD


def sign_in(client: Client, user: User, password: str = PASSWORD, **fields: str) -> Any:
    """By the form of the sign-in page."""
    return client.post("/accounts/login/", {"login": user.email, "password": password, **fields})


def link_in(message: Any) -> str:
    """Path of the first link of ours in a mail's text; its HTML must lead to the same."""
    path = re.search(r"https?://[^/\s]+(/accounts/\S+)", message.body)[1]
    assert path in message.alternatives[0][0]
    return path


def last_mail() -> Any:
    return mail.outbox[-1]


def code_for(secret: str, steps: int = 0) -> str:
    """What an authenticator app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))
