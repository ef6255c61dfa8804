"""The price list and the calculator. Public."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from portal.console import calculator as calculating
from portal.console import prices as building
from portal.console.address import asked_of, query_of, show
from portal.console.page import page, wants_fragment
from portal.console.scope import organisation_at_hand
from portal.kernel import clock


@require_safe
@cache_control(public=True, max_age=300)
def prices(request: HttpRequest) -> HttpResponse:
    """GET /prices/?q=&family=&region="""
    asked, reader = asked_of(request), organisation_at_hand(request)
    response = page(
        request, "console/prices.html", building.plans(asked, reader), fragment="results"
    )
    return show(request, response, query_of(asked, building.FILTERS))


@require_safe
@cache_control(public=True, max_age=300)
def rates(request: HttpRequest) -> HttpResponse:
    """GET /prices/rates/?q=&region="""
    asked, reader = asked_of(request), organisation_at_hand(request)
    response = page(
        request, "console/rates.html", building.rates(asked, reader), fragment="results"
    )
    return show(request, response, query_of(asked, ("q", "region")))


@require_safe
@cache_control(public=True, max_age=300)
def history(request: HttpRequest) -> HttpResponse:
    """GET /prices/history/?class="""
    asked, reader = asked_of(request), organisation_at_hand(request)
    context = building.history(asked, reader)
    response = page(request, "console/price_history.html", context, fragment="results")
    return show(request, response, query_of(asked, ("class",)))


@require_safe
@cache_control(public=True, max_age=60)
def spot(request: HttpRequest) -> HttpResponse:
    """GET /prices/spot/?region=&page="""
    asked, reader = asked_of(request), organisation_at_hand(request)
    context = building.spot(asked, reader)
    response = page(request, "console/spot_prices.html", context, fragment="results")
    return show(request, response, query_of(asked, ("region", "page")))


@require_safe
@cache_control(public=True, max_age=300)
def as_csv(request: HttpRequest, kind: str) -> HttpResponse:
    """GET /prices/plans.csv, /prices/rates.csv, /prices/history.csv, /prices/spot.csv?region="""
    if kind not in building.KINDS:
        raise Http404
    text = building.as_csv(kind, asked_of(request).get("region", ""))
    name = f"polder-prices-{kind}-{clock.now():%F}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)


@require_safe
@cache_control(public=True, max_age=300)
def calculator(request: HttpRequest) -> HttpResponse:
    """GET /prices/calculator/?region=&i=&n=&h=…"""
    found = calculating.page(request.GET, organisation_at_hand(request))
    path = f"{reverse('console:calculator')}?{found['query']}"
    found["address"] = f"{settings.POLDER_URL}{path}"
    part = "form" if {"add", "drop"} & request.GET.keys() else "total"
    status = 422 if found["faulty"] else 200
    response = page(request, "console/calculator.html", found, fragment=part, status=status)
    if wants_fragment(request):
        response["HX-Replace-Url"] = path
    return response
