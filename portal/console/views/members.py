"""Members: the list, one of them, inviting, and what each role may do."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts.actors import actor_of
from portal.console import members as building
from portal.console.attempts import attempt
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.console.scope import require_project
from portal.kernel.actor import Actor
from portal.tenancy import access, invitations, members, queries
from portal.tenancy.permissions import Permission

_P = Permission


@login_required
@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """GET /members/?organisation=&q=&page=: of an organisation, or where one works."""
    actor, slug = actor_of(request), request.GET.get("organisation", "")
    project = None if slug else require_project(request, actor)
    organisation = (
        project.organisation if project else access.organisation(actor, slug, _P.MEMBER_VIEW)
    )
    context = building.listing(actor, organisation, project, request.GET.dict())
    return page(request, "console/members.html", context, fragment="results")


@login_required
@require_GET
def roles(request: HttpRequest) -> HttpResponse:
    """GET /members/roles/"""
    return page(request, "console/roles.html", building.roles())


@login_required
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def member(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /members/ID/ (role, until): 422 with what is wrong."""
    actor = actor_of(request)
    found = queries.member_for(actor, public_id)
    typed: dict[str, str] = {}
    errors: dict[str, str] = {}
    if request.method == "POST":
        typed = {name: request.POST.get(name, "") for name in ("role", "until")}
        done, errors = attempt(lambda: _change(actor, found, typed))
        if done is not None:
            messages.success(request, _("%(name)s is changed.") % {"name": done.user})
            return go(request, "console:member", public_id)
    context = building.member(actor, found, typed, errors)
    status = 422 if errors else 200
    return page(request, "console/member.html", context, fragment="form", status=status)


def _change(actor: Actor, found: Any, typed: dict[str, str]) -> Any:
    until = building.read_until(typed["until"], "expires_at")
    role = typed["role"] if typed["role"] != found.role else None
    return members.change_member(
        actor=actor,
        member=found,
        role=role,
        expires_at=until if until != found.expires_at else None,
        forever=until is None and found.expires_at is not None,
    )


@login_required
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def remove(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /members/ID/remove/: what ends with it; also for leaving oneself."""
    actor = actor_of(request)
    found = queries.member_for(actor, public_id)
    if request.method == "POST":
        members.remove_member(actor=actor, member=found)
        place = found.project or found.organisation
        if found.user_id == actor.user_id:
            messages.success(request, _("You have left %(place)s.") % {"place": place})
            return go(request, "console:overview")
        said = _("%(name)s is no longer in %(place)s.") % {"name": found.user, "place": place}
        messages.success(request, said)
        return go(request, "console:members")
    return page(request, "console/member_remove.html", building.removal(actor, found))


@login_required
@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    """GET and POST /members/invite/ (project, email, where, role, until): 422 with faults."""
    actor = actor_of(request)
    slug = request.POST.get("project", "")
    project = (
        access.project(actor, slug, _P.MEMBER_MANAGE) if slug else require_project(request, actor)
    )
    errors: dict[str, str] = {}
    if request.method == "POST":
        made, errors = attempt(lambda: _invite(actor, project, request.POST.dict()))
        if made is not None:
            _say_sent(request, made)
            return go(request, "console:members")
    context = building.invitation_form(actor, project, request.POST.dict(), errors)
    status = 422 if errors else 200
    return page(request, "console/invite.html", context, fragment="form", status=status)


def _invite(actor: Actor, project: Any, typed: dict[str, str]) -> Any:
    return invitations.invite(
        actor=actor,
        organisation=project.organisation,
        project=None if typed.get("where") == building.WHOLE else project,
        email=typed.get("email", ""),
        role=typed.get("role", ""),
        member_expires_at=building.read_until(typed.get("until", ""), "member_expires_at"),
    )


@login_required
@require_POST
def resend(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /members/invitations/ID/resend/"""
    actor = actor_of(request)
    found = queries.invitation_for(actor, public_id)
    sent, errors = attempt(lambda: invitations.resend_invitation(actor=actor, invitation=found))
    if sent is not None:
        _say_sent(request, sent)
    for text in errors.values():
        messages.warning(request, text)
    return go(request, "console:members")


@login_required
@require_POST
def withdraw(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /members/invitations/ID/withdraw/"""
    actor = actor_of(request)
    found = queries.invitation_for(actor, public_id)
    invitations.withdraw_invitation(actor=actor, invitation=found)
    said = _("The invitation of %(email)s is withdrawn.") % {"email": found.email}
    messages.success(request, said)
    return go(request, "console:members")


def _say_sent(request: HttpRequest, invitation: Any) -> None:
    values = {"email": invitation.email, "days": invitations.HOLDS.days}
    if invitation.sent_at is None:
        text = _(
            "%(email)s is invited, but the mail did not leave. Send it again in a few minutes."
        )
        messages.warning(request, text % values)
    else:
        text = _("A mail is on its way to %(email)s. Its link works for %(days)s days.")
        messages.success(request, text % values)
