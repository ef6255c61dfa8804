"""Spare capacity: what it costs of the list price, and how much of a region is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.http import HttpResponse

from billing.spot import history
from billing.spot import queries as spare_prices
from portal.api.answers import created, json_response
from portal.api.base import View
from portal.api.contract import Query, contract
from portal.api.idempotency import Made, once
from portal.api.pagination import Order, paged
from portal.api.reading import decimal_of
from portal.api.scope import is_staff, named_in, staff_of
from portal.api.serializers import billing as money
from portal.api.serializers import instances as shapes
from portal.api.serializers.common import DECIMAL, MOMENT, TEXT, body
from portal.kernel.errors import Invalid
from services.instances import interruptions, spare
from services.regions import oversight, queries
from services.spec import gettext_noop

_REASON = {"type": "string", "maxLength": 500}


@contextmanager
def _as_named() -> Iterator[None]:
    """Fields are called as in what is read. Raises: Invalid."""
    try:
        yield
    except Invalid as error:
        names = {"at": "valid_from", "vcpu": "offered_vcpu"}
        fields = {names.get(name, name): text for name, text in error.fields.items()}
        raise Invalid(fields, hint=error.hint) from error


class SpotFactors(View):
    @contract(
        gettext_noop("Read what spare capacity costs of the list price"),
        {200: "SpotFactor"},
        description=gettext_noop(
            "Every factor that was ever set, newest first. It holds from its hour on, until the "
            "next one of the same region and price class; what names more counts first."
        ),
        public=True,
        listing=True,
        query=(
            Query("region", gettext_noop("Only what holds in this region.")),
            Query("price_class", gettext_noop("Only what holds for this price class.")),
        ),
    )
    def get(self, request: object) -> HttpResponse:
        wanted = {name: self.query.get(name) for name in ("region", "price_class")}
        return paged(self, spare_prices.said(**wanted), Order("at"), money.spot_factors)

    @contract(
        gettext_noop("Set what spare capacity costs of the list price"),
        {201: "SpotFactor"},
        description=gettext_noop(
            "For the provider's staff, signed in: no token may. For a region and a price class, or "
            "all of them where one is left out; from a full hour on that has not begun, without "
            "`valid_from` the next one. `factor` null, of a region or price class only: what is "
            "said of more holds again. It is never changed afterwards."
        ),
        body=body(
            {
                "region": TEXT,
                "price_class": TEXT,
                "factor": {**DECIMAL, "type": ["string", "null"]},
                "valid_from": MOMENT,
                "reason": _REASON,
            },
            required=("factor",),
        ),
        once=True,
    )
    def post(self, request: object) -> HttpResponse:
        actor, sent = staff_of(self), self.body
        factor = None if sent["factor"] is None else decimal_of(sent["factor"], "factor")

        def make() -> Made:
            with named_in("region"), _as_named():
                code = sent.get("region", "")
                row = history.say(
                    actor=actor,
                    region=oversight.region(actor, code).code if code else "",
                    price_class=sent.get("price_class", ""),
                    factor=factor,
                    at=sent.get("valid_from"),
                    reason=sent.get("reason", ""),
                )
            return Made("spot-factor", str(row.pk), self._told(str(row.pk)))

        return once(self, make, self._told)

    def _told(self, id: str) -> HttpResponse:
        [shown] = money.spot_factors(list(history.factors().filter(pk=id)))
        return created(self.http, shown, "spot-factors")


class SpareCapacity(View):
    @contract(
        gettext_noop("Read how much spare capacity a region has"),
        {200: "SpareCapacity"},
        description=gettext_noop(
            "What of it is left. Only the provider's staff sees how much may be used in all, and "
            "how much is."
        ),
    )
    def get(self, request: object, code: str) -> HttpResponse:
        region = queries.region(code)
        found, all_of_it = spare.spare_of(region), is_staff(self)
        return json_response(shapes.spare_capacity(region, found, all_of_it=all_of_it))

    @contract(
        gettext_noop("Set how much spare capacity a region has"),
        {200: "SpareCapacity"},
        description=gettext_noop(
            "For the provider's staff, signed in: no token may. What is too much then is told at "
            "once that it is interrupted in two minutes, the newest first: `interrupted`."
        ),
        body=body({"offered_vcpu": DECIMAL, "reason": _REASON}, required=("offered_vcpu",)),
    )
    def patch(self, request: object, code: str) -> HttpResponse:
        actor = staff_of(self)
        region, sent = oversight.region(actor, code), self.body
        with _as_named():
            told = interruptions.offer_spare(
                actor=actor,
                region=region,
                vcpu=decimal_of(sent["offered_vcpu"], "vcpu"),
                reason=sent.get("reason", ""),
            )
        found = spare.spare_of(region)
        return json_response(shapes.spare_capacity(region, found, all_of_it=True, told=told))
