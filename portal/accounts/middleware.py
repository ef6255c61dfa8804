"""When a session was last used, for the list of a person's sessions."""

from __future__ import annotations

import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from portal.accounts.models import User

_KEY = "seen_at"
_EVERY_SECONDS = 600


class SessionActivity:
    """Writes it down at most every ten minutes, and nothing for whoever has no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # A page that did not ask who is there stays free to be kept by caches.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.session.accessed:
            _note(request)
        return response


def _note(request: HttpRequest) -> None:
    now = time.time()
    # The API puts something else in the place of the user.
    if now - request.session.get(_KEY, 0) < _EVERY_SECONDS or not isinstance(request.user, User):
        return
    request.session[_KEY] = now
    UserSession.objects.create_from_request(request)
