"""The OpenAPI document as rows for the pages of the reference. Reads nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from portal.api.codes import CODES, FIELD_CODES
from portal.api.contract import Json
from portal.api.schema import PREFIX, noun_of
from services.spec import gettext_noop

# The pages, in the order of a first visit.
_NOUNS = {
    "offerings": gettext_noop("Catalogue"),
    "regions": gettext_noop("Regions"),
    "prices": gettext_noop("Prices"),
    "costs": gettext_noop("Costs"),
    "usage": gettext_noop("Usage"),
    "invoices": gettext_noop("Invoices"),
    "commitments": gettext_noop("Commitments"),
    "advice": gettext_noop("Advice"),
    "budgets": gettext_noop("Budgets"),
    "orders": gettext_noop("Orders that need approval"),
    "focus": "FOCUS",
    "sla": gettext_noop("Promises kept"),
    "instances": gettext_noop("Services"),
    "monitoring": gettext_noop("Monitoring"),
    "operations": gettext_noop("Operations"),
    "projects": gettext_noop("Projects"),
    "quota-requests": gettext_noop("Quota requests"),
    "organisations": gettext_noop("Organisations"),
    "members": gettext_noop("Members"),
    "invitations": gettext_noop("Invitations"),
    "tokens": gettext_noop("Tokens"),
    "service-accounts": gettext_noop("Service accounts"),
    "audit": gettext_noop("Audit"),
    "webhooks": gettext_noop("Webhooks"),
}
_SAMPLES: dict[str, Any] = {
    "offering": "postgresql",
    "name": "orders-db",
    "plan": "single-2x8",
    "role": "viewer",
    "email": "ada@example.org",
    "tags": {"team": "orders"},
    "protected": False,
    "window_day": "sunday",
    "window_hour": 2,
    "expires_at": "2027-01-31T12:00:00Z",
    "member_expires_at": "2027-01-31T12:00:00Z",
    "region": "local",
    "limit": 16,
    "amount": "750.00",
    "reason": "The shop grows.",
    "time_zone": "Europe/Amsterdam",
    "project": "shop",
    "url": "https://hooks.example.org/polder",
    "events": ["operation.failed", "service.down"],
    "term": "1y",
    "pieces": 2,
}
_IDS = {
    "instances": "pg-7f3a9c21",
    "budgets": "bg-4e8a1c07",
    "orders": "or-9d27b3f0",
    "operations": "op-5b1c20de",
    "members": "mb-3c0d9a41",
    "invitations": "iv-6f20b8d4",
    "quota-requests": "qr-2ac9571e",
    "tokens": "tk-91f0aa27",
    "service-accounts": "sa-0d4e6f12",
    "webhooks": "wh-58c0b1d3",
    "commitments": "cm-4e8b17c0",
    "offerings": "postgresql",
    "projects": "shop",
    "organisations": "acme",
    "invoices": "2026-000042",
    "advice": "ad-41c07d9e",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a body or an answer. `shape` is a component to link to."""

    name: str
    kind: str
    text: str = ""
    place: str = ""
    required: bool = False
    shape: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    text: str
    shape: str
    listing: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One operation. `path` is below /api/v1/; `tryable` ones can be opened in the browser."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    body: list[Field]
    answers: list[Answer]
    problems: list[str]
    curl: str
    public: bool
    tryable: bool


@dataclass(frozen=True, slots=True)
class Noun:
    """A page of the reference."""

    slug: str
    title: str
    calls: list[Call] = field(default_factory=list)


def nouns(document: Json) -> list[Noun]:
    """All pages, each with what it holds, without samples."""
    return [found for slug in _NOUNS if (found := noun(document, slug, "")) is not None]


def noun(document: Json, slug: str, root: str) -> Noun | None:
    """One page; None when there is none. `root` is the address of this copy, for samples."""
    if slug not in _NOUNS:
        return None
    calls = [
        _call(path, method, operation, root)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if noun_of(path) == slug
    ]
    return Noun(slug, _(_NOUNS[slug]), calls)


def shape_names(document: Json) -> list[str]:
    """Of all shapes, in the order of the alphabet."""
    return sorted(document["components"]["schemas"])


def shapes(document: Json, name: str) -> list[tuple[str, list[Field]]]:
    """A shape and all that it is made of, each once, with their fields; empty for no shape."""
    known = document["components"]["schemas"]
    found: dict[str, list[Field]] = {}
    wanted = [name] if name in known else []
    while wanted:
        current = wanted.pop(0)
        if current not in found:
            found[current] = list(_fields(known[current]))
            wanted += [field.shape for field in found[current] if field.shape]
    return list(found.items())


def first_request(root: str) -> str:
    return (
        "export POLDER_TOKEN=polder_…\n"
        f'curl -H "Authorization: Bearer $POLDER_TOKEN" {root}{PREFIX}offerings'
    )


def errors() -> dict[str, object]:
    codes = [(code, status, _marked(_(text))) for code, (status, text) in CODES.items()]
    return {
        "codes": sorted(codes, key=lambda row: row[1]),
        "field_codes": [(code, _(text)) for code, text in FIELD_CODES.items()],
    }


def _call(path: str, method: str, operation: Json, root: str) -> Call:
    body = _body_of(operation)
    parameters = [_parameter(one) for one in operation["parameters"]]
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        description=_marked(operation["description"]),
        parameters=parameters,
        body=list(_fields(body)) if body else [],
        answers=list(_answers(operation["responses"])),
        problems=[s for s, r in operation["responses"].items() if _is_problem(r)],
        curl=_curl(path, method, body, root, public=operation["security"] == [{}]),
        public=operation["security"] == [{}],
        tryable=method == "get",
    )


def _body_of(operation: Json) -> Json | None:
    content = operation.get("requestBody", {}).get("content", {})
    schema: Json | None = content.get("application/json", {}).get("schema")
    return schema["items"] if schema and schema["type"] == "array" else schema


def _parameter(parameter: Json) -> Field:
    schema = parameter["schema"]
    return Field(
        parameter["name"],
        _kind(schema),
        _marked(parameter.get("description", "")),
        parameter["in"],
        parameter.get("required", False),
        choices=tuple(schema.get("enum", ())),
    )


def _fields(schema: Json) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, part in schema.get("properties", {}).items():
        yield Field(
            name,
            _kind(part),
            _marked(part.get("description", "")),
            required=name in required,
            shape=_shape(part),
            choices=_choices(part),
        )


def _kind(schema: Json) -> str:
    """`text`, `list of Endpoint`, `integer or null`."""
    if "$ref" in schema:
        return _shape(schema)
    if "anyOf" in schema:
        return _(" or ").join(_kind(part) for part in schema["anyOf"])
    kinds = schema.get("type", "object")
    words = [kinds] if isinstance(kinds, str) else list(kinds)
    if words[0] == "array":
        return _("list of %(kind)s") % {"kind": _kind(schema["items"])}
    named = schema.get("format") if words[0] == "string" else None
    return _(" or ").join([named or words[0], *words[1:]])


def _shape(schema: Json) -> str:
    """The name of the component that a schema leads to; empty for none."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "items" in schema:
        return _shape(schema["items"])
    return next((name for part in schema.get("anyOf", []) if (name := _shape(part))), "")


def _choices(schema: Json) -> tuple[str, ...]:
    inner = schema.get("items", schema)
    return tuple(inner.get("enum", ()))


def _is_problem(response: Json) -> bool:
    return "$ref" in response


def _answers(responses: Json) -> Iterator[Answer]:
    for status, response in responses.items():
        if _is_problem(response):
            continue
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        listing = "results" in schema.get("properties", {})
        shape = schema["properties"]["results"]["items"] if listing else schema
        names = [_shape(part) for part in shape.get("anyOf", [shape])]
        for name in names:
            yield Answer(status, response["description"], name, listing)


def _curl(path: str, method: str, body: Json | None, root: str, *, public: bool) -> str:
    """A line that works once the token is put in."""
    first = path.removeprefix(PREFIX).split("/")[0]
    sample = _IDS.get(first, "")
    url = root + path.replace("{slug}", sample).replace("{id}", sample)
    url = url.replace("{number}", sample)
    url = url.replace("{delivery}", "dl-9b1d7c3f5a2e4068f7c1d3b5")
    parts = ["curl" if method == "get" else f"curl -X {method.upper()}"]
    if not public:
        parts.append('-H "Authorization: Bearer $POLDER_TOKEN"')
    if body is not None and "data" in body["properties"]:  # events, a file of them
        parts.append('-H "Content-Type: application/x-ndjson"')
        parts.append("--data-binary @events.ndjson")
    elif body is not None:
        parts.append('-H "Content-Type: application/json"')
        parts.append(f"-d '{json.dumps(_sample(body))}'")
    return " \\\n  ".join([*parts, url])


def _sample(body: Json) -> Json:
    """What must be there, or, where nothing must, the first field."""
    properties = body["properties"]
    names = body.get("required") or list(properties)[:1]
    return {name: _value(name, properties[name]) for name in names}


def _value(name: str, schema: Json) -> Any:
    """A sample that the schema takes."""
    choices = schema.get("enum", ())
    sample = _SAMPLES.get(name, "…")
    return sample if not choices or sample in choices else choices[0]


def _marked(text: str) -> str:
    """What stands between backticks as code."""
    parts = text.split("`")
    return format_html_join(
        "",
        "{}",
        ((format_html("<code>{}</code>", p) if n % 2 else p,) for n, p in enumerate(parts)),
    )
