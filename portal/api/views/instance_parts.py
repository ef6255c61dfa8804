"""What is done to an instance, and what can be read of it."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpResponse
from django.utils.translation import gettext as _

from billing.orders import ordering
from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import Query, contract
from portal.api.errors import Fault, InvalidQuery
from portal.api.pagination import Order, paged
from portal.api.serializers import instances as shapes
from portal.api.views.operations import started
from portal.kernel import clock
from portal.tenancy.permissions import Permission
from services.instances import (
    actions,
    credentials,
    interruptions,
    logs,
    queries,
    utilisation,
)
from services.instances.specs import entry_of
from services.spec import gettext_noop

_P = Permission


class Pause(View):
    @contract(
        gettext_noop("Pause a service"),
        {202: "Operation"},
        description=gettext_noop("Stops the server and keeps the data."),
        permission=_P.INSTANCE_UPDATE,
        once=True,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id, _P.INSTANCE_UPDATE)
        return started(self, lambda: actions.pause(actor=self.actor, instance=row))


class Resume(View):
    @contract(
        gettext_noop("Resume a paused service"),
        {202: "Operation"},
        permission=_P.INSTANCE_UPDATE,
        once=True,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id, _P.INSTANCE_UPDATE)
        return started(self, lambda: ordering.resume_order(actor=self.actor, instance=row))


class Rotate(View):
    @contract(
        gettext_noop("Change the password of a service"),
        {202: "Operation"},
        description=gettext_noop("The old one ends with the operation."),
        permission=_P.INSTANCE_UPDATE,
        once=True,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id, _P.INSTANCE_UPDATE)
        return started(self, lambda: actions.rotate(actor=self.actor, instance=row))


class Undelete(View):
    @contract(
        gettext_noop("Bring a service back from the bin"),
        {202: "Operation"},
        permission=_P.INSTANCE_UPDATE,
        once=True,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id, _P.INSTANCE_UPDATE)
        return started(self, lambda: ordering.undelete_order(actor=self.actor, instance=row))


class Credentials(View):
    fresh = True

    @contract(
        gettext_noop("Reveal the credentials of a service"),
        {200: "Credentials"},
        description=gettext_noop("The look is written into the audit trail."),
        permission=_P.CREDENTIAL_REVEAL,
    )
    def get(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id, _P.CREDENTIAL_REVEAL)
        found = credentials.reveal_credentials(self.actor, row)
        return json_response(shapes.credentials(found), headers={"Cache-Control": "no-store"})


class Events(View):
    @contract(
        gettext_noop("List what happened to a service"),
        {200: "Event"},
        permission=_P.INSTANCE_VIEW,
        listing=True,
    )
    def get(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id)
        return paged(self, queries.events_of(row), Order("at"), shapes.events)


class Interruptions(View):
    @contract(
        gettext_noop("List the interruptions of a service"),
        {200: "Interruption"},
        description=gettext_noop(
            "Of a service on spare capacity: each notice, when it is due, and what became of it."
        ),
        permission=_P.INSTANCE_VIEW,
        listing=True,
    )
    def get(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id)
        found = interruptions.interruptions_of(row)
        return paged(self, found, Order("noticed_at"), shapes.interruptions)


class Logs(View):
    @contract(
        gettext_noop("Read the log of a service"),
        {200: "Logs"},
        description=gettext_noop("The newest lines of the server's own log, the newest last."),
        permission=_P.INSTANCE_UPDATE,
        query=(
            Query(
                "lines",
                gettext_noop("How many, 200 when left out."),
                "integer",
                minimum=1,
                maximum=2000,
            ),
        ),
    )
    def get(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id, _P.INSTANCE_UPDATE)
        text = logs.logs_of(self.actor, row, self.query.get("lines", 200))
        return json_response({"lines": text.splitlines()}, headers={"Cache-Control": "no-store"})


class Metrics(View):
    @contract(
        gettext_noop("Read how much of its plan a service takes"),
        {200: "Metrics"},
        description=gettext_noop(
            "By the hour, measured once a minute on the busiest node: processors and memory on "
            "average and at most, and the most connections. Hours without a measurement are left "
            "out. Without `from` and `to`, the last day; at most 31 days."
        ),
        permission=_P.INSTANCE_VIEW,
        query=(
            Query("from", gettext_noop("Only from this hour on."), "moment"),
            Query("to", gettext_noop("Only before this moment."), "moment"),
        ),
    )
    def get(self, request: object, id: str) -> HttpResponse:
        row = queries.instance_for(self.actor, id)
        end = self.query.get("to") or clock.now()
        first = self.query.get("from") or end - timedelta(days=1)
        if not timedelta(0) < end - first <= timedelta(days=utilisation.LONGEST_DAYS):
            text = _("Ask for at most %(days)s days, from an earlier to a later moment.")
            said = text % {"days": utilisation.LONGEST_DAYS}
            raise InvalidQuery([Fault(pointer="?from", code="invalid", detail=said)])
        hours = utilisation.hours_of(row, first, end)
        plan, off = entry_of(row).offering.plan(row.plan), utilisation.off_because(row.region)
        return json_response(shapes.metrics(plan, off, hours))
