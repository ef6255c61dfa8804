"""What a form does, as a call of the REST API: "the same from code"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from portal.tenancy.models import Project
    from services.instances.models import Instance
    from services.spec import Offering

_AUTHORISED = '-H "Authorization: Bearer $POLDER_TOKEN"'


def curl(method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
    """A command for a shell; the token stays in the environment."""
    first = f"curl -X {method} {settings.POLDER_URL}/api/v1/{path} \\\n  {_AUTHORISED}"
    if body is None:
        return first
    sent = json.dumps(body, ensure_ascii=False).replace("'", "'\\''")
    return f"{first} -H \"Content-Type: application/json\" \\\n  -d '{sent}'"


def order(project: Project, body: Mapping[str, Any]) -> str:
    return curl("POST", f"projects/{project.slug}/instances", body)


def change(instance: Instance, body: Mapping[str, Any]) -> str:
    return curl("PATCH", f"instances/{instance.public_id}", body)


def act(instance: Instance, verb: str) -> str:
    """`verb` is pause, resume, rotate or undelete."""
    return curl("POST", f"instances/{instance.public_id}/{verb}")


def delete(instance: Instance, *, purge: bool = False) -> str:
    return curl("DELETE", f"instances/{instance.public_id}{'?purge=true' if purge else ''}")


def changed_parameters(
    offering: Offering, values: Mapping[str, Any], than: Mapping[str, Any]
) -> Any:
    """What of `values` differs from `than`, with numbers as numbers."""
    found: dict[str, Any] = {}
    for parameter in offering.parameters:
        value = values.get(parameter.name, than.get(parameter.name))
        if parameter.kind == "integer" and str(value).lstrip("-").isdigit():
            value = int(value)
        if value != than.get(parameter.name):
            found[parameter.name] = value
    return found
