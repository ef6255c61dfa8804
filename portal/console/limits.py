"""How often a person may do what is costly or worth guessing at: counted by the hour, in the cache.

django-allauth counts sign-ins, codes and mails by itself; here is what is ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from redis.exceptions import RedisError

from portal.kernel.errors import TooManyRequests

_WINDOW_SECONDS = 3600
View = Callable[..., HttpResponse]


def at_most(times: int, what: str) -> Callable[[View], View]:
    """Lets a signed-in person POST to a view so often an hour; views with the same `what` share.

    Raises (within the view): TooManyRequests. While the cache is away nobody is limited: work must
    not stop with it.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def counted(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST":
                _count(request, times, what)
            return view(request, *args, **kwargs)

        return counted

    return decorate


def _count(request: HttpRequest, times: int, what: str) -> None:
    window, passed = divmod(int(time.time()), _WINDOW_SECONDS)
    key = f"limit:{what}:{request.user.pk}:{window}"
    try:
        cache.add(key, 0, timeout=_WINDOW_SECONDS)
        used = cache.incr(key)
    except (RedisError, ValueError):  # away, or pushed out between the two
        return
    if used > times:
        raise TooManyRequests(
            _("You did this %(times)s times within the hour; more is not possible.")
            % {"times": times},
            hint=_("Wait until the hour is over."),
            retry_after=_WINDOW_SECONDS - passed,
        )
