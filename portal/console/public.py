"""Pages that anybody may read: kept by caches while nothing personal is in them, and answered with
304 while they are unchanged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control, patch_vary_headers
from django.utils.http import http_date

from portal.console.shell import AWAY_COOKIE, THEME_COOKIE

View = Callable[..., HttpResponse]
_SHARED_COOKIES = (THEME_COOKIE, AWAY_COOKIE, settings.LANGUAGE_COOKIE_NAME)


def public_page(seconds: int) -> Callable[[View], View]:
    """For a view whose page, for a visitor, is the same for everybody who sends the same cookies.

    Whoever has a session gets a page of their own, which only their browser keeps, to ask again.
    """

    def wrap(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            response = view(request, *args, **kwargs)
            return conditional(request, response, seconds)

        return answer

    return wrap


def conditional(
    request: HttpRequest, response: HttpResponse, seconds: int, modified: datetime | None = None
) -> HttpResponse:
    """`response` with its cache headers, or 304 where the reader has it already."""
    if request.method not in ("GET", "HEAD") or response.status_code != 200:
        return response
    patch_vary_headers(response, ["Cookie", "Accept-Language", "HX-Request"])
    if _is_personal(request, response):
        patch_cache_control(response, private=True, no_cache=True)
        return response
    patch_cache_control(response, public=True, max_age=seconds)
    etag = '"' + hashlib.sha256(response.content).hexdigest()[:32] + '"'
    response["ETag"] = etag
    if modified is not None:
        response["Last-Modified"] = http_date(modified.timestamp())
    found = get_conditional_response(
        request,
        etag=etag,
        last_modified=int(modified.timestamp()) if modified else None,
        response=response,
    )
    return found if isinstance(found, HttpResponse) else response


def _is_personal(request: HttpRequest, response: HttpResponse) -> bool:
    """A session, a message of an earlier page, or a form with a token of its own."""
    strange = set(request.COOKIES) - set(_SHARED_COOKIES)
    return bool(strange or response.cookies or request.META.get("CSRF_COOKIE_NEEDS_UPDATE"))
