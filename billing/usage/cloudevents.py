"""One reported event: from the JSON of a CloudEvent to usage, or what is wrong with it. Pure.

    {"specversion": "1.0", "type": "polder.usage.v1", "source": "edge/fra1", "id": "…",
     "subject": "pg-7f3a9c21",
     "data": {"meter": "egress", "start": "…", "end": "…", "quantity": "1.5"}}

Source: CloudEvents 1.0 (context attributes and the JSON batch format); shared design, billing 1.3.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from billing.pricebook.meters import METERS

TYPE = "polder.usage.v1"
LONGEST = timedelta(days=1)
SKEW = timedelta(minutes=5)  # by which a meter's clock may be ahead of ours
_MOST = Decimal(10) ** 15
_PLACES = 9
# What can stand in a name: visible, and nothing that a database or a page must escape.
_NAME = re.compile(r"[!-~]{1,100}")
_ZONE = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)$")
_KNOWN_DATA = frozenset({"meter", "start", "end", "quantity"})


@dataclass(frozen=True, slots=True)
class Reported:
    """`quantity` base units of `meter` by the instance called `subject`, in [`start`, `end`)."""

    source: str
    id: str
    subject: str
    meter: str
    start: datetime
    end: datetime
    quantity: Decimal

    @property
    def digest(self) -> str:
        """SHA-256 of what it says; two spellings of the same have the same."""
        return hashlib.sha256("\n".join(self.as_json().values()).encode()).hexdigest()

    def as_json(self) -> dict[str, str]:
        """What it says, as text."""
        return {
            "instance": self.subject,
            "meter": self.meter,
            "start": self.start.astimezone(UTC).isoformat(),
            "end": self.end.astimezone(UTC).isoformat(),
            "quantity": plain(self.quantity),
        }


class Rejected(Exception):
    """`code` is one of `billing.usage.ingestion.CODES`; the text says what is wrong with the
    event.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def plain(quantity: Decimal) -> str:
    """Without exponent and without zeros at the end."""
    text = f"{quantity:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_line(line: bytes) -> Any:
    """The JSON of one event, numbers exact. Raises: Rejected."""
    try:
        return json.loads(line, parse_float=Decimal, parse_constant=refuse_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise Rejected("malformed", _("This is not JSON in UTF-8.")) from error


def refuse_constant(name: str) -> None:
    """NaN and Infinity are no numbers of JSON. Raises: ValueError."""
    raise ValueError(name)


def read(event: Any, now: datetime) -> Reported:
    """Raises: Rejected for what no instance is needed to see."""
    if not isinstance(event, Mapping):
        raise Rejected("malformed", _("An event is a JSON object."))
    if event.get("specversion") != "1.0":
        raise Rejected("invalid", _("“specversion” must be “1.0”."))
    if event.get("type") != TYPE:
        raise Rejected("invalid", _("“type” must be “%(type)s”.") % {"type": TYPE})
    data = event.get("data")
    if not isinstance(data, Mapping):
        raise Rejected("invalid", _("“data” must be an object."))
    if unknown := sorted(set(data) - _KNOWN_DATA):
        raise Rejected("invalid", _("“data” knows no “%(name)s”.") % {"name": unknown[0][:60]})
    meter = _text(data, "meter")
    if meter not in METERS:
        raise Rejected("unknown-meter", _("There is no meter “%(name)s”.") % {"name": meter})
    start, end = _moment(data, "start"), _moment(data, "end")
    _check_time(start, end, now)
    return Reported(
        source=_text(event, "source"),
        id=_text(event, "id"),
        subject=_text(event, "subject"),
        meter=meter,
        start=start,
        end=end,
        quantity=_quantity(data.get("quantity")),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise Rejected(
            "invalid",
            _("“%(name)s” must be 1 to 100 visible ASCII characters.") % {"name": name},
        )
    return value


def _moment(fields: Mapping[str, Any], name: str) -> datetime:
    value = fields.get(name)
    try:
        if not isinstance(value, str) or not _ZONE.search(value):
            raise ValueError(name)
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Rejected(
            "invalid",
            _("“%(name)s” must be a time with its zone, as 2027-01-31T12:00:00Z.") % {"name": name},
        ) from error


def _check_time(start: datetime, end: datetime, now: datetime) -> None:
    if end <= start:
        raise Rejected("invalid", _("“end” must lie after “start”."))
    if end - start > LONGEST:
        raise Rejected("too-long", _("One event may cover a day at most; send several."))
    if end > now + SKEW:
        raise Rejected("future", _("The event ends in the future."))


def _quantity(value: object) -> Decimal:
    """Text or a number of JSON, which is read exactly."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Rejected("invalid", _("“quantity” must be a number, better as text."))
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,30}(\.\d{1,30})?", value, re.ASCII):
        raise Rejected("invalid", _("“quantity” must be a number, better as text."))
    found = Decimal(value)
    if found < 0:
        raise Rejected(
            "negative", _("A quantity is never negative; corrections are made by staff.")
        )
    if found >= _MOST:
        raise Rejected("invalid", _("“quantity” is too large."))
    if found != round(found, _PLACES):
        raise Rejected("invalid", _("“quantity” has more than nine decimals."))
    return found
