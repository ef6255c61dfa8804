"""The OpenAPI document, and the reference that people read: pages made from it on the server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiYamlRenderer as Yaml

from portal.api import reference
from portal.api.answers import json_response
from portal.api.schema import document

_kept = cache_control(public=True, max_age=300)
_NAMED = re.compile(r"{(\w+)}")
_ENGLISH = {"Content-Language": settings.LANGUAGE_CODE}


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """`?format=yaml` for YAML; JSON without it. No login. It is for programs: in English."""
    with translation.override(settings.LANGUAGE_CODE):
        found = document()
    if request.GET.get("format") == "yaml":
        text = Yaml().render(found)  # type: ignore[no-untyped-call]  # has no types
        return HttpResponse(text, content_type="application/yaml", headers=_ENGLISH)
    return json_response(found, headers=_ENGLISH)


@require_safe
@_kept
def index(request: HttpRequest) -> HttpResponse:
    """How the API works, and a list of everything."""
    root = _root(request)
    context = {
        "here": "index",
        "nouns": reference.nouns(document()),
        "root": root,
        "first_request": reference.first_request(root),
    }
    return _page(request, "console/api_docs.html", context)


@require_safe
@_kept
def noun(request: HttpRequest, noun: str) -> HttpResponse:
    """All operations of one noun."""
    found = reference.noun(document(), noun, _root(request))
    if found is None:
        raise Http404
    return _page(request, "console/api_docs_noun.html", {"noun": found, "here": noun})


@require_safe
def try_it(request: HttpRequest) -> HttpResponse:
    """From the form of an operation to its address, without the fields that were left empty."""
    path = str(request.GET.get("path", ""))
    if path not in document()["paths"]:
        raise Http404
    wanted = {name: str(value) for name, value in request.GET.items() if value and name != "path"}
    for name in _NAMED.findall(path):
        if name not in wanted:
            raise Http404
        path = path.replace(f"{{{name}}}", quote(wanted.pop(name), safe=""))
    return HttpResponseRedirect(f"{path}?{urlencode(wanted)}" if wanted else path)


@require_safe
@_kept
def schemas(request: HttpRequest) -> HttpResponse:
    """The names of all shapes."""
    context = {"names": reference.shape_names(document()), "here": "schemas"}
    return _page(request, "console/api_docs_schemas.html", context)


@require_safe
@_kept
def shape(request: HttpRequest, name: str) -> HttpResponse:
    """One shape, and those that it is made of."""
    found = reference.shapes(document(), name)
    if not found:
        raise Http404
    context = {"name": name, "shapes": found, "here": "schemas"}
    return _page(request, "console/api_docs_shape.html", context)


@require_safe
@_kept
def errors(request: HttpRequest) -> HttpResponse:
    """All error codes."""
    return _page(request, "console/api_docs_errors.html", {**reference.errors(), "here": "errors"})


def _root(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _page(request: HttpRequest, template: str, context: Mapping[str, object]) -> HttpResponse:
    """The reference is for everybody; who is signed in can try things."""
    known = {"signed_in": request.user.is_authenticated, "nav": reference.nouns(document())}
    return render(request, template, {**known, **context})
