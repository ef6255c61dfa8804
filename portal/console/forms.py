"""Form fields built from an offering, so that no service needs a form of its own.

What was typed is validated by `services.parameters` and `services.instances.admission`, where the
API's is too; here it is only read and shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from services.regions.choices import asked
from services.spec import Offering, Parameter

if TYPE_CHECKING:
    from services.regions.models import Region


@dataclass(frozen=True, slots=True)
class Field:
    """One control as a template draws it. `kind` is text, number, checkbox or select."""

    name: str
    id: str
    label: str
    kind: str
    value: str
    help: str = ""
    error: str = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    fixed: bool = False
    advanced: bool = True
    restart: bool = False

    @property
    def checked(self) -> bool:
        return self.value in ("true", "on", "1", "True")

    @property
    def described_by(self) -> str:
        ids = ([f"{self.id}-h"] if self.help else []) + ([f"{self.id}-e"] if self.error else [])
        return " ".join(ids)


_KINDS = {"string": "text", "integer": "number", "boolean": "checkbox", "choice": "select"}
PREFIX = "p-"


def parameter_fields(
    offering: Offering,
    values: Mapping[str, Any],
    errors: Mapping[str, str],
    *,
    region: Region | None,
    changing: bool = False,
) -> list[Field]:
    """A field for each parameter that means something in `region`; with `changing`, those fixed at
    create are shown and locked.
    """
    backend = region.backend if region else ""
    return [_field(p, values, errors, backend, changing) for p in asked(offering, region)]


def _field(
    parameter: Parameter,
    values: Mapping[str, Any],
    errors: Mapping[str, str],
    backend: str,
    changing: bool,
) -> Field:
    value = values.get(parameter.name, parameter.default)
    number = parameter.kind == "integer"
    return Field(
        name=f"{PREFIX}{parameter.name}",
        id=f"{PREFIX}{parameter.name}",
        label=_(parameter.label),
        kind=_KINDS[parameter.kind],
        value=str(value).lower() if isinstance(value, bool) else str(value),
        help=_(parameter.help) if parameter.help else "",
        error=errors.get(f"parameters.{parameter.name}", ""),
        choices=parameter.choices,
        minimum=parameter.minimum if number else None,
        maximum=parameter.maximum,
        fixed=changing and not parameter.mutable,
        advanced=parameter.advanced,
        restart=changing and parameter.restarts(backend),
    )


def raw_parameters(
    offering: Offering, data: QueryDict, *, region: Region | None, changing: bool = False
) -> dict[str, Any]:
    """What was typed, by parameter name. A checkbox that was not sent is off; what is locked is
    left out.
    """
    typed: dict[str, Any] = {}
    sent = data.dict()
    for parameter in asked(offering, region):
        key = f"{PREFIX}{parameter.name}"
        if changing and not parameter.mutable:
            continue
        if parameter.kind == "boolean" and "sent" in sent:
            typed[parameter.name] = key in sent
        elif key in sent:
            typed[parameter.name] = str(sent[key]).strip()
    return typed
