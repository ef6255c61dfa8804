"""The audit trail of an organisation."""

from __future__ import annotations

from django.http import HttpResponse

from portal.api.base import View
from portal.api.contract import ORGANISATION, Query, contract
from portal.api.pagination import Order, paged
from portal.api.scope import organisation_of
from portal.api.serializers import tenancy as shapes
from portal.audit.queries import events_for
from portal.tenancy.permissions import Permission
from services.spec import gettext_noop

_FILTERS = ("project", "target", "verb", "actor", "since", "until")


class Audit(View):
    @contract(
        gettext_noop("List who did what, newest first"),
        {200: "AuditEvent"},
        permission=Permission.AUDIT_VIEW,
        query=(
            ORGANISATION,
            Query("project", gettext_noop("Only of this project.")),
            Query(
                "target", gettext_noop("Only about this, by its public name."), "text", maximum=80
            ),
            Query(
                "verb",
                gettext_noop("Only this verb, or its beginning: `instance.`."),
                "text",
                maximum=64,
            ),
            Query(
                "actor",
                gettext_noop("Only by this person or service account, by name."),
                "text",
                maximum=254,
            ),
            Query("since", gettext_noop("Only from this time on."), "moment"),
            Query("until", gettext_noop("Only before this time."), "moment"),
        ),
        listing=True,
    )
    def get(self, request: object) -> HttpResponse:
        slug = self.query.get("organisation")
        organisation = organisation_of(self.actor, slug, Permission.AUDIT_VIEW)
        filters = {name: self.query[name] for name in _FILTERS if name in self.query}
        rows = events_for(organisation.slug, **filters)
        return paged(self, rows, Order("sequence"), shapes.audit_events)
