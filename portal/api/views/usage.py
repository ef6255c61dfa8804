"""What meters report, and what services used."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.http import HttpResponse
from django.utils.translation import gettext as _

from billing.usage import ingestion, meter_keys
from billing.usage import queries as usage
from portal.api.answers import json_response
from portal.api.authentication import MeterAuthentication
from portal.api.base import View
from portal.api.batches import read_batch
from portal.api.contract import ORGANISATION, Query, contract
from portal.api.pagination import Order, paged, paged_list
from portal.api.scope import asked_in_query, organisation_of
from portal.api.serializers import usage as shapes
from portal.kernel import clock
from portal.kernel.errors import Invalid
from portal.tenancy.permissions import Permission
from services.instances import queries
from services.spec import gettext_noop


def _span(first: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    now = clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return first or today.replace(day=1), end or today + timedelta(days=1)


class Usage(View):
    """A key of a meter opens this address and no other."""

    authentication_classes = [MeterAuthentication, *View.authentication_classes]

    @contract(
        gettext_noop("Report usage"),
        {200: "UsageTaken"},
        description=gettext_noop(
            "For the provider's meters, with the key that staff made: no role and no token of a "
            "tenant may. CloudEvents, one a line (`application/x-ndjson`) or as a list "
            "(`application/cloudevents-batch+json`, `application/json`): at most 10,000 and "
            "16 MiB. Each counts once by `source` and `id`, however often it is sent; the same id "
            "with another content is put into quarantine."
        ),
        body=shapes.EVENTS,
    )
    def post(self, request: object) -> HttpResponse:
        meter_keys.require_meter(self.actor)
        events = read_batch(self.http, most=ingestion.MOST)
        return json_response(shapes.taken(ingestion.take_usage(actor=self.actor, events=events)))

    @contract(
        gettext_noop("Read usage"),
        {200: "Usage"},
        description=gettext_noop(
            "In base units: seconds of one piece or one GiB, GiB, or pieces. Days and hours are "
            "those of UTC. A day is what is billed; hours are of one service and need `instance`. "
            "What ran on spare capacity has a row for each factor that held (`spot_factor`). "
            "Without `from` and `to`, this month so far."
        ),
        permission=Permission.COST_VIEW,
        listing=True,
        query=(
            ORGANISATION,
            Query("instance", gettext_noop("Only of this service.")),
            Query("meter", gettext_noop("Only of this meter.")),
            Query("from", gettext_noop("Only from this time on."), "moment"),
            Query("to", gettext_noop("Only before this time."), "moment"),
            Query("period", gettext_noop("A row for each."), choices=("day", "hour")),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        asked = self.query
        first, end = _span(asked.get("from"), asked.get("to"))
        with asked_in_query():
            if asked.get("period") == "hour":
                return paged_list(self, self._hours(first, end), shapes.used)
            organisation = organisation_of(
                self.actor, asked.get("organisation"), Permission.ORGANISATION_VIEW
            )
            rows = usage.days_for(
                self.actor,
                organisation,
                first=first,
                end=end,
                instance=asked.get("instance", ""),
                meter=asked.get("meter", ""),
            )
            return paged(self, rows, Order("day", descending=False), shapes.days)

    def _hours(self, first: datetime, end: datetime) -> list[usage.Used]:
        asked = self.query
        if "instance" not in asked:
            raise Invalid({"instance": _("By the hour, name one service.")})
        instance = queries.instance_for(self.actor, asked["instance"], Permission.COST_VIEW)
        meter = asked.get("meter", "")
        return usage.hours_of(self.actor, instance, first=first, end=end, meter=meter)
