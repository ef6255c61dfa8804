"""The reader's own account: its tabs, and what our pages among them show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.accounts import second_factor
from portal.accounts.models import User
from portal.accounts.people import unconfirmed
from portal.accounts.social import any_provider
from portal.console.errors import AFTER_SECOND_FACTOR
from portal.console.shell import url_or_nothing
from portal.privacy.queries import organisations_that_keep


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of the account; django-allauth serves some of them below `url_name`'s address."""

    key: str
    label: Promise
    url_name: str


TABS = (
    Tab("profile", gettext_lazy("Profile"), "console:account"),
    Tab("email", gettext_lazy("E-mail addresses"), "account_email"),
    Tab("password", gettext_lazy("Password"), "account_change_password"),
    Tab("second-factor", gettext_lazy("Two-factor"), "mfa_index"),
    Tab("passkeys", gettext_lazy("Passkeys"), "mfa_list_webauthn"),
    Tab("connections", gettext_lazy("Connected accounts"), "socialaccount_connections"),
    Tab("sessions", gettext_lazy("Sessions"), "console:account-sessions"),
    Tab("data", gettext_lazy("Your data"), "console:account-data"),
)


def tabs(path: str) -> tuple[list[tuple[str, str, str]], str]:
    """The tabs of the account's pages, and the key of the one whose address `path` begins with."""
    shown = [tab for tab in TABS if tab.key != "connections" or any_provider()]
    links = [(tab.key, str(tab.label), url_or_nothing(tab.url_name)) for tab in shown]
    fitting = [(url, key) for key, _label, url in links if path.startswith(url)]
    return links, max(fitting, default=("", ""))[1]


def go_on(request: HttpRequest) -> str:
    """Where somebody wanted to go who was sent to add a second factor, once they have one."""
    wanted = str(request.session.get(AFTER_SECOND_FACTOR, ""))
    if not wanted or not isinstance(request.user, User) or not second_factor.has_one(request.user):
        return ""
    del request.session[AFTER_SECOND_FACTOR]
    return wanted


def unconfirmed_address(request: HttpRequest) -> str:
    """The first that is not confirmed, where that keeps a second factor from being added."""
    if settings.MFA_ALLOW_UNVERIFIED_EMAIL:
        return ""
    return next(iter(unconfirmed(request.user.pk)), "")


def profile(
    user: User, typed: Mapping[str, str] | None = None, errors: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Context of console/account.html; `typed` is what came back with `errors`."""
    typed = typed or {"name": user.name, "language": user.language}
    languages = [("", _("As the browser asks for")), *settings.LANGUAGES]
    return {"typed": typed, "languages": languages, "errors": errors or {}}


def sessions(request: HttpRequest, user: User) -> dict[str, Any]:
    """Context of console/account_sessions.html: newest use first, this one marked."""
    rows = UserSession.objects.purge_and_list(user)
    here = request.session.session_key
    shown = [
        {"row": row, "client": client_of(row.user_agent), "here": row.session_key == here}
        for row in sorted(rows, key=lambda row: row.last_seen_at, reverse=True)
    ]
    return {"sessions": shown}


def data(user: User, errors: dict[str, str] | None = None) -> dict[str, Any]:
    """Context of console/account_data.html."""
    kept_by = organisations_that_keep(user)
    return {"kept_by": kept_by, "errors": errors or {}}


_BROWSERS = (
    ("Firefox", r"Firefox/"),
    ("Edge", r"Edg/"),
    ("Opera", r"OPR/"),
    ("Chromium", r"HeadlessChrome/|Chromium/"),
    ("Chrome", r"Chrome/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS = (
    ("Android", r"Android"),
    ("iOS", r"iPhone|iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X"),
    ("Linux", r"Linux"),
)


def client_of(user_agent: str) -> str:
    """The browser and system in two words, as far as they can be told."""
    browser = next((name for name, sign in _BROWSERS if re.search(sign, user_agent)), "")
    system = next((name for name, sign in _SYSTEMS if re.search(sign, user_agent)), "")
    return " · ".join(filter(None, (browser, system))) or _("Unknown browser")
