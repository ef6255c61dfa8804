"""What a person sets for the console itself: theme, language, keys, project at hand."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts.actors import actor_of
from portal.console.harmless import sets_a_cookie_only
from portal.console.page import go, own_page, page
from portal.console.scope import choose_project
from portal.console.shell import KEYS_COOKIE, THEME_COOKIE, THEMES
from portal.tenancy import access
from portal.tenancy.permissions import Permission

_YEAR_SECONDS = 31_536_000


@sets_a_cookie_only
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """POST /theme/ (theme=light|dark|system): remember it in a cookie, back to where we were."""
    response = go(request, own_page(request, request.headers.get("Referer", "")))
    chosen = request.POST.get("theme", "")
    return _remember(request, response, THEME_COOKIE, chosen if chosen in THEMES else "")


@require_http_methods(["GET", "POST"])
def keyboard(request: HttpRequest) -> HttpResponse:
    """GET /keyboard/: keys and what they do. POST (keys=on|off): whether single keys act."""
    if request.method == "GET":
        return page(request, "console/keyboard.html", {}, fragment="keys")
    off = "off" if request.POST.get("keys") == "off" else ""
    return _remember(request, go(request, "console:keyboard"), KEYS_COOKIE, off)


def _remember(request: HttpRequest, response: HttpResponse, name: str, value: str) -> HttpResponse:
    """In a cookie of this browser; without a value it is forgotten."""
    if not value:
        response.delete_cookie(name, samesite="Lax")
        return response
    response.set_cookie(
        name,
        value,
        max_age=_YEAR_SECONDS,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
    )
    return response


@sets_a_cookie_only
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """POST /language/ (language=en-gb|de|fr): remember it in a cookie, back to where we were."""
    chosen = request.POST.get("language", "")
    response = go(request, own_page(request, request.headers.get("Referer", "")))
    if chosen in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            chosen,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response


@login_required
@require_POST
def scope(request: HttpRequest) -> HttpResponse:
    """POST /scope/ (project=SLUG): work in that project from now on."""
    actor = actor_of(request)
    project = access.project(actor, request.POST.get("project", ""), Permission.PROJECT_VIEW)
    choose_project(request, project.slug)
    return go(request, "/")
