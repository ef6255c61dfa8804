"""The standard rates of VAT in the Union, with the day since which each holds.

Source: the European Commission's Taxes in Europe Database, as published copies of it said on 23
September 2026. The rates of Madeira and the Azores (Article 105 of Directive 2006/112/EC) stand in
the tax code of Portugal. Reduced rates of some Greek islands and of two Austrian municipalities are
left out: they are for what is supplied there, or by businesses established there. What was before
2024 is left out as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

SOURCE = "TEDB 2026-09-23"
BEGIN = date(2024, 1, 1)

_SINCE_BEGIN = {
    "AT": "20",
    "BE": "21",
    "BG": "20",
    "CY": "19",
    "CZ": "21",
    "DE": "19",
    "DK": "25",
    "EE": "22",
    "ES": "21",
    "FI": "24",
    "FR": "20",
    "GR": "24",
    "HR": "25",
    "HU": "27",
    "IE": "23",
    "IT": "22",
    "LT": "21",
    "LU": "17",
    "LV": "21",
    "MT": "18",
    "NL": "21",
    "PL": "23",
    "PT": "23",
    "PT/madeira": "22",
    "PT/azores": "16",
    "RO": "19",
    "SE": "25",
    "SI": "22",
    "SK": "20",
}
_CHANGES = (
    ("FI", date(2024, 9, 1), "25.5"),
    ("SK", date(2025, 1, 1), "23"),
    ("EE", date(2025, 7, 1), "24"),
    ("RO", date(2025, 8, 1), "21"),
)


@dataclass(frozen=True, slots=True)
class StandardRate:
    """`percent` of the net amount in a member state, `since` that day."""

    percent: Decimal
    since: date


def rate_on(state: str, on: date, territory: str = "") -> StandardRate:
    """The rate of a member state (ISO 3166), or of a part of it that has one of its own.

    Raises: LookupError for what is no member state, and for days before 2024.
    """
    if on < BEGIN:
        raise LookupError(f"rates before {BEGIN} are not known")
    key = f"{state}/{territory}" if f"{state}/{territory}" in _SINCE_BEGIN else state
    found = StandardRate(Decimal(_SINCE_BEGIN[key]), BEGIN)
    for changed, since, percent in _CHANGES:
        if changed == key and since <= on:
            found = StandardRate(Decimal(percent), since)
    return found
