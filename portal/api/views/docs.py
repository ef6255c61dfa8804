"""The OpenAPI document, and the reference that people read: pages made from it on the server."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiYamlRenderer as Yaml

from portal.api import reference
from portal.api.answers import json_response
from portal.api.schema import document


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """`?format=yaml` for YAML; JSON without it. No login."""
    found = document()
    if request.GET.get("format") == "yaml":
        text = Yaml().render(found)  # type: ignore[no-untyped-call]  # has no types
        return HttpResponse(text, content_type="application/yaml")
    return json_response(found)


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """How the API works, and a list of everything."""
    return _page(request, "console/api_docs.html", {"nouns": reference.nouns(document())})


@require_safe
def noun(request: HttpRequest, noun: str) -> HttpResponse:
    """All operations of one noun."""
    found = reference.noun(document(), noun, request.build_absolute_uri("/")[:-1])
    if found is None:
        raise Http404
    return _page(request, "console/api_docs_noun.html", {"noun": found})


@require_safe
def schemas(request: HttpRequest) -> HttpResponse:
    """All shapes."""
    return _page(
        request, "console/api_docs_schemas.html", {"schemas": reference.schemas(document())}
    )


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """All error codes."""
    return _page(request, "console/api_docs_errors.html", reference.errors())


def _page(request: HttpRequest, template: str, context: dict[str, object]) -> HttpResponse:
    """Inside the shell for who is signed in; the reference itself is for everybody."""
    signed_in = request.user.is_authenticated
    layout = "base.html" if signed_in else "base_plain.html"
    known = {"layout": layout, "signed_in": signed_in, "nav": reference.nouns(document())}
    return render(request, template, known | context)
