"""What a person sets for the console itself: colour theme, language, project at hand."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from portal.accounts.actors import actor_of
from portal.console.harmless import sets_a_cookie_only
from portal.console.page import go, own_page
from portal.console.scope import choose_project
from portal.console.shell import THEME_COOKIE, THEMES
from portal.tenancy import access
from portal.tenancy.permissions import Permission

_YEAR_SECONDS = 31_536_000


@sets_a_cookie_only
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """POST /theme/ (theme=light|dark|system): remember it in a cookie, back to where we were."""
    chosen = request.POST.get("theme", "")
    response = go(request, own_page(request, request.headers.get("Referer", "")))
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=_YEAR_SECONDS,
            samesite="Lax",
            secure=request.is_secure(),
            httponly=True,
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
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
            secure=request.is_secure(),
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
