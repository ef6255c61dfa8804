"""Offerings, regions and prices."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _

from billing.pricebook import queries as billing
from billing.pricebook.reserved import terms
from billing.spot import queries as spare
from portal.api.answers import json_response
from portal.api.base import View
from portal.api.contract import Query, contract
from portal.api.pagination import Order, paged, paged_list
from portal.api.serializers import billing as money
from portal.api.serializers import catalogue
from portal.kernel.errors import NotFound
from services import registry
from services.regions.queries import regions
from services.spec import Family, gettext_noop

_FAMILY = Query("family", gettext_noop("Only this family."), choices=tuple(Family))


class Offerings(View):
    @contract(gettext_noop("List the catalogue"), {200: "Offering"}, query=(_FAMILY,), listing=True)
    def get(self, request: object) -> HttpResponse:
        family, places = self.query.get("family"), regions()
        entries = [e for e in registry.catalogue() if family in (None, e.offering.family)]
        return paged_list(
            self, entries, lambda page: [catalogue.offering(entry, places) for entry in page]
        )


class Offering(View):
    @contract(gettext_noop("Read an offering"), {200: "Offering"})
    def get(self, request: object, slug: str) -> HttpResponse:
        entry = registry.entries().get(slug)
        if entry is None:
            raise NotFound(
                _("There is no offering “%(slug)s”.") % {"slug": slug},
                hint=_("See the list of offerings."),
            )
        return json_response(catalogue.offering(entry, regions()))


class Regions(View):
    @contract(gettext_noop("List regions"), {200: "Region"}, listing=True)
    def get(self, request: object) -> HttpResponse:
        return paged_list(self, regions(), lambda page: [catalogue.region(row) for row in page])


class Prices(View):
    @contract(
        gettext_noop("Read the price list"),
        {200: "Price"},
        description=gettext_noop(
            "What holds at `at`; without it, what holds now and what is announced. Net of VAT."
        ),
        public=True,
        listing=True,
        query=(
            Query("offering", gettext_noop("Slug: only prices of its class.")),
            Query("region", gettext_noop("Only prices that hold in this region.")),
            Query("at", gettext_noop("Only prices that hold at this time."), "moment"),
            Query(
                "term",
                gettext_noop("Prices of capacity reserved for so long, not those on demand."),
                choices=tuple(terms()),
            ),
            Query(
                "spot",
                gettext_noop("`true`: prices of spare capacity, not those on demand."),
                "boolean",
            ),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        if self.query.get("spot"):
            said = {name: self.query.get(name) for name in ("offering", "region", "at")}
            return paged(self, spare.prices(**said), Order("price_class", False), money.prices)
        wanted = {name: self.query.get(name) for name in ("offering", "region", "at", "term")}
        return paged(self, billing.prices(**wanted), Order("price_class", False), money.prices)
