"""A page or a fragment of it, and the way to the next page: one view with htmx and without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import NoReverseMatch, reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme


def page(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any],
    *,
    fragment: str = "",
    status: int = 200,
) -> HttpResponse:
    """`template`, or only its partial `fragment` when htmx asks."""
    name = f"{template}#{fragment}" if fragment and wants_fragment(request) else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def go(request: HttpRequest, to: Any, *args: Any, **kwargs: Any) -> HttpResponse:
    """To another page after a change: a URL name with arguments, a path, or a model.

    htmx would follow a redirect and swap the whole page into its target, so it is told to go there.
    """
    url = resolve_url(to, *args, **kwargs)
    if wants_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url, "Vary": "HX-Request"})
    return HttpResponseRedirect(url, status=303)


def url_or_nothing(name: str) -> str:
    """Its address, or nothing where the page is not there."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def wants_fragment(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def own_page(request: HttpRequest, url: str) -> str:
    """Path and query of `url` when it is a page of ours, else the first page."""
    ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    if not ours:
        return "/"
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path or "/"
