"""Names of countries, by ISO 3166-1 code: the Union, its economic area, and its near neighbours.

An organisation may have any other code by the API; then the code is its name.
"""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

_NAMES = {
    "AT": gettext_noop("Austria"),
    "BE": gettext_noop("Belgium"),
    "BG": gettext_noop("Bulgaria"),
    "HR": gettext_noop("Croatia"),
    "CY": gettext_noop("Cyprus"),
    "CZ": gettext_noop("Czechia"),
    "DK": gettext_noop("Denmark"),
    "EE": gettext_noop("Estonia"),
    "FI": gettext_noop("Finland"),
    "FR": gettext_noop("France"),
    "DE": gettext_noop("Germany"),
    "GR": gettext_noop("Greece"),
    "HU": gettext_noop("Hungary"),
    "IS": gettext_noop("Iceland"),
    "IE": gettext_noop("Ireland"),
    "IT": gettext_noop("Italy"),
    "LV": gettext_noop("Latvia"),
    "LI": gettext_noop("Liechtenstein"),
    "LT": gettext_noop("Lithuania"),
    "LU": gettext_noop("Luxembourg"),
    "MT": gettext_noop("Malta"),
    "NL": gettext_noop("Netherlands"),
    "NO": gettext_noop("Norway"),
    "PL": gettext_noop("Poland"),
    "PT": gettext_noop("Portugal"),
    "RO": gettext_noop("Romania"),
    "SK": gettext_noop("Slovakia"),
    "SI": gettext_noop("Slovenia"),
    "ES": gettext_noop("Spain"),
    "SE": gettext_noop("Sweden"),
    "CH": gettext_noop("Switzerland"),
    "UA": gettext_noop("Ukraine"),
    "GB": gettext_noop("United Kingdom"),
}


def country_name(code: str) -> str:
    """In the reader's language."""
    return _(_NAMES.get(code, code)) if code else ""


def country_choices(chosen: str = "") -> list[tuple[str, str]]:
    """(code, name) by name in the reader's language; with `chosen`, whatever it is."""
    known = {code: country_name(code) for code in _NAMES}
    if chosen and chosen not in known:
        known[chosen] = chosen
    return sorted(known.items(), key=lambda entry: entry[1])
