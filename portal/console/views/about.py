"""Licences, trademarks, and the small files that every site has. Public."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from portal.console import licences as building
from portal.console.page import page
from portal.kernel import clock

_DAY = 86_400
_TEXT = "text/plain; charset=utf-8"
# Everything else asks for a login; crawlers need not find that out one by one.
_OPEN = ("/catalogue/", "/prices/", "/status/", "/api/docs/", "/licences/", "/trademarks/")


@require_safe
@cache_control(public=True, max_age=_DAY)
def licences(request: HttpRequest) -> HttpResponse:
    """GET /licences/"""
    return page(request, "console/licences.html", building.page())


@require_safe
@cache_control(public=True, max_age=_DAY)
def own_licence(request: HttpRequest) -> HttpResponse:
    """GET /licences/polder.txt"""
    return HttpResponse((settings.BASE / "LICENSE").read_text(), content_type=_TEXT)


@require_safe
@cache_control(public=True, max_age=_DAY)
def trademarks(request: HttpRequest) -> HttpResponse:
    """GET /trademarks/"""
    return page(request, "console/trademarks.html", {"names": building.trademarks()})


@require_safe
@cache_control(public=True, max_age=_DAY)
def robots(request: HttpRequest) -> HttpResponse:
    """GET /robots.txt"""
    lines = ["User-agent: *", "Disallow: /", "Disallow: /catalogue/*/order/"]
    lines += [f"Allow: {path}" for path in (*_OPEN, settings.STATIC_URL)]
    return HttpResponse("\n".join(lines) + "\n", content_type=_TEXT)


@require_safe
@cache_control(public=True, max_age=_DAY)
def security(request: HttpRequest) -> HttpResponse:
    """GET /.well-known/security.txt (RFC 9116), where the provider has named a contact."""
    if not settings.POLDER_SECURITY_CONTACT:
        raise Http404
    month = clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    lines = [f"Contact: {contact}" for contact in settings.POLDER_SECURITY_CONTACT]
    lines.append(f"Expires: {month + timedelta(days=180):%Y-%m-%dT%H:%M:%SZ}")
    if settings.POLDER_SECURITY_POLICY:
        lines.append(f"Policy: {settings.POLDER_SECURITY_POLICY}")
    lines.append(f"Canonical: {settings.POLDER_URL}{reverse('console:security')}")
    return HttpResponse("\n".join(lines) + "\n", content_type=_TEXT)


@require_safe
@cache_control(public=True, max_age=_DAY)
def favicon(request: HttpRequest) -> HttpResponse:
    """GET /favicon.ico, which browsers ask for beside feeds and texts."""
    return HttpResponseRedirect(static("favicon.svg"), status=303)
