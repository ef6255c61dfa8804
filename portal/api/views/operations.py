"""Operations: read, try again, cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.urls import reverse

from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import Query, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import chosen_order, paged
from portal.api.serializers import operations as shapes
from portal.tenancy.permissions import Permission
from services.instances import actions
from services.instances.operations import operation_for, operations_for
from services.instances.states import OPEN
from services.spec import gettext_noop

if TYPE_CHECKING:
    from services.instances.models import Operation as Row


class Operations(View):
    @contract(
        gettext_noop("List operations"),
        {200: "Operation"},
        permission=Permission.OPERATION_VIEW,
        listing=True,
        orders=("created_at",),
        query=(
            Query("organisation", gettext_noop("Only of this organisation.")),
            Query("project", gettext_noop("Only of this project.")),
            Query("instance", gettext_noop("Only of this service.")),
            Query("state", gettext_noop("Only in this state."), choices=shapes.STATES),
            Query("kind", gettext_noop("Only of this kind."), choices=shapes.KINDS),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        names = ("organisation", "project", "instance", "state", "kind")
        rows = operations_for(self.actor, **{n: self.query.get(n) for n in names})
        return paged(self, rows, chosen_order(self, {"created_at": ""}), shapes.operations)


class Operation(View):
    @contract(
        gettext_noop("Read an operation"),
        {200: "Operation"},
        description=gettext_noop("Poll this until `state` is succeeded, failed or cancelled."),
        permission=Permission.OPERATION_VIEW,
    )
    def get(self, request: object, id: str) -> HttpResponse:
        found = operation_for(self.actor, id)
        response = json_response(shapes.operation(found))
        if found.state in OPEN:
            response["Retry-After"] = "1"
        return response


class Retry(View):
    @contract(
        gettext_noop("Try a failed operation again"),
        {202: "Operation"},
        description=gettext_noop("A new operation with the goal of the old one."),
        permission=Permission.OPERATION_MANAGE,
        once=True,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        found = operation_for(self.actor, id, Permission.OPERATION_MANAGE)
        return started(self, lambda: actions.retry(actor=self.actor, operation=found))


class Cancel(View):
    @contract(
        gettext_noop("Cancel an operation"),
        {202: "Operation"},
        description=gettext_noop(
            "What was begun is undone, then the operation is cancelled. Not possible past its "
            "point of no return."
        ),
        permission=Permission.OPERATION_MANAGE,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        found = operation_for(self.actor, id, Permission.OPERATION_MANAGE)
        actions.cancel(actor=self.actor, operation=found)
        return accepted(self, operation_for(self.actor, id))


def accepted(view: View, row: Row) -> HttpResponse:
    """202 with the operation and where to ask for it."""
    location = view.http.build_absolute_uri(reverse("api:operation", args=[row.public_id]))
    headers = {"Location": location, "Retry-After": "1"}
    return json_response(shapes.operation(row), 202, headers=headers)


def started(view: View, act: Callable[[], Row]) -> HttpResponse:
    """The answer to a POST that opens an operation, once for each Idempotency-Key."""

    def make() -> Made:
        row = act()
        return Made("operation", row.public_id, accepted(view, row))

    return once(view, make, lambda id: accepted(view, operation_for(view.actor, id)))
