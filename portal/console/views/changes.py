"""What a person does to a service: each a POST that opens an operation and goes back to its
page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from billing.orders import ordering
from portal.accounts.actors import actor_of
from portal.console import acts, orders, tags, upgrading, window
from portal.console import service as building
from portal.console.forms import raw_parameters
from portal.console.page import go, page
from portal.console.reauthentication import fresh_sign_in
from portal.kernel.errors import ApprovalNeeded, BudgetExceeded, Invalid, QuotaExceeded
from portal.tenancy.permissions import Permission
from services.instances import actions, queries
from services.instances.specs import entry_of

Do = Callable[..., object]


def _one(
    request: HttpRequest, public_id: str, permission: Permission = Permission.INSTANCE_VIEW
) -> Any:
    instance = queries.instance_for(actor_of(request), public_id, permission)
    request.project = instance.project  # type: ignore[attr-defined]  # read by the shell
    return instance


def _simply(do: Do) -> Callable[[HttpRequest, str], HttpResponse]:
    """A view that does one thing to a service and goes back to it."""

    @login_required
    @require_POST
    def view(request: HttpRequest, public_id: str) -> HttpResponse:
        do(actor=actor_of(request), instance=_one(request, public_id))
        return go(request, "console:service", public_id)

    return view


def _asking(
    do: Do, describe: Callable[[Any], acts.Act]
) -> Callable[[HttpRequest, str], HttpResponse]:
    """A view whose GET says what would happen, and whose POST does it."""

    @login_required
    @require_http_methods(["GET", "POST"])
    def view(request: HttpRequest, public_id: str) -> HttpResponse:
        actor = actor_of(request)
        instance = _one(request, public_id, Permission.INSTANCE_UPDATE)
        if request.method == "POST":
            do(actor=actor, instance=instance)
            return go(request, "console:service", public_id)
        context = building.frame(actor, instance, "overview") | {"act": describe(instance)}
        return page(request, "console/service_act.html", context)

    return view


pause = _asking(actions.pause, acts.pause)
rotate = _asking(actions.rotate, acts.rotate)
resume = _simply(ordering.resume_order)
undelete = _simply(ordering.undelete_order)


@login_required
@require_POST
def change(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /services/ID/change/: another plan or other parameters; 422 with what is wrong."""
    actor, instance = actor_of(request), _one(request, public_id)
    entry, region = entry_of(instance), instance.region
    try:
        ordering.change_order(
            actor=actor,
            instance=instance,
            plan=request.POST.get("plan") or None,
            parameters=raw_parameters(entry.offering, request.POST, region=region, changing=True),
        )
    except (Invalid, QuotaExceeded, BudgetExceeded, ApprovalNeeded) as error:
        errors = error.fields if isinstance(error, Invalid) else {"quota": error.text}
        context = building.frame(actor, instance, "settings")
        context |= orders.change_form(actor, instance, entry, request.POST, errors)
        return page(
            request, "console/service_settings.html", context, fragment="change", status=422
        )
    return go(request, "console:service", public_id)


@login_required
@require_http_methods(["GET", "POST"])
def upgrade(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /services/ID/upgrade/ (version, runs): what a newer version means, then the
    operation; 422 where another version runs than the reader saw.
    """
    actor = actor_of(request)
    instance = _one(request, public_id, Permission.INSTANCE_UPDATE)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            upgrading.upgrade(actor, instance, request.POST)
            return go(request, "console:service", public_id)
        except Invalid as error:
            errors = error.fields
    context = building.frame(actor, instance, "settings") | {"errors": errors}
    context["to"] = to = upgrading.wanted(instance, request.POST or request.GET)
    context["act"] = upgrading.act(actor, instance, to) if to else None
    status = 422 if errors else 200
    return page(request, "console/service_upgrade.html", context, status=status)


@login_required
@require_POST
def edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """POST /services/ID/edit/: name, tags, window and protection, at once."""
    actor, instance = actor_of(request), _one(request, public_id)
    try:
        actions.edit(
            actor=actor,
            instance=instance,
            name=request.POST.get("name", instance.name).strip(),
            tags=tags.typed(request.POST),
            protected="protected" in request.POST,
            **window.typed(request.POST),
        )
    except Invalid as error:
        context = building.frame(actor, instance, "settings")
        context |= orders.change_form(actor, instance, entry_of(instance), request.GET, {})
        context |= {"edit_errors": error.fields, "tag_rows": tags.typed_rows(request.POST)}
        context |= {"typed_name": request.POST.get("name", "")}
        return page(request, "console/service_settings.html", context, fragment="edit", status=422)
    messages.success(request, _("Saved."))
    return go(request, "console:service-settings", public_id)


@login_required
@require_http_methods(["GET", "POST"])
@fresh_sign_in
def delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET and POST /services/ID/delete/: what is lost, the name typed, then into the bin or
    destroyed now.
    """
    actor = actor_of(request)
    instance = _one(request, public_id, Permission.INSTANCE_DELETE)
    errors = _delete_faults(request, instance) if request.method == "POST" else {}
    if request.method == "POST" and not errors:
        _delete(request, actor, instance)
        return go(request, "console:service", public_id)
    context = building.frame(actor, instance, "settings") | {"errors": errors}
    context["act"] = acts.delete(instance, settings.POLDER_BIN.days)
    context["final"] = acts.is_final(instance)
    status = 422 if errors else 200
    return page(request, "console/service_delete.html", context, fragment="form", status=status)


def _delete_faults(request: HttpRequest, instance: Any) -> dict[str, str]:
    faults: dict[str, str] = {}
    if request.POST.get("name", "").strip() != instance.name:
        faults["name"] = _("Type “%(name)s”, the name of the service.") % {"name": instance.name}
    if instance.protected and "unprotect" not in request.POST:
        faults["unprotect"] = _("Switch the protection off to go on.")
    return faults


def _delete(request: HttpRequest, actor: Any, instance: Any) -> None:
    if instance.protected:
        instance = actions.edit(actor=actor, instance=instance, protected=False)
    if instance.delete_at is not None or "purge" in request.POST:
        actions.purge(actor=actor, instance=instance)
    else:
        actions.delete(actor=actor, instance=instance)
