"""The bell and what a person wants to hear of."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import actor_of
from portal.console import notifications as building
from portal.console.page import go, page
from portal.console.scope import current_project
from portal.notifications import actions, queries


@login_required
@require_GET
def notifications(request: HttpRequest) -> HttpResponse:
    """GET /notifications/?unread=&page="""
    context = building.bell(actor_of(request), request.GET.dict())
    return page(request, "console/notifications.html", context, fragment="results")


@login_required
@require_GET
def bell(request: HttpRequest) -> HttpResponse:
    """GET /notifications/bell/?seen=N: the number of unread ones, or nothing when it is still N."""
    count = queries.unread_count(actor_of(request))
    if request.GET.get("seen") == str(count):
        return HttpResponse(status=204)
    return page(request, "_bell.html", {"unread": count, "swapped": True})


@login_required
@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """POST /notifications/read/: all of them."""
    actions.mark_read(actor=actor_of(request))
    return go(request, "console:notifications")


@login_required
@require_GET
def opened(request: HttpRequest, event: str) -> HttpResponse:
    """GET /notifications/EVENT/: read now, and on to what it is about."""
    path = actions.open_one(actor=actor_of(request), event=event)
    return go(request, path or "console:notifications")


@login_required
@require_http_methods(["GET", "POST"])
def preferences(request: HttpRequest) -> HttpResponse:
    """GET and POST /settings/notifications/: for each kind, bell and mail."""
    actor = actor_of(request)
    if request.method == "POST":
        sent = request.POST
        actions.choose(actor=actor, bell=sent.getlist("bell"), mail=sent.getlist("mail"))
        messages.success(request, _("Saved. It holds for everything from now on."))
        return go(request, "console:notification-settings")
    context = building.choices(actor, current_project(request, actor))
    return page(request, "console/settings_notifications.html", context)
