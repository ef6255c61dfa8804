"""Acts that want a recent proof of who is there: a look at secrets, destroying, handing out rights.

    @login_required
    @require_POST
    @fresh_sign_in
    def view(request): …

Whoever signed in or confirmed within `POLDER_REAUTHENTICATION_MINUTES` notices nothing. Everybody
else confirms first; what they sent waits in `portal.console.stash` and goes on with one click.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse

from portal.accounts.freshness import confirmation_address, is_fresh
from portal.console import stash
from portal.console.page import go

View = Callable[..., HttpResponse]


def fresh_sign_in(view: View) -> View:
    """Lets a POST through after a recent sign-in only. A GET, the page of the form, passes."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method != "POST" or is_fresh(request):
            return view(request, *args, **kwargs)
        there = urlencode({"next": stash.keep(request)})
        address = confirmation_address(request)
        return go(request, f"{address}{'&' if '?' in address else '?'}{there}")

    return guarded
