"""Organisations and projects."""

from __future__ import annotations

from django.http import HttpResponse

from portal.api.answers import created, json_response, nothing
from portal.api.base import View
from portal.api.contract import ORGANISATION, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.scope import organisation_of, owned_by_organisation
from portal.api.serializers import tenancy as shapes
from portal.api.serializers.common import BOOLEAN, TAGS, TEXT, body
from portal.tenancy import access, actions, queries
from portal.tenancy.permissions import Permission
from services.instances import archiving
from services.spec import gettext_noop

_P = Permission
_NAME = {"type": "string", "minLength": 1, "maxLength": 120}
_SLUG = {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,38}[a-z0-9]$"}
_COUNTRY = {"type": "string", "pattern": "^([A-Z]{2})?$"}
_TAGS = {
    **TAGS,
    "maxProperties": 20,
    "propertyNames": {"pattern": "^[a-z][a-z0-9_.-]{0,39}$"},
    "additionalProperties": {"type": "string", "maxLength": 80},
}


class Organisations(View):
    @contract(
        gettext_noop("List organisations"),
        {200: "Organisation"},
        permission=_P.ORGANISATION_VIEW,
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        rows = queries.organisations_for(self.actor)
        return paged(self, rows, Order("name", False), shapes.organisations)

    @contract(
        gettext_noop("Create an organisation"),
        {201: "Organisation"},
        description=gettext_noop("Whoever makes it is its owner."),
        body=body({"name": _NAME, "slug": _SLUG, "country": _COUNTRY}, required=("name",)),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        def make() -> Made:
            row = actions.create_organisation(actor=self.actor, **self.body)
            return Made("organisation", row.slug, self._told(row.slug))

        return once(self, make, self._told)

    def _told(self, slug: str) -> HttpResponse:
        row = access.organisation(self.actor, slug, _P.ORGANISATION_VIEW)
        return created(self.http, shapes.organisation(row), "organisation", slug)


class Organisation(View):
    @contract(
        gettext_noop("Read an organisation"),
        {200: "Organisation"},
        permission=_P.ORGANISATION_VIEW,
    )
    def get(self, request: object, slug: str) -> HttpResponse:
        row = access.organisation(self.actor, slug, _P.ORGANISATION_VIEW)
        return json_response(shapes.organisation(row))

    @contract(
        gettext_noop("Change an organisation"),
        {200: "Organisation"},
        permission=_P.ORGANISATION_UPDATE,
        description=gettext_noop(
            "With `requires_mfa`, members without a second factor cannot open it; tokens go on."
        ),
        body=body({"name": _NAME, "country": _COUNTRY, "requires_mfa": BOOLEAN}, least=1),
    )
    def patch(self, request: object, slug: str) -> HttpResponse:
        row = access.organisation(self.actor, slug, _P.ORGANISATION_UPDATE)
        changed = actions.update_organisation(actor=self.actor, organisation=row, **self.body)
        return json_response(shapes.organisation(changed))

    @contract(
        gettext_noop("Archive an organisation"),
        {204: ""},
        description=gettext_noop(
            "It and its projects disappear for everybody; audit log and invoices are kept. Refused "
            "while services live. Only the provider brings it back."
        ),
        permission=_P.ORGANISATION_DELETE,
    )
    def delete(self, request: object, slug: str) -> HttpResponse:
        row = access.organisation(self.actor, slug, _P.ORGANISATION_DELETE)
        archiving.archive_organisation(actor=self.actor, organisation=row)
        return nothing()


class Projects(View):
    @contract(
        gettext_noop("List the projects of an organisation"),
        {200: "Project"},
        permission=_P.PROJECT_VIEW,
        query=(ORGANISATION,),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        slug = self.query.get("organisation")
        organisation = organisation_of(self.actor, slug, _P.ORGANISATION_VIEW)
        rows = queries.projects_for(self.actor).filter(organisation=organisation)
        return paged(self, rows, Order("name", False), shapes.projects)

    @contract(
        gettext_noop("Create a project"),
        {201: "Project"},
        permission=_P.PROJECT_CREATE,
        query=(ORGANISATION,),
        body=body({"organisation": TEXT, "name": _NAME, "slug": _SLUG}, required=("name",)),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        wanted = owned_by_organisation(self, _P.PROJECT_CREATE)

        def make() -> Made:
            row = actions.create_project(actor=self.actor, **wanted)
            return Made("project", row.slug, self._told(row.slug))

        return once(self, make, self._told)

    def _told(self, slug: str) -> HttpResponse:
        row = access.project(self.actor, slug, _P.PROJECT_VIEW)
        return created(self.http, shapes.project(row), "project", slug)


class Project(View):
    @contract(
        gettext_noop("Read a project, with its quota"),
        {200: "Project"},
        permission=_P.PROJECT_VIEW,
    )
    def get(self, request: object, slug: str) -> HttpResponse:
        return json_response(shapes.project(access.project(self.actor, slug, _P.PROJECT_VIEW)))

    @contract(
        gettext_noop("Change a project"),
        {200: "Project"},
        permission=_P.PROJECT_UPDATE,
        body=body({"name": _NAME, "time_zone": TEXT, "tags": _TAGS}, least=1),
    )
    def patch(self, request: object, slug: str) -> HttpResponse:
        row = access.project(self.actor, slug, _P.PROJECT_UPDATE)
        actions.update_project(actor=self.actor, project=row, **self.body)
        return json_response(shapes.project(row))

    @contract(
        gettext_noop("Archive a project"),
        {204: ""},
        description=gettext_noop(
            "It disappears for everybody; audit log and invoices are kept. Refused while services "
            "live, those in the bin included. Only the provider brings it back."
        ),
        permission=_P.PROJECT_UPDATE,
    )
    def delete(self, request: object, slug: str) -> HttpResponse:
        row = access.project(self.actor, slug, _P.PROJECT_UPDATE)
        archiving.archive_project(actor=self.actor, project=row)
        return nothing()
