"""Pages that anybody may read. A view says `cache_control(public=True, max_age=…)`; this makes it
true: whoever has a session, or a page with something of their own in it, gets one that only their
browser keeps, and so does htmx, whose answers depend on the page that asked. The others get an
`ETag`, and 304 while nothing has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import parse_http_date_safe

from portal.console.page import wants_fragment
from portal.console.shell import AWAY_COOKIE, KEYS_COOKIE, THEME_COOKIE

# What a cache may tell apart by `Vary: Cookie`, and which names nobody.
_SHARED_COOKIES = (THEME_COOKIE, KEYS_COOKIE, AWAY_COOKIE, settings.LANGUAGE_COOKIE_NAME)
_VARY = ["Cookie", "Accept-Language", "HX-Request"]


class PublicPages:
    """Middleware, next to the views."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "public" not in response.get("Cache-Control", "") or response.streaming:
            return response
        patch_vary_headers(response, _VARY)
        if (
            response.status_code != 200
            or wants_fragment(request)
            or _is_personal(request, response)
        ):
            response["Cache-Control"] = "private, no-cache"
            return response
        return _conditional(request, response)


def _conditional(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    modified = response.get("Last-Modified", "")
    found = get_conditional_response(
        request,
        etag=etag,
        last_modified=parse_http_date_safe(modified) if modified else None,
        response=response,
    )
    return found if isinstance(found, HttpResponse) else response


def _is_personal(request: HttpRequest, response: HttpResponse) -> bool:
    """A session (messages stand there, too), or a form with a token of its own."""
    strange = set(request.COOKIES) - set(_SHARED_COOKIES)
    return bool(strange or response.cookies or request.META.get("CSRF_COOKIE_NEEDS_UPDATE"))
