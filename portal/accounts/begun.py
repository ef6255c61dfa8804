"""Sign-in by an account elsewhere begins with a click here: no page of another site may send
somebody through it, who would then be signed in without having asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

_ELSEWHERE = ("cross-site", "same-site")
View = Callable[..., HttpResponse]


def begun_here(view: View) -> View:
    """Whoever comes from another site lands on the sign-in page, where the way on is one click.

    Browsers have told where a request comes from since 2023 (`Sec-Fetch-Site`); what does not is
    let through.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.headers.get("Sec-Fetch-Site") in _ELSEWHERE:
            return redirect("account_login")
        return view(request, *args, **kwargs)

    return guarded
