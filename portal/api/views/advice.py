"""What could cost less: read it, follow it, put it away."""

from __future__ import annotations

from django.http import HttpResponse

from billing.advice import actions, queries
from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import ORGANISATION, PROJECT, Query, contract
from portal.api.pagination import Order, paged
from portal.api.scope import organisation_of
from portal.api.serializers import advice as shapes
from portal.api.serializers.common import INTEGER, TEXT, body
from portal.api.views.operations import started
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_P = Permission


class Advice(View):
    @contract(
        gettext_noop("List advice on what could cost less"),
        {200: "Advice"},
        description=gettext_noop(
            "Worked out each night. The saving is of a month of 730 hours at list price, net; the "
            "realised one is worked out 30 days after the advice was applied."
        ),
        permission=_P.COST_VIEW,
        listing=True,
        query=(
            ORGANISATION,
            PROJECT,
            Query("status", gettext_noop("Only in this state."), choices=tuple(queries.STATUSES)),
            Query("kind", gettext_noop("Only of this kind."), choices=tuple(queries.KINDS)),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        asked = self.query
        organisation = organisation_of(self.actor, asked.get("organisation"), _P.ORGANISATION_VIEW)
        filters = {name: asked.get(name, "") for name in ("status", "kind", "project")}
        rows = queries.advice_for(self.actor, organisation, **filters)
        return paged(self, rows, Order(), shapes.advice)


class OneAdvice(View):
    @contract(gettext_noop("Read one piece of advice"), {200: "Advice"}, permission=_P.COST_VIEW)
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.one(queries.advice_called(self.actor, id)))


class Apply(View):
    @contract(
        gettext_noop("Follow advice"),
        {202: "Operation"},
        description=gettext_noop("The ordinary change: another plan, or a pause."),
        permission=_P.INSTANCE_UPDATE,
        once=True,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = queries.advice_called(self.actor, id)
        return started(self, lambda: actions.apply_advice(actor=self.actor, advice=row))


class Dismiss(View):
    @contract(
        gettext_noop("Put advice away"),
        {200: "Advice"},
        description=gettext_noop("It is not found again for so many days: 30, 90 or 365."),
        permission=_P.INSTANCE_UPDATE,
        body=body({"reason": TEXT, "days": INTEGER}, required=("reason",)),
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = queries.advice_called(self.actor, id)
        done = actions.dismiss_advice(actor=self.actor, advice=row, **self.body)
        return json_response(shapes.one(done))
