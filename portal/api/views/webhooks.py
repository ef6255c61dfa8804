"""Webhooks of projects, and the log of their deliveries."""

from __future__ import annotations

from django.http import HttpResponse

from portal.api.answers import created, json_response, nothing
from portal.api.base import View
from portal.api.contract import Query, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.serializers import webhooks as shapes
from portal.api.serializers.common import BOOLEAN, TEXT, body, many
from portal.notifications import webhooks
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_MAY = Permission.PROJECT_UPDATE
_URL = {"type": "string", "maxLength": 500}
_EVENTS = {**many(shapes.EVENT), "minItems": 1, "maxItems": 50}


class Webhooks(View):
    @contract(
        gettext_noop("List webhooks"),
        {200: "Webhook"},
        description=gettext_noop("Of the projects that you may change."),
        query=(Query("project", gettext_noop("Only of this project.")),),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        rows = webhooks.webhooks_for(self.actor, project=self.query.get("project"))
        return paged(self, rows, Order(), shapes.webhooks)

    @contract(
        gettext_noop("Create a webhook"),
        {201: "Webhook"},
        description=gettext_noop(
            "Its secret is shown once, in this answer; a replay with the same Idempotency-Key is "
            "without it. The address must be https and public."
        ),
        permission=_MAY,
        body=body(
            {"project": TEXT, "url": _URL, "events": _EVENTS},
            required=("project", "url", "events"),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        wanted = self.body
        project = access.project(self.actor, wanted["project"], _MAY)

        def make() -> Made:
            row, secret = webhooks.create_webhook(
                actor=self.actor, project=project, url=wanted["url"], kinds=wanted["events"]
            )
            shown = shapes.webhook(row, secret)
            answer = created(self.http, shown, "webhook", row.public_id)
            return Made("webhook", row.public_id, answer)

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        row = webhooks.webhook_for(self.actor, id)
        return created(self.http, shapes.webhook(row), "webhook", id)


class Webhook(View):
    @contract(gettext_noop("Read a webhook"), {200: "Webhook"}, permission=_MAY)
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.webhook(webhooks.webhook_for(self.actor, id)))

    @contract(
        gettext_noop("Change a webhook, or switch it on or off"),
        {200: "Webhook"},
        description=gettext_noop("Switching it off gives up what still waits."),
        permission=_MAY,
        body=body({"url": _URL, "events": _EVENTS, "active": BOOLEAN}, least=1),
    )
    def patch(self, request: object, id: str) -> HttpResponse:
        row = webhooks.webhook_for(self.actor, id)
        wanted = dict(self.body)
        if "events" in wanted:
            wanted["kinds"] = wanted.pop("events")
        changed = webhooks.update_webhook(actor=self.actor, webhook=row, **wanted)
        return json_response(shapes.webhook(changed))

    @contract(
        gettext_noop("Delete a webhook, with its log"),
        {204: ""},
        permission=_MAY,
    )
    def delete(self, request: object, id: str) -> HttpResponse:
        row = webhooks.webhook_for(self.actor, id)
        webhooks.delete_webhook(actor=self.actor, webhook=row)
        return nothing()


class Secret(View):
    @contract(
        gettext_noop("Make a new secret for a webhook"),
        {200: "Webhook"},
        description=gettext_noop(
            "It is shown once, in this answer. The old one signs beside it for 24 hours."
        ),
        permission=_MAY,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = webhooks.webhook_for(self.actor, id)
        secret = webhooks.renew_secret(actor=self.actor, webhook=row)
        return json_response(shapes.webhook(row, secret), headers={"Cache-Control": "no-store"})


class Ping(View):
    @contract(
        gettext_noop("Try a webhook"),
        {201: "Delivery"},
        description=gettext_noop("Sends it an event of type `ping`; read the delivery to see."),
        permission=_MAY,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = webhooks.webhook_for(self.actor, id)
        return sent(self, id, webhooks.ping(actor=self.actor, webhook=row).public_id)


class Deliveries(View):
    @contract(
        gettext_noop("List the deliveries of a webhook, newest first"),
        {200: "Delivery"},
        permission=_MAY,
        listing=True,
        query=(
            Query(
                "state",
                gettext_noop("Only in this state."),
                choices=("pending", "succeeded", "failed"),
            ),
        ),
    )
    def get(self, request: object, id: str) -> HttpResponse:
        rows = webhooks.deliveries_of(webhooks.webhook_for(self.actor, id))
        if "state" in self.query:
            rows = rows.filter(state=self.query["state"])
        return paged(self, rows, Order(), shapes.deliveries)


class Delivery(View):
    @contract(gettext_noop("Read a delivery"), {200: "Delivery"}, permission=_MAY)
    def get(self, request: object, id: str, delivery: str) -> HttpResponse:
        row = webhooks.webhook_for(self.actor, id)
        return json_response(shapes.delivery(webhooks.delivery_of(row, delivery)))


class Replay(View):
    @contract(
        gettext_noop("Send an event once more"),
        {201: "Delivery"},
        description=gettext_noop("With the same event id and body, as a new delivery."),
        permission=_MAY,
        once=True,
    )
    def post(self, request: object, id: str, delivery: str) -> HttpResponse:
        row = webhooks.webhook_for(self.actor, id)
        found = webhooks.delivery_of(row, delivery)

        def make() -> Made:
            again = webhooks.replay(actor=self.actor, webhook=row, delivery=found).public_id
            return Made("delivery", again, sent(self, id, again))

        return once(self, make, lambda again: sent(self, id, again))


def sent(view: View, webhook: str, delivery: str) -> HttpResponse:
    """201 with a delivery and where to ask for it."""
    found = webhooks.delivery_of(webhooks.webhook_for(view.actor, webhook), delivery)
    return created(view.http, shapes.delivery(found), "delivery", webhook, delivery)
