"""Middleware: while staff looks as somebody else, the request is that person's, bounded.

What is never possible then, whatever the pages offer: to reveal a secret, to make a token, to let
somebody in, to touch the person's account. Where only looking was allowed, every other method than
GET and HEAD is refused before a view sees it. The rights themselves are cut in the actor, so that
actions and queries refuse, too (`portal.tenancy.access`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.accounts import impersonation as session
from portal.accounts.actors import staff_actor
from portal.accounts.impersonation import Looking
from portal.console import account_urls
from portal.console.errors import answer, problem_of
from portal.console.page import go
from portal.kernel.errors import NotPermitted
from portal.tenancy.impersonation import end_impersonation, scopes_of

_SAFE = ("GET", "HEAD", "OPTIONS")
# What belongs to looking itself, or to this browser alone.
_ALWAYS = frozenset({"console:looking-end", "console:looking-changes", "console:scope"})
_ALWAYS |= {"console:theme", "console:language", "console:notice-away", "console:session"}
# What the person alone decides, or has read: closed to every change.
_DECISIONS = frozenset({"console:notification-settings", "console:notifications-read"})
# The person's own account: by the beginning of the path, and by name.
_ACCOUNT_PATHS = ("/accounts/", "/invitations/")
_ACCOUNT_NAMES = frozenset(f"console:{pattern.name}" for pattern in account_urls.urlpatterns)
_API = "/api/"  # answers for itself (portal.api.authentication)


class Impersonation:
    """Next to the views: whatever runs before it sees the person of the provider."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return self.get_response(request)
        looking = session.current(request)
        if looking is None:
            return self.get_response(request)
        if looking.is_over:
            finish(request, looking, "time-over")
            messages.info(request, _("The time to look as somebody else is over."))
            return go(request, "console:staff")
        if request.path == reverse("account_logout"):
            finish(request, looking, "signed-out")
            return self.get_response(request)
        return self._as_the_other(request, looking)

    def _as_the_other(self, request: HttpRequest, looking: Looking) -> HttpResponse:
        scopes = scopes_of(may_change=looking.may_change)
        request.looking = looking  # type: ignore[attr-defined]
        request.actor = session.actor_as(looking, request, scopes)  # type: ignore[attr-defined]
        request.user = looking.user
        try:
            return self.get_response(request)
        finally:
            request.user = looking.staff

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        looking = session.looking_of(request)
        if looking is None or request.path.startswith(_API):
            return None
        refused = _refusal(request, looking)
        return answer(request, problem_of(refused)) if refused else None


def finish(request: HttpRequest, looking: Looking, why: str) -> None:
    """Ends it in the session and in the audit trail."""
    actor = staff_actor(request, looking.staff)
    end_impersonation(actor=actor, user=looking.user, why=why)
    session.end(request)


def _refusal(request: HttpRequest, looking: Looking) -> NotPermitted | None:
    name = request.resolver_match.view_name if request.resolver_match else ""
    if name in _ALWAYS:
        return None
    who = {"who": looking.user.email}
    decides = name in _DECISIONS and request.method not in _SAFE
    if request.path.startswith(_ACCOUNT_PATHS) or name in _ACCOUNT_NAMES or decides:
        return NotPermitted(
            _("This belongs to %(who)s alone, so it stays closed while you look as them.") % who,
            hint=_("End looking as somebody else first."),
        )
    if request.method not in _SAFE and not looking.may_change:
        return NotPermitted(
            _("You are only looking as %(who)s, so nothing was changed.") % who,
            hint=_("Ask them to do it, or end looking as somebody else and act as staff."),
        )
    return None
