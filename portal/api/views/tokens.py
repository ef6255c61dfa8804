"""API tokens and service accounts."""

from __future__ import annotations

from django.http import HttpResponse

from portal.api.answers import created, json_response, nothing
from portal.api.base import View
from portal.api.contract import ORGANISATION, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.scope import named_places, organisation_of, owned_by_organisation
from portal.api.serializers import tenancy as shapes
from portal.api.serializers.common import MOMENT, TEXT, body
from portal.tenancy import tokens
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_P = Permission
_NAME = {"type": "string", "minLength": 1, "maxLength": 80}


class Tokens(View):
    @contract(
        gettext_noop("List your tokens, and those of service accounts that you manage"),
        {200: "Token"},
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        return paged(self, tokens.tokens_for(self.actor), Order(), shapes.tokens)

    @contract(
        gettext_noop("Create a token"),
        {201: "Token"},
        description=gettext_noop(
            "Its text is shown once, in this answer; a replay with the same Idempotency-Key is "
            "without it."
        ),
        body=body(
            {
                "name": _NAME,
                "permissions": {**shapes.PERMISSIONS, "maxItems": 50},
                "organisation": TEXT,
                "project": TEXT,
                "service_account": TEXT,
                "expires_at": MOMENT,
            },
            required=("name",),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        def make() -> Made:
            row, text = tokens.create_token(actor=self.actor, **named_places(self.actor, self.body))
            shown = shapes.token(row, text)
            return Made("token", row.public_id, created(self.http, shown, "token", row.public_id))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        return created(self.http, shapes.token(tokens.token_for(self.actor, id)), "token", id)


class Token(View):
    @contract(gettext_noop("Read a token"), {200: "Token"})
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.token(tokens.token_for(self.actor, id)))

    @contract(
        gettext_noop("Revoke a token"),
        {204: ""},
        description=gettext_noop("It ends at once; also the one that you use."),
    )
    def delete(self, request: object, id: str) -> HttpResponse:
        tokens.revoke_token(actor=self.actor, token=tokens.token_for(self.actor, id))
        return nothing()


class ServiceAccounts(View):
    @contract(
        gettext_noop("List the service accounts of an organisation"),
        {200: "ServiceAccount"},
        permission=_P.TOKEN_MANAGE,
        query=(ORGANISATION,),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        slug = self.query.get("organisation")
        organisation = organisation_of(self.actor, slug, _P.TOKEN_MANAGE)
        rows = tokens.service_accounts_for(self.actor).filter(organisation=organisation)
        return paged(self, rows, Order(), shapes.service_accounts)

    @contract(
        gettext_noop("Create a service account"),
        {201: "ServiceAccount"},
        description=gettext_noop("Then create a token for it."),
        permission=_P.TOKEN_MANAGE,
        query=(ORGANISATION,),
        body=body(
            {"organisation": TEXT, "project": TEXT, "name": _NAME, "role": shapes.ROLE},
            required=("name", "role"),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        wanted = owned_by_organisation(self, _P.TOKEN_MANAGE)

        def make() -> Made:
            row = tokens.create_service_account(actor=self.actor, **wanted)
            return Made("service-account", row.public_id, self._told(row.public_id))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        row = tokens.service_account_for(self.actor, id)
        return created(self.http, shapes.service_account(row), "service-account", id)


class ServiceAccount(View):
    @contract(
        gettext_noop("Read a service account"),
        {200: "ServiceAccount"},
        permission=_P.TOKEN_MANAGE,
    )
    def get(self, request: object, id: str) -> HttpResponse:
        row = tokens.service_account_for(self.actor, id)
        return json_response(shapes.service_account(row))

    @contract(
        gettext_noop("Disable a service account, with all its tokens"),
        {204: ""},
        permission=_P.TOKEN_MANAGE,
    )
    def delete(self, request: object, id: str) -> HttpResponse:
        row = tokens.service_account_for(self.actor, id)
        tokens.disable_service_account(actor=self.actor, account=row)
        return nothing()
