"""The reader's own account: what our pages of it show."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from portal.accounts import second_factor
from portal.accounts.models import User
from portal.accounts.people import unconfirmed
from portal.console.errors import AFTER_SECOND_FACTOR
from portal.privacy.queries import organisations_that_keep


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
