"""Countries that an organisation can be in, by ISO 3166-1 code: the Union, its economic area, and
its near neighbours. Any other code is possible by the API. Names are those of the CLDR.
"""

from __future__ import annotations

from portal.kernel import formats

# fmt: off
_CODES = (
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IS", "IE",
    "IT", "LV", "LI", "LT", "LU", "MT", "NL", "NO", "PL", "PT", "RO", "SK", "SI", "ES", "SE",
    "CH", "UA", "GB",
)
# fmt: on


def country_name(code: str) -> str:
    """In the reader's language."""
    return formats.country_name(code) if code else ""


def country_choices(chosen: str = "") -> list[tuple[str, str]]:
    """(code, name) by name in the reader's language; with `chosen`, whatever it is."""
    known = {code: country_name(code) for code in _CODES}
    if chosen and chosen not in known:
        known[chosen] = country_name(chosen)
    return sorted(known.items(), key=lambda entry: entry[1])
