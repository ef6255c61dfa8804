"""Bodies that hold many events: larger than others, read line by line, bounded.

Only the view that reads them may be sent so much: elsewhere the framework ends a body at 1 MiB.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from billing.usage.cloudevents import Rejected, read_line, refuse_constant
from portal.api.errors import Malformed, TooLarge, UnsupportedMediaType

MOST_BYTES = 16 * 2**20
MOST_LINE = 16 * 2**10
_LINES = ("application/x-ndjson", "application/ndjson")
_LISTS = ("application/json", "application/cloudevents-batch+json")


def read_batch(request: HttpRequest, *, most: int) -> list[Any]:
    """Parsed events, or `Rejected` for a line that is none; numbers are exact.

    Raises: UnsupportedMediaType; Malformed for a list that is none; TooLarge beyond `most` events,
    16 MiB or 16 KiB a line.
    """
    kind = request.content_type
    if kind not in (*_LINES, *_LISTS):
        raise UnsupportedMediaType(
            _("The body is no batch of events."),
            hint=_("Send “Content-Type: application/x-ndjson” and one event a line."),
        )
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise _too_large()
    events = _lines(request, most) if kind in _LINES else _list(request)
    if len(events) > most:
        raise TooLarge(
            _("There are more than %(most)s events.") % {"most": most},
            hint=_("Send several batches."),
        )
    return events


def _lines(request: HttpRequest, most: int) -> list[Any]:
    events: list[Any] = []
    while len(events) <= most and (line := request.readline(MOST_LINE + 1)):
        if len(line) > MOST_LINE:
            raise TooLarge(
                _("Line %(number)s is longer than 16 KiB.") % {"number": len(events) + 1},
                hint=_("Send one event a line."),
            )
        if line.strip():
            events.append(_event(line))
    return events


def _event(line: bytes) -> Any:
    try:
        return read_line(line)
    except Rejected as error:
        return error


def _list(request: HttpRequest) -> list[Any]:
    try:
        found = json.loads(
            request.read(MOST_BYTES), parse_float=Decimal, parse_constant=refuse_constant
        )
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise Malformed(
            _("The body is not JSON in UTF-8."), hint=_("Send a list of events.")
        ) from error
    if not isinstance(found, list):
        raise Malformed(_("The body is no list."), hint=_("Send a list of events."))
    return found


def _too_large() -> TooLarge:
    return TooLarge(_("The body is larger than 16 MiB."), hint=_("Send several batches."))
