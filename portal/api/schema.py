"""The OpenAPI document, made from the contracts of the views. drf-spectacular walks the addresses
and puts the document together; what an operation takes and answers is written here, exactly.
"""

from __future__ import annotations

import re
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from portal.api.answers import PROBLEM
from portal.api.contract import Contract, Json, Query, contract_of
from portal.api.reading import IF_MATCH, NAME
from portal.api.serializers import (
    advice,
    billing,
    budgets,
    catalogue,
    commitments,
    common,
    identity,
    instances,
    invoices,
    operations,
    probes,
    sla,
    tenancy,
    usage,
    webhooks,
)
from services.spec import gettext_noop

PREFIX = "/api/v1/"
SCHEMAS: dict[str, Json] = {
    **common.SCHEMAS,
    **catalogue.SCHEMAS,
    **instances.SCHEMAS,
    **operations.SCHEMAS,
    **tenancy.SCHEMAS,
    **webhooks.SCHEMAS,
    **billing.SCHEMAS,
    **usage.SCHEMAS,
    **commitments.SCHEMAS,
    **budgets.SCHEMAS,
    **identity.SCHEMAS,
    **invoices.SCHEMAS,
    **advice.SCHEMAS,
    **sla.SCHEMAS,
    **probes.SCHEMAS,
}
SLUG: Json = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$", "maxLength": 80}
_PROBLEMS = (400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 429, 500, 503)
_RATE = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
_HEADERS: dict[str, tuple[Json, str]] = {
    "RateLimit-Limit": (common.INTEGER, gettext_noop("Requests a minute that this token has.")),
    "RateLimit-Remaining": (common.INTEGER, gettext_noop("How many of them are left.")),
    "RateLimit-Reset": (common.INTEGER, gettext_noop("Seconds until they are all there again.")),
    "Location": ({"type": "string", "format": "uri"}, gettext_noop("Where to ask for it.")),
    "Retry-After": (common.INTEGER, gettext_noop("Seconds to wait before the next request.")),
    "ETag": (common.TEXT, gettext_noop("The version that `If-Match` can name.")),
    "WWW-Authenticate": (common.TEXT, gettext_noop("How to authenticate.")),
    "Idempotency-Key": (
        {"type": "string", "pattern": "^[!-~]{1,200}$", "minLength": 1, "maxLength": 200},
        gettext_noop("The same key and body within a day give the first answer again."),
    ),
    "If-Match": (
        {"type": "string", "pattern": f"^({IF_MATCH.pattern})$"},
        gettext_noop("Only when this is still the newest version; else 412."),
    ),
}


class Schema(AutoSchema):
    """One operation, from its contract."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> Json | None:
        terms = contract_of(self.view, method)
        if terms is None:
            return None
        component: Any = ResolvedComponent  # has no types
        for name, schema in SCHEMAS.items():
            registry.register_on_missing(component(name, component.SCHEMA, _in_words(schema), name))
        operation: Json = {
            "operationId": _operation_id(path, method),
            "summary": _(terms.summary),
            "description": _description(terms),
            "tags": [noun_of(path)],
            "parameters": _path_parameters(path) + _parameters(terms),
            "security": [{}] if terms.public else [{"token": []}, {"session": []}],
            "responses": _responses(terms, method),
        }
        if terms.body is not None:
            content: Json = {"application/json": {"schema": _in_words(terms.body)}}
            if terms.body["type"] == "array":
                content["application/x-ndjson"] = {"schema": common.TEXT}
            operation["requestBody"] = {"required": True, "content": content}
        return operation


def document() -> Json:
    """The whole document, in the reader's language."""
    return _document(get_language() or "")


@lru_cache(maxsize=8)
def _document(language: str) -> Json:
    generator: Any = SchemaGenerator  # has no types
    found: Json = generator().get_schema(request=None, public=True)
    found["components"]["headers"] = {
        name: {"description": _(text), "schema": schema}
        for name, (schema, text) in _HEADERS.items()
    }
    found["components"]["responses"] = {
        HTTPStatus(status).name: _problem(status) for status in _PROBLEMS
    }
    return found


def _in_words(schema: Json) -> Json:
    """A copy whose descriptions speak the reader's language."""
    return {
        key: _(value)
        if key == "description" and isinstance(value, str)
        else _in_words(value)
        if isinstance(value, dict)
        else value
        for key, value in schema.items()
    }


# What is read of a service while it runs.
_MONITORING = frozenset({"events", "interruptions", "logs", "metrics"})


def noun_of(path: str) -> str:
    """What an address is about: the page of the reference that it stands on."""
    parts = path.removeprefix(PREFIX).split("/")
    if parts[0] == "instances" and parts[-1] in _MONITORING:
        return "monitoring"
    return "instances" if parts[-1] == "instances" else parts[0]


def _operation_id(path: str, method: str) -> str:
    words = re.findall(r"[a-z]+", path.removeprefix(PREFIX))
    return "_".join([method.lower(), *words])


def _description(terms: Contract) -> str:
    parts = [_(terms.description)] if terms.description else []
    if terms.permission is not None:
        needs = _("Needs the permission `%(name)s`.") % {"name": terms.permission.value}
        parts.append(needs)
    return " ".join(parts)


def _path_parameters(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": SLUG}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _parameters(terms: Contract) -> list[Json]:
    found = [
        {"name": q.name, "in": "query", "description": _(q.help), "schema": _query_schema(q)}
        for q in terms.parameters
    ]
    headers = (["Idempotency-Key"] if terms.once else []) + (["If-Match"] if terms.guarded else [])
    return found + [
        {"name": name, "in": "header", "description": _(text), "schema": schema}
        for name in headers
        for schema, text in [_HEADERS[name]]
    ]


def _query_schema(query: Query) -> Json:
    if query.choices:
        return {"type": "string", "enum": list(query.choices)}
    if query.kind == "integer":
        return {"type": "integer", "minimum": query.minimum, "maximum": query.maximum}
    if query.kind == "boolean":
        return {"type": "boolean"}
    if query.kind == "name":
        return {"type": "string", "pattern": f"^{NAME.pattern}$"}
    return (
        common.MOMENT if query.kind == "moment" else {"type": "string", "maxLength": query.maximum}
    )


def _responses(terms: Contract, method: str) -> Json:
    found = {str(status): _answer(terms, status, names) for status, names in terms.answers.items()}
    return found | {
        str(status): {"$ref": f"#/components/responses/{HTTPStatus(status).name}"}
        for status in _problems(terms, method)
    }


def _problems(terms: Contract, method: str) -> list[int]:
    statuses = [400, 401, 404, 429, 500, 503]
    if not terms.public:
        statuses.append(403)
    if method.upper() != "GET" or "Credentials" in terms.answers.values():
        statuses += [409, 410]
    if terms.body is not None:
        statuses += [413, 415]
    if method.upper() != "GET":
        statuses.append(422)
    if terms.guarded:
        statuses.append(412)
    return sorted(statuses)


def _answer(terms: Contract, status: int, names: str) -> Json:
    headers = list(_RATE)
    answer: Json = {"description": HTTPStatus(status).phrase}
    if status in (201, 202):
        headers.append("Location")
    if status == 202:
        headers.append("Retry-After")
    if terms.versioned and status == 200:
        headers.append("ETag")
    if names:
        refs = [common.ref(name) for name in names.split("|")]
        schema = {"anyOf": refs} if len(refs) > 1 else refs[0]
        if terms.listing:
            schema = _page(schema)
        answer["content"] = {"application/json": {"schema": schema}}
    required = {"Location"} | ({"Retry-After"} if status == 202 else set())
    return answer | {"headers": _headers(headers, required)}


def _problem(status: int) -> Json:
    headers = list(_RATE) + (["WWW-Authenticate"] if status == 401 else [])
    if status in (429, 503):
        headers.append("Retry-After")
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(headers, {"WWW-Authenticate", "Retry-After"}),
        "content": {PROBLEM: {"schema": common.ref("Problem")}},
    }


def _headers(names: list[str], required: set[str]) -> Json:
    """By reference, but for those that are always there."""
    return {
        name: {"$ref": f"#/components/headers/{name}"}
        if name not in required
        else {"description": _(_HEADERS[name][1]), "schema": _HEADERS[name][0], "required": True}
        for name in names
    }


def _page(item: Json) -> Json:
    link = common.maybe({"type": "string", "format": "uri"})
    return common.shape({"results": common.many(item), "next": link, "previous": link})
