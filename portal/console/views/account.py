"""The reader's own account: profile, sessions, data, its end.

E-mail addresses, password and second factors are django-allauth's views under templates of ours.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts import actions
from portal.accounts.actors import actor_of
from portal.accounts.models import User
from portal.console import account as building
from portal.console.limits import at_most
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.kernel.errors import Invalid
from portal.privacy.actions import delete_account
from portal.privacy.queries import personal_data


def _user(request: HttpRequest) -> User:
    """The person of a view that demands a login."""
    assert isinstance(request.user, User)  # noqa: S101  # for the type checker
    return request.user


@login_required
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """GET and POST /account/ (name, language)"""
    errors: dict[str, str] = {}
    if request.method == "POST":
        name, language = request.POST.get("name", ""), request.POST.get("language", "")
        user = _user(request)
        try:
            actions.update_profile(actor=actor_of(request), user=user, name=name, language=language)
        except Invalid as error:
            errors = error.fields
        else:
            with override(language or get_language()):
                messages.success(request, _("Saved."))
            return go(request, "console:account")
    context = building.profile(_user(request), request.POST.dict() if errors else None, errors)
    return page(request, "console/account.html", context, status=422 if errors else 200)


@login_required
@never_cache
@require_GET
def sessions(request: HttpRequest) -> HttpResponse:
    """GET /account/sessions/"""
    context = building.sessions(request, _user(request))
    return page(request, "console/account_sessions.html", context)


@login_required
@require_POST
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """POST /account/sessions/ID/end/"""
    actions.end_session(actor=actor_of(request), user=_user(request), session_id=session_id)
    messages.success(request, _("That session is signed out."))
    return go(request, "console:account-sessions")


@login_required
@require_POST
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    """POST /account/sessions/end/: all but this one."""
    here = request.session.session_key or ""
    count = actions.end_other_sessions(actor=actor_of(request), user=_user(request), here=here)
    messages.success(request, _("Sessions signed out: %(count)s.") % {"count": count})
    return go(request, "console:account-sessions")


@login_required
@never_cache
@require_GET
def data(request: HttpRequest) -> HttpResponse:
    """GET /account/data/"""
    return page(request, "console/account_data.html", building.data(_user(request)))


@login_required
@never_cache
@require_POST
@fresh_sign_in
@at_most(10, "export")
def export(request: HttpRequest) -> HttpResponse:
    """POST /account/data/export/: everything as one JSON file."""
    found = personal_data(_user(request))
    response = JsonResponse(found, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="polder-account.json"'
    return response


@login_required
@require_POST
@fresh_sign_in
def delete(request: HttpRequest) -> HttpResponse:
    """POST /account/delete/ (email): 422 unless the address is typed as it is."""
    user = _user(request)
    if request.POST.get("email", "").strip().lower() != user.email:
        errors = {"email": _("Type “%(email)s”, your address.") % {"email": user.email}}
        context = building.data(user, errors)
        return page(request, "console/account_data.html", context, status=422)
    delete_account(actor=actor_of(request), user=user)
    logout(request)
    messages.success(request, _("Your account is deleted."))
    return go(request, "account_login")
