"""The session itself: going on with what was kept, and whether it still lasts."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.console import stash
from portal.console.page import go, page
from portal.console.shell import reader_of


@login_required
@never_cache
@require_GET
def resume(request: HttpRequest, token: str) -> HttpResponse:
    """GET /resume/TOKEN/: what was typed before signing in, to be sent with one click."""
    kept = stash.kept(request, token)
    if kept is None:
        messages.warning(request, _("What you typed was kept for 15 minutes; it is gone."))
        return go(request, "console:overview")
    return page(request, "console/resume.html", {"kept": kept})


@never_cache
@require_GET
def session(request: HttpRequest) -> HttpResponse:
    """GET /session/: who is signed in, and the CSRF token that the forms of an open page need
    after a sign-in elsewhere.
    """
    user = reader_of(request) if request.user.is_authenticated else ""
    known = {"user": user, "csrf": get_token(request)}
    return JsonResponse(known)
