"""How promises were kept."""

from __future__ import annotations

from datetime import date

from django.http import HttpResponse
from django.utils.translation import gettext as _

from billing.sla import reports
from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import ORGANISATION, Query, contract
from portal.api.errors import Fault, InvalidQuery
from portal.api.scope import organisation_of
from portal.api.serializers import sla as shapes
from portal.kernel import clock
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop


class Sla(View):
    @contract(
        gettext_noop("Read how promises were kept"),
        {200: "SlaReports"},
        description=gettext_noop(
            "Each service in a calendar month (UTC), this one when left out: what was promised, "
            "what was measured, minutes lost with their incidents, and the credit with its "
            "arithmetic. A month that is not settled may change; its credit is what it would be "
            "if the month ended now."
        ),
        permission=Permission.COST_VIEW,
        query=(
            ORGANISATION,
            Query("month", gettext_noop("`YYYY-MM`."), "text", maximum=7),
            Query("instance", gettext_noop("Only of this service.")),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        asked = self.query
        organisation = organisation_of(
            self.actor, asked.get("organisation"), Permission.ORGANISATION_VIEW
        )
        month, instance = _month(asked.get("month", "")), asked.get("instance", "")
        found = reports.reports_for(self.actor, organisation, month, instance=instance)
        return json_response({"results": shapes.reports(found)})


def _month(text: str) -> date:
    """Raises: InvalidQuery."""
    now = clock.now().date().replace(day=1)
    if not text:
        return now
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        month = date.max
    if month.year <= 2000 or month > now:
        detail = _("Give a month that has begun, as YYYY-MM.")
        raise InvalidQuery([Fault(pointer="?month", code="invalid", detail=detail)])
    return month
