"""The address bar while somebody filters: what is shown can be reloaded, kept and sent on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse

from portal.console.page import wants_fragment


def query_of(asked: Mapping[str, str], names: Iterable[str]) -> str:
    """The query string of `asked`: known names in one order, without what is empty, so that the
    same filters are always the same text.
    """
    return urlencode({name: asked[name].strip() for name in names if asked.get(name, "").strip()})


def show(request: HttpRequest, response: HttpResponse, query: str) -> HttpResponse:
    """Tells htmx which address the page has now; a step back is added only where it changed."""
    if wants_fragment(request):
        address = f"{request.path}?{query}" if query else request.path
        now = urlsplit(request.headers.get("HX-Current-URL", ""))
        before = f"{now.path}?{now.query}" if now.query else now.path
        response["HX-Push-Url"] = "false" if address == before else address
    return response


def asked_of(request: HttpRequest) -> dict[str, str]:
    """What the page was asked for. PostgreSQL stores no NUL, so nothing can match one."""
    return {name: str(value).replace("\0", "") for name, value in request.GET.items()}


def sent_of(request: HttpRequest) -> dict[str, str]:
    """What a form sent: the last value of each name. PostgreSQL stores no NUL."""
    return {name: str(value).replace("\0", "") for name, value in request.POST.items()}
