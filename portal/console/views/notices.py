"""What the provider says to a reader, and putting one of it away."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST, require_safe

from portal.console.harmless import sets_a_cookie_only
from portal.console.page import go, own_page, page, wants_fragment
from portal.console.shell import AWAY_COOKIE, Shell, put_away
from portal.status.strip import strip_of

_SECONDS = 90 * 86_400


@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """GET /notices/"""
    return page(request, "console/notices.html", {"notices": Shell(request).notices})


@sets_a_cookie_only
@require_POST
def away(request: HttpRequest, notice: str) -> HttpResponse:
    """POST /notices/ID/away/: this browser does not show it again."""
    hidden = [*dict.fromkeys([*put_away(request), notice])]
    if wants_fragment(request):
        strip = strip_of(Shell(request).notices, hidden)
        response = page(request, "_strip.html", {"strip": strip})
    else:
        response = go(request, own_page(request, request.headers.get("Referer", "")))
    response.set_cookie(
        AWAY_COOKIE,
        ".".join(hidden),
        max_age=_SECONDS,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )
    return response
