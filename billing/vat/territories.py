"""Where VAT says that a place is: in which member state, or outside the Union's VAT.

Source: Directive 2006/112/EC, Articles 5 to 7 (Greece's Mount Athos, the Canaries, the French
overseas departments, Åland, Campione d'Italia, Livigno, Heligoland, Büsingen, Ceuta and Melilla are
outside; Monaco counts as France); the protocol on Northern Ireland, which is for goods, so that for
services it is outside like the rest of the United Kingdom. Postcodes: the national posts. The north
of Cyprus, where the rules are suspended, cannot be told by a postcode here and counts as Cyprus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale

UNION = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
# What CLDR lists beside the countries of ISO 3166-1; Kosovo (XK) is used, so it stays.
_NO_COUNTRIES = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)

# Countries of ISO 3166 that lie in the VAT area of a member state, or belong to one outside it.
_COUNTS_AS = {"MC": "FR"}
_BELONGS_TO = {
    "AX": "FI",
    "MC": "FR",
    **dict.fromkeys(["BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "TF", "WF", "YT"], "FR"),
    "IM": "GB",
    **dict.fromkeys(("FO", "GL"), "DK"),
    **dict.fromkeys(("AW", "BQ", "CW", "SX"), "NL"),
}

# How many digits a postcode has: a wrong one would hide a special territory.
_DIGITS = {
    **dict.fromkeys(["AT", "BE", "BG", "CY", "DK", "HU", "LU", "LV", "MT", "NL", "SI"], (4,)),
    **dict.fromkeys(
        ["CZ", "DE", "EE", "ES", "FI", "FR", "GR", "HR", "IT", "LT", "PL", "SE", "SK"], (5,)
    ),
    "PT": (4, 7),
    "RO": (6,),
}


@dataclass(frozen=True, slots=True)
class Territory:
    """A part of a country with rules of its own, told by its postcodes (their digits, or letters
    and digits in the United Kingdom).
    """

    code: str
    country: str
    postcodes: str
    in_union: bool = False


TERRITORIES = (
    Territory("heligoland", "DE", r"27498"),
    Territory("busingen", "DE", r"78266"),
    Territory("canaries", "ES", r"3[58]\d{3}"),
    Territory("ceuta", "ES", r"51\d{3}"),
    Territory("melilla", "ES", r"52\d{3}"),
    Territory("aland", "FI", r"22\d{3}"),
    Territory("athos", "GR", r"6308[67]"),
    Territory("livigno", "IT", r"23041"),
    Territory("campione", "IT", r"22061"),
    Territory("overseas-france", "FR", r"97[1-8]\d{2}|98[4678]\d{2}"),
    Territory("greenland", "DK", r"39\d{2}"),
    Territory("northern-ireland", "GB", r"BT\w+"),
    Territory("madeira", "PT", r"9[0-4]\d+", in_union=True),
    Territory("azores", "PT", r"9[5-9]\d+", in_union=True),
)


@dataclass(frozen=True, slots=True)
class Place:
    """`country` as it was given (ISO 3166), `state` the member state whose VAT holds there, empty
    outside the Union's VAT; `territory` the code of a part with rules of its own.
    """

    country: str
    state: str
    territory: str = ""


def place_of(country: str, postcode: str = "") -> Place:
    """Any two letters have a place: what is not known is outside."""
    found = _territory(country, postcode)
    state = _COUNTS_AS.get(country, country if country in UNION else "")
    if found is None:
        return Place(country, state)
    return Place(country, state if found.in_union else "", found.code)


def same_country(one: str, other: str) -> bool:
    """Whether two proofs of where somebody is agree: Åland and Finland do."""
    return _BELONGS_TO.get(one, one) == _BELONGS_TO.get(other, other)


def postcode_digits(country: str) -> tuple[int, ...]:
    """How many digits a postcode has there; nothing where it is not known, or need not be given."""
    return _DIGITS.get(country, ())


def fits(country: str, postcode: str) -> bool:
    wanted = postcode_digits(country)
    return not wanted or len(re.sub(r"\D", "", postcode)) in wanted


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """The codes of ISO 3166-1, by way of the CLDR."""
    known = {str(code) for code in Locale("en").territories}
    return frozenset(c for c in known if len(c) == 2 and c.isalpha()) - _NO_COUNTRIES


def _territory(country: str, postcode: str) -> Territory | None:
    kept = re.sub(r"[^A-Z0-9]" if country == "GB" else r"\D", "", postcode.upper())
    return next(
        (t for t in TERRITORIES if t.country == country and re.fullmatch(t.postcodes, kept)), None
    )
