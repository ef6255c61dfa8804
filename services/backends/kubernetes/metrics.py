"""The metrics API of a region: one client a look, every answer with an end, its headers
included, nothing followed.

Numbers stay decimals as they were sent. Source: Prometheus, "HTTP API", instant queries.
"""

from __future__ import annotations

import json
import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import urllib3

from portal.kernel.errors import Permanent, Temporary
from services.backends.kubernetes import patience, until
from services.regions.metrics import MetricsApi

logger = logging.getLogger(__name__)
_CONNECT_SECONDS, _ANSWER_SECONDS = 3.05, 20.0
_MOST_BYTES = 8 << 20  # read, they take some twenty times as much memory
_AT_ONCE = 1 << 16
_MOST_SAID = 300
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
# More than any counter counts; with exponents without end no sum would.
_TOO_MUCH = Decimal(10) ** 30
_UNREADABLE = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError)
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Series:
    """`samples` by their time in seconds since 1970, oldest first."""

    labels: Labels
    samples: Sequence[tuple[Decimal, Decimal]]


class TooLong(Permanent):
    """It answers more than is read; of a shorter range it may be less."""


class Metrics:
    """Raises everywhere: Temporary("metrics-away"), Permanent("metrics-refused")."""

    def __init__(self, api: MetricsApi) -> None:
        self.api = api
        self._pool = until.pool(
            ssl_context=ssl.create_default_context(cadata=api.ca or None),
            retries=False,
        )

    def query(self, expression: str, at: datetime) -> list[Series]:
        """The samples of a range, or one for each series of an instant."""
        answer = self._ask({"query": expression, "time": f"{at.timestamp():.3f}"})
        if answer.get("resultType") not in ("matrix", "vector"):
            raise Permanent("metrics-refused", detail="It answers no series.")
        try:
            return [_series(one) for one in answer["result"]]
        except _UNREADABLE as error:
            raise Permanent("metrics-refused", detail="Its series cannot be read.") from error

    def count(self, selector: str, at: datetime) -> int:
        """How many series it has now."""
        found = self.query(f"count({selector})", at)
        if not all(one.samples for one in found):
            raise Permanent("metrics-refused", detail="It counts no series.")
        return sum(int(one.samples[0][1]) for one in found)

    def _ask(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """In the body, so that no log of requests holds what is asked."""
        headers = {"Accept": "application/json"}
        if self.api.token:
            headers["Authorization"] = f"Bearer {self.api.token}"
        seconds = _seconds()
        try:
            with until.deadline(time.monotonic() + seconds):
                answer = self._pool.request(
                    "POST",
                    f"{self.api.url}/api/v1/query",
                    fields=dict(fields),
                    headers=headers,
                    encode_multipart=False,
                    redirect=False,
                    preload_content=False,
                    timeout=urllib3.Timeout(connect=min(_CONNECT_SECONDS, seconds), read=seconds),
                )
                try:
                    body = _read(answer)
                finally:
                    answer.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise Temporary("metrics-away", retry_after=60, detail=type(error).__name__) from error
        return _told(answer.status, body)


def _seconds() -> float:
    """How long an answer may take, from asking to its last byte."""
    try:
        left = patience.left()
    except Temporary as error:
        raise Temporary("metrics-away", retry_after=5, detail=error.detail) from error
    return min(left, _ANSWER_SECONDS) if isinstance(left, float) else _ANSWER_SECONDS


def _read(answer: urllib3.BaseHTTPResponse) -> bytes:
    """What there is of it so far, again and again, up to what is too much."""
    found = bytearray()
    while len(found) <= _MOST_BYTES:
        part = answer.read1(_AT_ONCE, decode_content=True)
        if not part:
            break
        found += part
    return bytes(found)


def _told(status: int, body: bytes) -> dict[str, Any]:
    if len(body) > _MOST_BYTES:
        raise TooLong("metrics-refused", detail="Its answer is too long.")
    try:
        said = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError):
        said = None
    if status in _BUSY:
        raise Temporary("metrics-away", retry_after=60, detail=f"{status} {_why(said)}".strip())
    if status != 200 or not isinstance(said, dict) or not isinstance(said.get("data"), dict):
        raise Permanent("metrics-refused", detail=f"{status} {_why(said)}".strip())
    return dict(said["data"])


def _why(said: Any) -> str:
    return str(said.get("error", ""))[:_MOST_SAID] if isinstance(said, dict) else ""


def _series(one: Mapping[str, Any]) -> Series:
    """What is no finite number says nothing and is left out."""
    samples = []
    for at, value in one.get("values") or [one["value"]] if "value" in one else one["values"]:
        number = _number(value)
        if number is not None:
            samples.append((Decimal(at), number))
    labels = {str(name): str(said) for name, said in one["metric"].items()}
    return Series(labels, samples)


def _number(value: str) -> Decimal | None:
    try:
        number = Decimal(value)
    except InvalidOperation:  # +Inf is one of ours, "+infinite" is none
        return None
    if not number.is_finite():
        return None
    if abs(number) >= _TOO_MUCH:
        raise ValueError("no counter counts so far")
    return number
