"""Looking as somebody else: begin, be allowed to change things, end."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from portal.accounts import impersonation as session
from portal.accounts.actors import staff_actor
from portal.accounts.impersonation import Looking
from portal.console.attempts import attempt
from portal.console.impersonating import finish
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.staff.door import staff_only
from portal.kernel.errors import NotFound
from portal.tenancy import impersonation as doing
from portal.tenancy import oversight


@staff_only
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def look(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET, POST /staff/people/ID/look/ (reason): ID is a membership of the person."""
    actor, reason = staff_actor(request), request.POST.get("reason", "")
    member = oversight.member(actor, public_id)
    errors: dict[str, str] = {}
    if request.method == "POST":
        until, errors = attempt(
            lambda: doing.start_impersonation(actor=actor, user=member.user, reason=reason)
        )
        if until is not None:
            back = resolve_url("console:staff-people", member.organisation.slug)
            session.begin(request, member.user, until, back)
            return go(request, "console:overview")
    context = {"member": member, "errors": errors, "reason": reason, "minutes": _MINUTES}
    return page(request, "console/staff/look.html", context, status=422 if errors else 200)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def changes(request: HttpRequest) -> HttpResponse:
    """GET, POST /looking/changes/ (reason): for administrators of the provider."""
    looking, reason = _looking(request), request.POST.get("reason", "")
    errors: dict[str, str] = {}
    if request.method == "POST" or not looking.staff.is_superuser:
        _done, errors = attempt(lambda: _allow(request, looking, reason))
        if not errors:
            return go(request, "console:overview")
    context = {"looking": looking, "errors": errors, "reason": reason}
    return page(request, "console/staff/changes.html", context, status=422 if errors else 200)


@login_required
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """POST /looking/end/"""
    looking = _looking(request)
    finish(request, looking, "ended")
    messages.success(request, _("You are yourself again."))
    return go(request, looking.back)


_MINUTES = int(doing.LASTS.total_seconds() // 60)


def _looking(request: HttpRequest) -> Looking:
    found = session.looking_of(request)
    if found is None:
        raise NotFound(
            _("You are not looking as somebody else."), hint=_("Nothing has to be done.")
        )
    return found


def _allow(request: HttpRequest, looking: Looking, reason: str) -> bool:
    doing.allow_changes(
        actor=staff_actor(request, looking.staff),
        user=looking.user,
        is_superuser=looking.staff.is_superuser,
        reason=reason,
    )
    session.allow_changes(request)
    return True
