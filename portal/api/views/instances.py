"""Instances: order, read, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpResponse

from billing.orders import approvals, ordering
from portal.api.answers import check_if_match, etag_of, json_response
from portal.api.base import View
from portal.api.contract import Query, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Hot, chosen_order, paged
from portal.api.reading import read_if_match
from portal.api.scope import entry_called, region_for
from portal.api.serializers import billing as money
from portal.api.serializers import instances as shapes
from portal.api.serializers.common import BOOLEAN, TAGS, TEXT, body, one_of
from portal.api.views.budgets import awaiting
from portal.api.views.operations import accepted
from portal.kernel.errors import ApprovalNeeded, Invalid
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import actions, listing, queries, windows
from services.instances.admission import Wanted
from services.instances.operations import operation_for
from services.instances.states import Phase
from services.regions.queries import quota_left
from services.spec import gettext_noop

if TYPE_CHECKING:
    from services.instances.models import Instance as Row
    from services.instances.models import Operation

_P = Permission
_NAME = {"type": "string", "pattern": "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$", "maxLength": 200}
_PARAMETERS = {
    "type": "object",
    "description": gettext_noop(
        "As the offering's `parameters` say; what is left out keeps its value."
    ),
}
_TAGS = {
    **TAGS,
    "maxProperties": 20,
    "propertyNames": {"pattern": "^[a-z][a-z0-9_.-]{0,39}$"},
    "additionalProperties": {"type": "string", "maxLength": 80},
}
_CHANGEABLE = {"plan": TEXT, "version": TEXT, "parameters": _PARAMETERS, "tags": _TAGS}
_SPOT = {
    **BOOLEAN,
    "description": gettext_noop(
        "On spare capacity: for less than list, and paused with two minutes' notice when it is "
        "needed. Fixed from then on."
    ),
}
ORDER = body(
    {"offering": TEXT, "region": TEXT, "name": _NAME, **_CHANGEABLE, "spot": _SPOT},
    required=("offering", "name"),
)
_WINDOW = {
    "window_day": {
        **one_of(*windows.DAYS),
        "description": gettext_noop("On which maintenance may begin, by the project's clock."),
    },
    "window_hour": {
        "type": "integer",
        "minimum": 0,
        "maximum": 23,
        "description": gettext_noop("When the four hours begin in which maintenance may begin."),
    },
}
CHANGE = body({**_CHANGEABLE, "name": _NAME, "protected": BOOLEAN, **_WINDOW}, least=1)
_PAID, _AT_ONCE = ("plan", "version", "parameters"), ("name", "tags", "protected", *_WINDOW)
_ORDERS = {"created_at": "", "name": "name", "updated_at": "updated_at"}
_FILTERS = (
    Query("region", gettext_noop("Only in this region.")),
    Query("offering", gettext_noop("Only of this offering.")),
    Query(
        "phase",
        gettext_noop("Only in this phase; `deleted` shows what is gone."),
        choices=tuple(Phase.values),
    ),
    Query("tag", gettext_noop("Only with this tag: `key` or `key:value`."), "text", maximum=121),
)


class Instances(View):
    @contract(
        gettext_noop("List services"),
        {200: "Instance"},
        permission=_P.INSTANCE_VIEW,
        listing=True,
        orders=tuple(_ORDERS),
        query=(
            Query("organisation", gettext_noop("Only of this organisation.")),
            Query("project", gettext_noop("Only of this project.")),
            *_FILTERS,
        ),
    )
    def get(self, request: object) -> HttpResponse:
        return _list(self)


class ProjectInstances(View):
    @contract(
        gettext_noop("List the services of a project"),
        {200: "Instance"},
        permission=_P.INSTANCE_VIEW,
        listing=True,
        orders=tuple(_ORDERS),
        query=_FILTERS,
    )
    def get(self, request: object, slug: str) -> HttpResponse:
        access.project(self.actor, slug, _P.INSTANCE_VIEW)
        return _list(self, project=slug)

    @contract(
        gettext_noop("Order a service"),
        {202: "Operation|Order", 200: "DryRun"},
        description=gettext_noop(
            "What is left out takes the default of the offering. Where a budget asks for approval, "
            "the answer is an order that waits for it."
        ),
        permission=_P.INSTANCE_CREATE,
        body=ORDER,
        once=True,
        dry_run=True,
    )
    def post(self, request: object, slug: str) -> HttpResponse:
        project = access.project(self.actor, slug, _P.INSTANCE_CREATE)
        asked: dict[str, Any] = dict(self.body)
        entry = entry_called(asked.pop("offering"))
        region = region_for(entry, asked.pop("region", None))
        wanted = Wanted(project=project, entry=entry, region=region, **asked)
        if self.dry_run:
            return _told(ordering.preview_order(actor=self.actor, wanted=wanted))
        return _ordered(self, wanted)


class Instance(View):
    @contract(
        gettext_noop("Read a service"),
        {200: "Instance"},
        permission=_P.INSTANCE_VIEW,
        versioned=True,
    )
    def get(self, request: object, id: str) -> HttpResponse:
        return _shown(queries.instance_for(self.actor, id))

    @contract(
        gettext_noop("Change a service"),
        {202: "Operation", 200: "Instance|DryRun"},
        description=gettext_noop(
            "Name, tags, protection and window change at once (200); plan, version and parameters "
            "by an operation (202)."
        ),
        permission=_P.INSTANCE_UPDATE,
        body=CHANGE,
        guarded=True,
        versioned=True,
        dry_run=True,
    )
    @transaction.atomic
    def patch(self, request: object, id: str) -> HttpResponse:
        row = _held(self, id, _P.INSTANCE_UPDATE)
        paid = {name: self.body[name] for name in _PAID if name in self.body}
        at_once = {name: self.body[name] for name in _AT_ONCE if name in self.body}
        if self.dry_run:
            return _told(ordering.preview_change(actor=self.actor, instance=row, **paid))
        if at_once:
            actions.edit(actor=self.actor, instance=row, **at_once)
        if paid:
            return accepted(self, ordering.change_order(actor=self.actor, instance=row, **paid))
        return _shown(queries.instance_for(self.actor, id))

    @contract(
        gettext_noop("Delete a service"),
        {202: "Operation", 200: "DryRun"},
        description=gettext_noop(
            "Into the bin, from which it can be brought back; with `purge=true` it is destroyed "
            "now, with its data. Its protection must be off."
        ),
        permission=_P.INSTANCE_DELETE,
        query=(Query("purge", gettext_noop("`true` destroys it now."), "boolean"),),
        guarded=True,
        dry_run=True,
    )
    @transaction.atomic
    def delete(self, request: object, id: str) -> HttpResponse:
        row = _held(self, id, _P.INSTANCE_DELETE)
        act = actions.purge if self.query.get("purge") else actions.delete
        operation = act(actor=self.actor, instance=row)
        if self.dry_run:
            return _undone(row, operation)
        return accepted(self, operation)


def _ordered(view: View, wanted: Wanted) -> HttpResponse:
    """The operation that makes it, or the order that waits for approval of it."""

    def make() -> Made:
        try:
            row = ordering.place_order(actor=view.actor, wanted=wanted)
        except ApprovalNeeded:
            id = approvals.ask_to_order(actor=view.actor, wanted=wanted).public_id
            return Made("order", id, awaiting(view, id))
        return Made("operation", row.public_id, accepted(view, row))

    def again(id: str) -> HttpResponse:
        if id.startswith("or-"):
            return awaiting(view, id)
        return accepted(view, operation_for(view.actor, id))

    return once(view, make, again)


def _list(view: View, project: str | None = None) -> HttpResponse:
    names = ("region", "offering", "phase", "tag")
    filters = {name: view.query[name] for name in names if name in view.query}
    places = listing.places_for(
        view.actor,
        organisation=view.query.get("organisation"),
        project=project or view.query.get("project"),
    )
    hot = Hot(
        key=tuple(filters),
        build=lambda marks: listing.rows_in(marks["places"], shapes.ROW, filters_of(marks)),
        values={"places": list(places), **filters},
    )

    def filters_of(marks: Mapping[str, Any]) -> dict[str, Any]:
        return {name: marks[name] for name in filters}

    # What a tag becomes is no plain value, so its query is compiled anew.
    rows = listing.rows_in(places, shapes.ROW, filters) if "tag" in filters else hot
    order = chosen_order(view, _ORDERS)
    return paged(view, rows, order, lambda page: shapes.instances(page, places))


def _held(view: View, id: str, permission: Permission) -> Row:
    """Locked, so that `If-Match` still holds when it is changed. Raises: PreconditionFailed."""
    row = queries.instance_for(view.actor, id, permission, lock=True)
    check_if_match(read_if_match(view.http), etag_of(shapes.row_of(row)))
    return row


def _shown(row: Row) -> HttpResponse:
    open_one = next(iter(getattr(row, "open_ones", [])), None)
    etag = etag_of(shapes.row_of(row))
    return json_response(shapes.one_instance(row, open_one), headers={"ETag": etag})


def _told(found: ordering.Preview) -> HttpResponse:
    """What a dry run says. Raises: Invalid with the faults that the real thing would meet."""
    if found.faults:
        raise Invalid(found.faults)
    return json_response(money.preview(found))


def _undone(row: Row, operation: Operation) -> HttpResponse:
    """What the deletion that was just begun would mean; the transaction that holds it is rolled
    back.
    """
    destroys = ["server", "data", "credentials"] if operation.kind == "purge" else []
    quota = money.quota(quota_left(row.project, row.region))
    transaction.set_rollback(True)  # no query can follow
    said = {"quote": None, "quota": quota, "effect": "none", "destroys": destroys, "budgets": []}
    return json_response(said)
