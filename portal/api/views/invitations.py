"""Invitations to organisations and projects. The link stands in the mail only."""

from __future__ import annotations

from django.http import HttpResponse

from portal.api.answers import created, json_response, nothing
from portal.api.base import View
from portal.api.contract import ORGANISATION, PROJECT, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.scope import organisation_of, owned_by_organisation
from portal.api.serializers import tenancy as shapes
from portal.api.serializers.common import MOMENT, TEXT, body
from portal.tenancy import access, invitations, queries
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_P = Permission
_EMAIL = {"type": "string", "maxLength": 254}


class Invitations(View):
    @contract(
        gettext_noop("List the invitations that wait to be accepted"),
        {200: "Invitation"},
        permission=_P.MEMBER_VIEW,
        query=(ORGANISATION, PROJECT),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        slug, wanted = self.query.get("organisation"), self.query.get("project")
        if wanted:
            project = access.project(self.actor, wanted, _P.MEMBER_VIEW)
            rows = queries.invitations_in(self.actor, project)
        else:
            organisation = organisation_of(self.actor, slug, _P.MEMBER_VIEW)
            rows = queries.invitations_for(self.actor, organisation)
        return paged(self, rows, Order(), shapes.invitations)

    @contract(
        gettext_noop("Invite somebody by mail"),
        {201: "Invitation"},
        description=gettext_noop(
            "With `project`, to that project alone. The link in the mail works for seven days; "
            "`member_expires_at` ends the membership that comes of it."
        ),
        permission=_P.MEMBER_MANAGE,
        query=(ORGANISATION,),
        body=body(
            {
                "organisation": TEXT,
                "project": TEXT,
                "email": _EMAIL,
                "role": shapes.ROLE,
                "member_expires_at": MOMENT,
            },
            required=("email", "role"),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        wanted = owned_by_organisation(self, _P.MEMBER_MANAGE)

        def make() -> Made:
            id = invitations.invite(actor=self.actor, **wanted).public_id
            return Made("invitation", id, self._told(id))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        row = queries.invitation_for(self.actor, id)
        return created(self.http, shapes.invitation(row), "invitation", id)


class Invitation(View):
    @contract(gettext_noop("Read an invitation"), {200: "Invitation"}, permission=_P.MEMBER_VIEW)
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.invitation(queries.invitation_for(self.actor, id)))

    @contract(
        gettext_noop("Withdraw an invitation"),
        {204: ""},
        description=gettext_noop("Its link is void at once."),
        permission=_P.MEMBER_MANAGE,
    )
    def delete(self, request: object, id: str) -> HttpResponse:
        row = queries.invitation_for(self.actor, id)
        invitations.withdraw_invitation(actor=self.actor, invitation=row)
        return nothing()


class Resend(View):
    @contract(
        gettext_noop("Send an invitation again"),
        {200: "Invitation"},
        description=gettext_noop(
            "The new link works for seven days, the one before it is void. At most once a minute."
        ),
        permission=_P.MEMBER_MANAGE,
    )
    def post(self, request: object, id: str) -> HttpResponse:
        row = queries.invitation_for(self.actor, id)
        sent = invitations.resend_invitation(actor=self.actor, invitation=row)
        return json_response(shapes.invitation(sent))
