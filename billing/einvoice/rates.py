"""Standard rates of VAT in the Union, by day: what the own checks hold a document's rates against,
apart from the table that decided them.

Source: European Commission, Taxes in Europe Database; rates as known in January 2026, changes since
January 2023.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

_BEGIN = date(2023, 1, 1)

# Country: (valid from, per cent) in order.
_RATES: dict[str, tuple[tuple[date, str], ...]] = {
    "AT": ((_BEGIN, "20"),),
    "BE": ((_BEGIN, "21"),),
    "BG": ((_BEGIN, "20"),),
    "CY": ((_BEGIN, "19"),),
    "CZ": ((_BEGIN, "21"),),
    "DE": ((_BEGIN, "19"),),
    "DK": ((_BEGIN, "25"),),
    "EE": ((_BEGIN, "20"), (date(2024, 1, 1), "22"), (date(2025, 7, 1), "24")),
    "ES": ((_BEGIN, "21"),),
    "FI": ((_BEGIN, "24"), (date(2024, 9, 1), "25.5")),
    "FR": ((_BEGIN, "20"),),
    "GR": ((_BEGIN, "24"),),
    "HR": ((_BEGIN, "25"),),
    "HU": ((_BEGIN, "27"),),
    "IE": ((_BEGIN, "23"),),
    "IT": ((_BEGIN, "22"),),
    "LT": ((_BEGIN, "21"),),
    "LU": ((_BEGIN, "16"), (date(2024, 1, 1), "17")),
    "LV": ((_BEGIN, "21"),),
    "MT": ((_BEGIN, "18"),),
    "NL": ((_BEGIN, "21"),),
    "PL": ((_BEGIN, "23"),),
    "PT": ((_BEGIN, "23"),),
    "RO": ((_BEGIN, "19"), (date(2025, 8, 1), "21")),
    "SE": ((_BEGIN, "25"),),
    "SI": ((_BEGIN, "22"),),
    "SK": ((_BEGIN, "20"), (date(2025, 1, 1), "23")),
}

UNION = frozenset(_RATES)


def vat_prefix(country: str) -> str:
    """What VAT numbers of a country begin with: Greece says EL."""
    return "EL" if country == "GR" else country


def standard_rate(country: str, day: date) -> Decimal | None:
    """Per cent on that day; None where the table knows nothing."""
    known = [percent for since, percent in _RATES.get(country, ()) if since <= day]
    return Decimal(known[-1]) if known else None
