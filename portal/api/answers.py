"""Answers in JSON. Plain `json.dumps` of plain dicts: the shapes are made in `serializers`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from portal.kernel.errors import PreconditionFailed

PROBLEM = "application/problem+json"


def json_response(
    data: object,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> HttpResponse:
    """`data` as compact UTF-8."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(body, status=status, content_type=content_type, headers=headers)


def created(request: Any, data: object, url_name: str, *args: str) -> HttpResponse:
    """201 with the address of what was made. Not to be kept by a cache: it may hold a secret."""
    location = request.build_absolute_uri(reverse(f"api:{url_name}", args=args))
    headers = {"Location": location, "Cache-Control": "no-store"}
    return json_response(data, 201, headers=headers)


def nothing() -> HttpResponse:
    return HttpResponse(status=204)


def etag_of(row: Mapping[str, Any]) -> str:
    """Changes with desired state and with each edit. `row` holds generation and updated_at."""
    moment = int(row["updated_at"].timestamp() * 1_000_000)
    return f'"{row["generation"]}-{moment:x}"'


def check_if_match(wanted: list[str] | None, current: str) -> None:
    """`wanted` is what `If-Match` names; None means no condition. Raises: PreconditionFailed."""
    if wanted is not None and "*" not in wanted and current not in wanted:
        raise PreconditionFailed(
            _("It was changed since you read it."),
            hint=_("Read it again, then repeat what you wanted with its new ETag."),
        )
