"""Requests for more quota. The provider answers them."""

from __future__ import annotations

from decimal import Decimal

from django.http import HttpResponse

from portal.api.answers import created, json_response, nothing
from portal.api.base import View
from portal.api.contract import PROJECT, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.scope import named_in
from portal.api.serializers import tenancy as shapes
from portal.api.serializers.common import TEXT, body, one_of
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.regions import queries as regions
from services.regions import requests
from services.spec import gettext_noop

_MAY = Permission.QUOTA_REQUEST
_LIMIT = {"type": "number", "exclusiveMinimum": 0, "maximum": 10_000_000}
_REASON = {"type": "string", "minLength": 1, "maxLength": 1000}


class QuotaRequests(View):
    @contract(
        gettext_noop("List requests for more quota"),
        {200: "QuotaRequest"},
        description=gettext_noop("Of all projects that you may see."),
        query=(PROJECT,),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        rows = requests.quota_requests_for(self.actor)
        if wanted := self.query.get("project"):
            rows = rows.filter(project=access.project(self.actor, wanted, Permission.PROJECT_VIEW))
        return paged(self, rows, Order(), shapes.quota_requests)

    @contract(
        gettext_noop("Ask for more quota"),
        {201: "QuotaRequest"},
        description=gettext_noop("`limit` is what the project needs in all."),
        permission=_MAY,
        body=body(
            {
                "project": TEXT,
                "region": TEXT,
                "name": one_of(*shapes.QUOTA_NAMES),
                "limit": _LIMIT,
                "reason": _REASON,
            },
            required=("project", "region", "name", "limit", "reason"),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        wanted = dict(self.body)
        wanted["project"] = access.project(self.actor, wanted["project"], _MAY)
        with named_in("region"):
            wanted["region"] = regions.region(wanted["region"])
        wanted["limit"] = Decimal(str(wanted["limit"]))

        def make() -> Made:
            id = requests.request_quota(actor=self.actor, **wanted).public_id
            return Made("quota-request", id, self._told(id))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        row = requests.quota_request_for(self.actor, id)
        return created(self.http, shapes.quota_request(row), "quota-request", id)


class QuotaRequest(View):
    @contract(gettext_noop("Read a request for more quota, and its answer"), {200: "QuotaRequest"})
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.quota_request(requests.quota_request_for(self.actor, id)))

    @contract(gettext_noop("Withdraw a request for more quota"), {204: ""}, permission=_MAY)
    def delete(self, request: object, id: str) -> HttpResponse:
        row = requests.quota_request_for(self.actor, id)
        requests.withdraw_quota_request(actor=self.actor, request=row)
        return nothing()
