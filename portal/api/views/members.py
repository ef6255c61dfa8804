"""Members of organisations and projects."""

from __future__ import annotations

from django.http import HttpResponse

from portal.api.answers import created, json_response, nothing
from portal.api.base import View
from portal.api.contract import ORGANISATION, PROJECT, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.scope import organisation_of, owned_by_organisation
from portal.api.serializers import tenancy as shapes
from portal.api.serializers.common import MOMENT, TEXT, body, maybe
from portal.tenancy import access, members, queries
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_P = Permission
_EMAIL = {"type": "string", "maxLength": 254}


class Members(View):
    @contract(
        gettext_noop("List the members of an organisation"),
        {200: "Member"},
        permission=_P.MEMBER_VIEW,
        description=gettext_noop(
            "With `project`, those who may work in it: its own members and those of the "
            "organisation as a whole."
        ),
        query=(ORGANISATION, PROJECT),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        slug, wanted = self.query.get("organisation"), self.query.get("project")
        if wanted:
            project = access.project(self.actor, wanted, _P.MEMBER_VIEW)
            rows = queries.members_in(self.actor, project)
        else:
            organisation = organisation_of(self.actor, slug, _P.MEMBER_VIEW)
            rows = queries.members_for(self.actor, organisation)
        return paged(self, rows, Order(descending=False), shapes.members)

    @contract(
        gettext_noop("Add a member"),
        {201: "Member"},
        description=gettext_noop("The person must have an account."),
        permission=_P.MEMBER_MANAGE,
        query=(ORGANISATION,),
        body=body(
            {
                "organisation": TEXT,
                "project": TEXT,
                "email": _EMAIL,
                "role": shapes.ROLE,
                "expires_at": MOMENT,
            },
            required=("email", "role"),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        wanted = owned_by_organisation(self, _P.MEMBER_MANAGE)
        wanted["user"] = queries.person_with(wanted.pop("email"))

        def make() -> Made:
            id = members.add_member(actor=self.actor, **wanted).public_id
            return Made("member", id, self._told(id))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        return created(self.http, shapes.member(queries.member_for(self.actor, id)), "member", id)


class Member(View):
    @contract(gettext_noop("Read a member"), {200: "Member"}, permission=_P.MEMBER_VIEW)
    def get(self, request: object, id: str) -> HttpResponse:
        return json_response(shapes.member(queries.member_for(self.actor, id)))

    @contract(
        gettext_noop("Change the role of a member"),
        {200: "Member"},
        description=gettext_noop("`expires_at` null takes the end off."),
        permission=_P.MEMBER_MANAGE,
        body=body({"role": shapes.ROLE, "expires_at": maybe(MOMENT)}, least=1),
    )
    def patch(self, request: object, id: str) -> HttpResponse:
        row = queries.member_for(self.actor, id)
        forever = "expires_at" in self.body and self.body["expires_at"] is None
        changed = members.change_member(actor=self.actor, member=row, forever=forever, **self.body)
        return json_response(shapes.member(changed))

    @contract(
        gettext_noop("Remove a member"),
        {204: ""},
        description=gettext_noop("Also for leaving oneself."),
        permission=_P.MEMBER_MANAGE,
    )
    def delete(self, request: object, id: str) -> HttpResponse:
        members.remove_member(actor=self.actor, member=queries.member_for(self.actor, id))
        return nothing()
