"""Reserved capacity."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _

from billing.commitments import actions
from billing.commitments import queries as reads
from billing.commitments.actions import Wanted
from portal.api.answers import created, json_response
from portal.api.base import View
from portal.api.contract import ORGANISATION, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.reading import decimal_of
from portal.api.scope import organisation_of
from portal.api.serializers import commitments as shapes
from portal.api.serializers.common import body
from portal.kernel.errors import Invalid
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_P = Permission


def _wanted(sent: Mapping[str, Any]) -> Wanted:
    """Raises: Invalid for a day that is none."""
    names = ("term", "offering", "plan", "pieces", "price_class", "region", "upfront_percent")
    try:
        start = date.fromisoformat(sent["start"]) if "start" in sent else None
    except ValueError as error:
        raise Invalid({"start": _("Write a day as YYYY-MM-DD.")}) from error
    quantities = {
        meter: decimal_of(q, f"quantities.{meter}")
        for meter, q in sent.get("quantities", {}).items()
    }
    given = {name: sent[name] for name in names if name in sent}
    return Wanted(**given, quantities=quantities, start=start)


class Commitments(View):
    @contract(
        gettext_noop("List commitments"),
        {200: "Commitment"},
        description=gettext_noop("What an organisation has reserved, newest first."),
        permission=_P.COST_VIEW,
        query=(ORGANISATION,),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        asked = self.query.get("organisation")
        organisation = organisation_of(self.actor, asked, _P.COST_VIEW)
        rows = reads.commitments_for(self.actor, organisation)
        return paged(self, rows.order_by(), Order(), shapes.commitments)

    @contract(
        gettext_noop("Reserve capacity"),
        {200: "CommitmentOffer", 201: "Commitment"},
        description=gettext_noop(
            "Pieces of a plan (`offering`, `plan`, `pieces`), quantities by meter of a price class "
            "(`price_class`, `quantities`), or the same again as an earlier one (`renews`). It "
            "cannot be taken back: `dry_run` says what it costs and would have saved."
        ),
        permission=_P.BILLING_MANAGE,
        body=body(shapes.FIELDS, least=1),
        once=True,
        dry_run=True,
    )
    def post(self, request: object) -> HttpResponse:
        organisation = organisation_of(self.actor, self.body.get("organisation"), _P.BILLING_MANAGE)
        before = None
        if "renews" in self.body:
            before = reads.commitment_for(self.actor, self.body["renews"], _P.BILLING_MANAGE)
        if self.query.get("dry_run"):
            wanted = actions.renewal_of(before) if before else _wanted(self.body)
            return json_response(
                shapes.offer(actions.reservation_for(self.actor, organisation, wanted))
            )

        def make() -> Made:
            if before is not None:
                row = actions.renew_commitment(
                    actor=self.actor,
                    commitment=before,
                    term=self.body.get("term", ""),
                    upfront_percent=self.body.get("upfront_percent"),
                )
            else:
                row = actions.purchase_commitment(
                    actor=self.actor, organisation=organisation, wanted=_wanted(self.body)
                )
            return Made("commitment", row.public_id, self._told(row.public_id))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        row = reads.commitment_for(self.actor, id)
        return created(self.http, shapes.commitment(row), "commitment", id)


class Commitment(View):
    @contract(gettext_noop("Read a commitment"), {200: "Commitment"}, permission=_P.COST_VIEW)
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.commitment(reads.commitment_for(self.actor, id)))
