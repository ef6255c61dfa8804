"""Forms whose only effect is a cookie about looks. They stand on pages that caches keep, where a
token of a reader's own cannot be, so they are guarded by the `Origin` header instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from portal.console.errors import csrf_failure

View = Callable[..., HttpResponse]


def sets_a_cookie_only(view: View) -> View:
    """No token is asked for; a form of another site is refused."""

    @csrf_exempt
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        origin = request.headers.get("Origin", "")
        if origin and urlsplit(origin).netloc != request.get_host():
            return csrf_failure(request, "other origin")
        return view(request, *args, **kwargs)

    return guarded
