"""Minutes of a day as PostgreSQL keeps them, as ranges, and as code counts them, as bits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.range import Range

_RANGE = re.compile(r"\[(\d+),(\d+)\)")

if TYPE_CHECKING:
    _Field = models.Field[int, int]
else:
    _Field = models.Field


class MinutesField(_Field):
    """Bit n of the value is minute n. A column of ranges: a whole day takes some twenty bytes, and
    `+` joins what two writers know.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "int4multirange"

    def from_db_value(self, value: Any, *_: object) -> int:
        return bits_of(value)

    def get_prep_value(self, value: Any) -> str:
        return ranges_of(value)


def bits_of(ranges: Iterable[Range[int]]) -> int:
    """Raises: ValueError for a range without an end."""
    found = 0
    for one in ranges:
        if one.lower is None or one.upper is None:
            raise ValueError(f"{one} is not of a day")
        found |= ((1 << (one.upper - one.lower)) - 1) << one.lower
    return found


def bits_in(text: str | None) -> int:
    """The same of ranges as PostgreSQL writes them: many are read so in a fraction of the time."""
    found = 0
    for one in _RANGE.finditer(text or ""):
        lower, upper = int(one[1]), int(one[2])
        found |= ((1 << (upper - lower)) - 1) << lower
    return found


def ranges_of(bits: int) -> str:
    """As PostgreSQL reads them."""
    return "{" + ",".join(f"[{start},{end})" for start, end in _runs(bits)) + "}"


def _runs(bits: int) -> Iterator[tuple[int, int]]:
    """(first, one after the last) of each run of ones."""
    at = 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        yield at + zeros, at + zeros + ones
        bits >>= ones
        at += zeros + ones
