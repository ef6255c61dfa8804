"""The one place that validates what a tenant typed; the form, the API and the broker all call
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from portal.kernel.errors import Invalid
from services.spec import Offering, Parameter


def clean(
    offering: Offering,
    raw: Mapping[str, Any],
    *,
    current: Mapping[str, Any] | None = None,
    idle: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Values for every parameter of `offering`. What is left out keeps its `current` value, else
    its default. `idle` has those that mean nothing where the service runs, with the reason: they
    may only stay, or go back to their default.

    Raises: Invalid, with one message per field, named `parameters.<name>`; also when `current` is
    given and a parameter that cannot change would change.
    """
    known = {p.name: p for p in offering.parameters}
    faults = {
        f"parameters.{name}": _("%(offering)s has no such parameter.") % {"offering": offering.name}
        for name in raw
        if name not in known
    }
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        before = (current or {}).get(name, parameter.default)
        try:
            values[name] = _value(parameter, raw[name]) if name in raw else before
        except ValueError as error:
            faults[f"parameters.{name}"] = str(error)
            continue
        if current is not None and not parameter.mutable and values[name] != before:
            faults[f"parameters.{name}"] = _("This is fixed when the service is created.")
        elif idle and name in idle and values[name] not in (before, parameter.default):
            faults[f"parameters.{name}"] = idle[name]
    faults = {**_beside(known, values, current or {}), **faults}
    if faults:
        raise Invalid(faults)
    return values


def _beside(
    known: Mapping[str, Parameter], values: Mapping[str, Any], current: Mapping[str, Any]
) -> dict[str, str]:
    """Faults of what is switched on beside something that leaves it without effect."""
    text = _("This does nothing where “%(label)s” is “%(value)s”.")
    faults = {}
    for name in values:
        other, value = known[name].unless or ("", "")
        kept = (current.get(name), known[name].default)
        if other and values.get(other) == value and values[name] not in kept:
            words = {"label": _(known[other].label), "value": value}
            faults[f"parameters.{name}"] = text % words
    return faults


def _value(parameter: Parameter, raw: object) -> object:
    match parameter.kind:
        case "integer":
            return _integer(parameter, raw)
        case "boolean":
            return _boolean(raw)
        case "choice":
            if raw not in parameter.choices:
                raise ValueError(
                    _("Choose one of %(choices)s.") % {"choices": ", ".join(parameter.choices)}
                )
            return raw
        case "string":
            return _string(parameter, raw)


def _integer(parameter: Parameter, raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int | str):
        raise ValueError(_("Give a whole number."))
    try:
        value = int(raw)
    except ValueError as error:
        raise ValueError(_("Give a whole number.")) from error
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise ValueError(
            _("Give a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}
        )
    return value


def _boolean(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if raw in ("true", "on", "1"):
        return True
    if raw in ("false", "", "0", None):
        return False
    raise ValueError(_("Give true or false."))


def _string(parameter: Parameter, raw: object) -> str:
    if not isinstance(raw, str):
        raise ValueError(_("Give a text."))
    low, high = parameter.minimum or 0, parameter.maximum or 255
    if not low <= len(raw) <= high:
        raise ValueError(_("Give %(low)s to %(high)s characters.") % {"low": low, "high": high})
    if parameter.pattern and not re.fullmatch(parameter.pattern, raw):
        raise ValueError(parameter.help or _("This text has a character that is not allowed here."))
    return raw


def json_schema(offering: Offering) -> dict[str, Any]:
    """The offering's parameters as a JSON Schema object, as the API shows it."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {p.name: _property(p) for p in offering.parameters},
    }


def _property(parameter: Parameter) -> dict[str, Any]:
    kinds = {"integer": "integer", "boolean": "boolean", "choice": "string", "string": "string"}
    schema: dict[str, Any] = {
        "type": kinds[parameter.kind],
        "title": _(parameter.label),
        "default": parameter.default,
    }
    if parameter.help:
        schema["description"] = _(parameter.help)
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    low, high = (
        ("minimum", "maximum") if parameter.kind == "integer" else ("minLength", "maxLength")
    )
    if parameter.minimum is not None:
        schema[low] = parameter.minimum
    if parameter.maximum is not None:
        schema[high] = parameter.maximum
    if parameter.pattern:
        schema["pattern"] = f"^{parameter.pattern}$"
    if not parameter.mutable:
        schema["readOnly"] = False
        schema["x-fixed-at-create"] = True
    return schema
