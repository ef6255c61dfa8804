"""Budgets, and orders that wait for approval."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.urls import reverse

from billing.budgets import actions, queries
from billing.budgets.rehearsal import rehearse
from billing.budgets.rules import Threshold
from billing.orders import approvals
from portal.api.answers import created, json_response, nothing
from portal.api.base import View
from portal.api.contract import ORGANISATION, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order as By
from portal.api.pagination import paged
from portal.api.reading import decimal_of
from portal.api.scope import owned_by_organisation
from portal.api.serializers import budgets as shapes
from portal.api.serializers.common import TEXT, body
from portal.api.views.operations import accepted
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_P = Permission


def _wanted(sent: dict[str, Any]) -> dict[str, Any]:
    """The words of the body as the action takes them."""
    found = dict(sent)
    if "amount" in found:
        found["amount"] = decimal_of(found["amount"], "amount")
    if "thresholds" in found:
        found["thresholds"] = [Threshold(**one) for one in found["thresholds"]]
    for name in ("tag", "pauses"):
        if name in found:
            found[name] = (found[name]["key"], found[name]["value"])
    return found


def _shown(view: View, id: str) -> dict[str, Any]:
    return shapes.budget(queries.standings_of([queries.budget_for(view.actor, id)])[0])


class Budgets(View):
    @contract(
        gettext_noop("List budgets"),
        {200: "Budget"},
        permission=_P.COST_VIEW,
        description=gettext_noop("With what the month has cost and is expected to cost, net."),
        query=(ORGANISATION,),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        rows = queries.budgets_for(self.actor)
        if slug := self.query.get("organisation"):
            found = access.organisation(self.actor, slug, _P.ORGANISATION_VIEW)
            rows = rows.filter(organisation=found)
        return paged(
            self, rows, By(), lambda page: shapes.budgets(queries.standings_of(list(page)))
        )

    @contract(
        gettext_noop("Create a budget"),
        {201: "Budget"},
        permission=_P.BILLING_MANAGE,
        description=gettext_noop(
            "For `project`, for what carries `tag`, or without both for the organisation. Without "
            "thresholds it tells at 50, 80 and 100 % spent and at 100 % expected."
        ),
        query=(ORGANISATION,),
        body=body(
            {"organisation": TEXT, "project": TEXT, "tag": shapes.TAG, **shapes.FIELDS},
            required=("name", "amount"),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        wanted = _wanted(owned_by_organisation(self, _P.BILLING_MANAGE))

        def make() -> Made:
            row = actions.create_budget(actor=self.actor, **wanted)
            return Made("budget", row.public_id, self._told(row.public_id))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        return created(self.http, _shown(self, id), "budget", id)


class Budget(View):
    @contract(gettext_noop("Read a budget"), {200: "Budget"}, permission=_P.COST_VIEW)
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(_shown(self, id))

    @contract(
        gettext_noop("Change a budget"),
        {200: "Budget"},
        permission=_P.BILLING_MANAGE,
        description=gettext_noop(
            "What is left out stays. After a raise, thresholds that are no longer reached are told "
            "again when they are."
        ),
        body=body(shapes.FIELDS, least=1),
    )
    def patch(self, request: object, id: str) -> HttpResponse:
        row = queries.budget_for(self.actor, id)
        actions.update_budget(actor=self.actor, budget=row, **_wanted(self.body))
        return json_response(_shown(self, id))

    @contract(gettext_noop("Delete a budget"), {204: ""}, permission=_P.BILLING_MANAGE)
    def delete(self, request: object, id: str) -> HttpResponse:
        actions.delete_budget(actor=self.actor, budget=queries.budget_for(self.actor, id))
        return nothing()


class DryRun(View):
    @contract(
        gettext_noop("See what a budget would do now"),
        {200: "BudgetDryRun"},
        permission=_P.COST_VIEW,
        description=gettext_noop(
            "Who would be told, what orders get, and which services would be paused. Writes "
            "nothing."
        ),
    )
    def post(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.rehearsal(rehearse(queries.budget_for(self.actor, id))))


class Orders(View):
    @contract(
        gettext_noop("List orders that wait for approval"),
        {200: "Order"},
        permission=_P.COST_VIEW,
        query=(ORGANISATION,),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        rows = queries.awaiting_for(self.actor).select_related("operation")
        if slug := self.query.get("organisation"):
            found = access.organisation(self.actor, slug, _P.ORGANISATION_VIEW)
            rows = rows.filter(organisation=found)
        return paged(self, rows, By(), shapes.orders)


class Order(View):
    @contract(
        gettext_noop("Read an order that needed approval"), {200: "Order"}, permission=_P.COST_VIEW
    )
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.order(queries.order_for(self.actor, id)))


class Approve(View):
    @contract(
        gettext_noop("Approve an order"),
        {202: "Operation"},
        permission=_P.BILLING_MANAGE,
        description=gettext_noop("It is placed as whoever ordered, at today's price."),
    )
    def post(self, request: object, id: str) -> HttpResponse:
        order = queries.order_for(self.actor, id)
        return accepted(self, approvals.approve_order(actor=self.actor, order=order))


class Refuse(View):
    @contract(
        gettext_noop("Refuse an order"),
        {200: "Order"},
        permission=_P.BILLING_MANAGE,
        body=body({"reason": {"type": "string", "maxLength": 500}}),
    )
    def post(self, request: object, id: str) -> HttpResponse:
        order = queries.order_for(self.actor, id)
        reason = self.body.get("reason", "")
        approvals.refuse_order(actor=self.actor, order=order, reason=reason)
        return json_response(shapes.order(queries.order_for(self.actor, id)))


def awaiting(view: View, id: str) -> HttpResponse:
    """202 with an order that waits, and where to ask for it."""
    location = view.http.build_absolute_uri(reverse("api:order", args=[id]))
    shown = shapes.order(queries.order_for(view.actor, id))
    return json_response(shown, 202, headers={"Location": location})
