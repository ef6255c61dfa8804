"""Who passes to the provider's pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from portal.kernel.errors import NotPermitted

View = Callable[..., HttpResponse]


def staff_only(view: View) -> View:
    """For signed-in staff; nothing is kept by browsers, since it may be anybody's data.

    The view raises NotPermitted for everybody else.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not getattr(request.user, "is_staff", False):
            raise NotPermitted(
                _("These pages are for the provider's staff."),
                hint=_("Your own services are under Overview."),
            )
        return view(request, *args, **kwargs)

    return never_cache(login_required(guarded))
