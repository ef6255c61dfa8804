"""Who an organisation is on its invoices."""

from __future__ import annotations

from django.http import HttpResponse

from billing.identity import actions, queries
from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import contract
from portal.api.serializers import identity as shapes
from portal.api.serializers.common import body
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_P = Permission


class Identity(View):
    @contract(
        gettext_noop("Read the billing identity"),
        {200: "BillingIdentity"},
        permission=_P.COST_VIEW,
        description=gettext_noop("What invoices say of the organisation, and the VAT it pays."),
    )
    def get(self, request: object, slug: str) -> HttpResponse:
        organisation = access.organisation(self.actor, slug, _P.COST_VIEW)
        row = queries.identity_for(self.actor, organisation)
        return json_response(shapes.identity(organisation, row))

    @contract(
        gettext_noop("Change the billing identity"),
        {200: "BillingIdentity"},
        permission=_P.BILLING_MANAGE,
        description=gettext_noop(
            "What is left out stays. Another name, kind, country or VAT id has to be confirmed "
            "anew. Invoices that were issued stay as they are."
        ),
        body=body(shapes.FIELDS, least=1),
    )
    def patch(self, request: object, slug: str) -> HttpResponse:
        organisation = access.organisation(self.actor, slug, _P.BILLING_MANAGE)
        row = actions.update_identity(actor=self.actor, organisation=organisation, values=self.body)
        return json_response(shapes.identity(row.organisation, row))
