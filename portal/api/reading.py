"""Reads query, headers and body as a contract says. Whatever does not fit is an error that names
it; nothing is silently left out or turned into something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, ValidationError, validators  # type: ignore[import-untyped]

from portal.api.contract import Json, Query
from portal.api.errors import (
    Fault,
    InvalidBody,
    InvalidHeader,
    InvalidQuery,
    Malformed,
    UnsupportedMediaType,
)
from portal.kernel.errors import Invalid

NAME = re.compile(r"[-_a-zA-Z0-9]{0,80}")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
IF_MATCH = re.compile(r'\*|(W/)?"[!#-+\--~]*"( ?, ?(W/)?"[!#-+\--~]*")*')
_ZONE = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)$")
_LARGEST = 2**63 - 1
# What a text must look like is said by the action that it goes to, in better words.
_Validator = validators.create(
    Draft202012Validator.META_SCHEMA,
    {
        name: check
        for name, check in Draft202012Validator.VALIDATORS.items()
        if name not in ("pattern", "propertyNames", "format")
    },
)


# -- query and headers -----------------------------------------------------------------------------


def read_query(request: HttpRequest, known: Iterable[Query]) -> dict[str, Any]:
    """Values by name; what is left out, or an empty text, is missing. Raises: InvalidQuery."""
    queries = {query.name: query for query in known}
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for name, given in request.GET.lists():
        try:
            if name not in queries:
                raise ValueError(_("There is no query parameter “%(name)s” here.") % {"name": name})
            if len(given) > 1:
                raise ValueError(_("“%(name)s” is given more than once.") % {"name": name})
            value = _query_value(queries[name], given[0])
            if value != "":
                values[name] = value
        except ValueError as error:
            faults.append({"pointer": f"?{name}", "code": "invalid", "detail": str(error)})
    if faults:
        raise InvalidQuery(faults)
    return values


def _query_value(query: Query, text: str) -> object:
    params = {"name": query.name}
    if "\0" in text or (query.kind == "text" and len(text) > query.maximum):
        raise ValueError(_("“%(name)s” cannot be read, or is too long.") % params)
    if query.kind == "name" and not query.choices and not NAME.fullmatch(text):
        raise ValueError(_("“%(name)s” must be a name: letters, digits and dashes.") % params)
    if query.choices and text not in query.choices:
        params["choices"] = ", ".join(query.choices)
        raise ValueError(_("“%(name)s” must be one of %(choices)s.") % params)
    if query.kind == "integer":
        return _query_integer(query, text)
    if query.kind == "boolean":
        if text not in ("true", "false"):
            raise ValueError(_("“%(name)s” must be true or false.") % params)
        return text == "true"
    return read_moment(text) if query.kind == "moment" else text


def _query_integer(query: Query, text: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,18}", text) and query.minimum <= int(text) <= query.maximum:
        return int(text)
    raise ValueError(
        _("“%(name)s” must be a whole number from %(low)s to %(high)s.")
        % {"name": query.name, "low": query.minimum, "high": query.maximum}
    )


def read_moment(text: str) -> datetime:
    """Raises: ValueError for what is no RFC 3339 time, or one that no calendar holds."""
    said = _("Give a time with its zone, as in 2026-01-31T12:00:00Z.")
    if not _ZONE.search(text):
        raise ValueError(said)
    try:
        found = parse_datetime(text)
        if found is None or found.tzinfo is None:
            raise ValueError(said)
        return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(said) from error


def decimal_of(text: str, field: str) -> Decimal:
    """A decimal number of a body. Raises: Invalid for what is none, or has no end."""
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise Invalid({field: _("Give a decimal number as a text, as in “0.35”.")})
    return found


def read_idempotency_key(request: HttpRequest) -> str:
    """Empty when there is none. Raises: InvalidHeader."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if not _KEY.fullmatch(key):
        raise InvalidHeader(
            _("The Idempotency-Key is not 1 to 200 printable ASCII characters without spaces."),
            hint=_("Use a UUID."),
        )
    return str(key)


def read_if_match(request: HttpRequest) -> list[str] | None:
    """The entity tags of `If-Match`; None without it. Raises: InvalidHeader."""
    given = request.headers.get("If-Match")
    if given is None:
        return None
    if not IF_MATCH.fullmatch(given):
        raise InvalidHeader(
            _("If-Match holds no entity tags."),
            hint=_("Send the ETag of the answer that you read, with its quotation marks."),
        )
    return [tag.strip() for tag in given.split(",")]


# -- the body --------------------------------------------------------------------------------------


def read_body(request: HttpRequest, schema: Json) -> dict[str, Any]:
    """The fields of the body, checked against `schema`; times are aware datetimes.

    Raises: UnsupportedMediaType, Malformed, InvalidBody with every fault.
    """
    data = _read_json(request)
    faults = [
        fault for error in _checker(_frozen(schema)).iter_errors(data) for fault in _said(error)
    ]
    if faults:
        raise InvalidBody(faults)
    return {name: _moment(schema, name, value) for name, value in data.items()}


def _read_json(request: HttpRequest) -> Any:
    if request.content_type not in ("application/json", "") or (
        not request.content_type and request.body
    ):
        raise UnsupportedMediaType(
            _("The body is not marked as JSON."), hint=_("Send “Content-Type: application/json”.")
        )
    try:
        data = json.loads(request.body.decode() or "{}", parse_constant=_no_constant)
        _check_values(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(
            _("The body is not JSON in UTF-8: %(why)s") % {"why": _why(error)},
            hint=_("Send one JSON object."),
        ) from error
    return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _why(error: Exception) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:120]


def _check_values(value: object) -> None:
    """Raises: ValueError for what no database column can hold."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("a text holds a NUL character or half a surrogate pair")
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) > _LARGEST):
        if abs(value) > _LARGEST:
            raise ValueError("a number is too large")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_values(name)
            _check_values(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner)


def _frozen(schema: Json) -> str:
    return json.dumps(schema, sort_keys=True)


@lru_cache(maxsize=64)
def _checker(schema: str) -> Any:
    return _Validator(json.loads(schema))


def _said(error: ValidationError) -> list[Fault]:
    path = "".join(f"/{_escaped(str(part))}" for part in error.absolute_path)
    instance, rule = error.instance, error.validator_value
    match error.validator:
        case "required":
            missing = [name for name in rule if name not in instance]
            name = next((n for n in missing if f"'{n}'" in error.message), missing[0])
            return [_fault(f"{path}/{name}", "required", _("Give this field."))]
        case "additionalProperties":
            known: Mapping[str, Any] = error.schema.get("properties", {})
            text = _("There is no such field here.")
            return [
                _fault(f"{path}/{_escaped(name)}", "unknown-field", text)
                for name in instance
                if name not in known
            ]
        case "type":
            text = _("This must be of type %(kinds)s.") % {"kinds": _kinds(rule)}
            return [_fault(path, "wrong-type", text)]
        case "enum":
            text = _("Choose one of %(choices)s.") % {"choices": ", ".join(map(str, rule))}
            return [_fault(path, "not-a-choice", text)]
        case "maxLength" | "maxItems" | "maxProperties":
            return [_fault(path, "length", _("At most %(most)s here.") % {"most": rule})]
        case "minLength" | "minItems" | "minProperties":
            return [_fault(path, "length", _("At least %(least)s here.") % {"least": rule})]
        case _:
            return [_fault(path, "invalid", _("This value does not fit."))]


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _kinds(rule: str | list[str]) -> str:
    return rule if isinstance(rule, str) else " / ".join(rule)


def _fault(pointer: str, code: str, detail: str) -> Fault:
    return {"pointer": pointer, "code": code, "detail": detail}


def _moment(schema: Json, name: str, value: object) -> object:
    if schema["properties"][name].get("format") != "date-time" or not isinstance(value, str):
        return value
    try:
        return read_moment(value)
    except ValueError as error:
        raise InvalidBody([_fault(f"/{name}", "invalid", str(error))]) from error
