"""The status page, its history, its feeds and its JSON. All public."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.http import http_date
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from portal.console import status as building
from portal.console.page import page
from portal.status.board import board


@require_safe
@cache_control(public=True, max_age=30)
def status(request: HttpRequest) -> HttpResponse:
    """GET /status/"""
    return page(request, "console/status.html", building.overview(), fragment="board")


@require_safe
@cache_control(public=True, max_age=60)
def incident(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET /status/incidents/ID/"""
    return page(request, "console/status_incident.html", building.incident(public_id))


@require_safe
@cache_control(public=True, max_age=60)
def history(request: HttpRequest) -> HttpResponse:
    """GET /status/history/?month=YYYY-MM"""
    context = building.history(request.GET.get("month", ""))
    return page(request, "console/status_history.html", context)


@require_safe
@cache_control(public=True, max_age=30)
def as_json(request: HttpRequest) -> HttpResponse:
    """GET /status.json; other sites may read it too."""
    response = JsonResponse(building.as_json(settings.POLDER_URL))
    response["Access-Control-Allow-Origin"] = "*"
    response["Last-Modified"] = http_date(board().modified_at.timestamp())
    return response
