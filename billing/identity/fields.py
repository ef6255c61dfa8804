"""What may stand in a billing identity: cleaned, or refused field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from stdnum.ch import vat as ch_vat
from stdnum.eu import vat as eu_vat
from stdnum.gb import vat as gb_vat
from stdnum.no import mva

from billing.identity import schemes
from billing.vat.territories import UNION, countries, fits, postcode_digits
from portal.kernel.errors import Invalid
from portal.kernel.formats import country_name

LENGTHS: Final = {
    "kind": 10,
    "legal_name": 200,
    "street": 200,
    "postcode": 20,
    "city": 100,
    "country": 2,
    "vat_id": 20,
    "registration_number": 60,
    "buyer_reference": 100,
    "order_number": 60,
    "invoice_email": 254,
    "electronic_scheme": 4,
    "electronic_address": 100,
    "language": 5,
}
LANGUAGES = ("de", "en", "fr")  # of documents; empty: the installation's
KINDS = ("business", "consumer")
_NEEDED = ("legal_name", "street", "city", "country", "invoice_email")
_STRANGE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # no XML and no line holds these
_PLAIN_ID = re.compile(r"[A-Z0-9]{2,20}")


def clean(values: Mapping[str, str]) -> dict[str, str]:
    """All fields, tidied: spaces at the ends are gone, numbers are without what separates their
    parts. Raises: Invalid with every fault.
    """
    found = {name: re.sub(" +", " ", values.get(name, "")).strip() for name in LENGTHS}
    found["kind"] = found["kind"] or "business"
    found["country"] = found["country"].upper()
    faults = {name: fault for name, text in found.items() if (fault := _text_fault(name, text))}
    for name, fault in (
        *_where_faults(found),
        *_vat_faults(found),
        *_reach_faults(found),
    ):
        faults.setdefault(name, fault)
    if faults:
        raise Invalid(faults)
    return found


def _text_fault(name: str, text: str) -> str:
    if name in _NEEDED and not text:
        return _("Fill this in: it stands on every invoice.")
    if len(text) > LENGTHS[name]:
        return _("At most %(most)s characters.") % {"most": LENGTHS[name]}
    if _STRANGE.search(text):
        return _("One line of text, without control characters.")
    if name == "kind" and text not in KINDS:
        return _("Choose business or consumer.")
    if name == "language" and text and text not in LANGUAGES:
        return _("Choose one of the languages.")
    return ""


def _where_faults(found: Mapping[str, str]) -> list[tuple[str, str]]:
    country, postcode = found["country"], found["postcode"]
    if country not in countries():
        return [("country", _("Choose a country."))]
    if fits(country, postcode):
        return []
    digits = " / ".join(str(n) for n in postcode_digits(country))
    params = {"country": country_name(country), "digits": digits}
    return [("postcode", _("A postcode of %(country)s has %(digits)s digits.") % params)]


def _vat_faults(found: dict[str, str]) -> list[tuple[str, str]]:
    """Tidies the VAT id as well."""
    typed, country = found["vat_id"], found["country"]
    if not typed:
        return []
    if found["kind"] == "consumer":
        return [("vat_id", _("A consumer has no VAT id. Choose business, or leave it empty."))]
    tidy = tidy_vat_id(typed, country)
    if not tidy:
        params = {"number": typed[:20], "country": country_name(country)}
        said = _("“%(number)s” is no VAT id of %(country)s: its form or check digits are wrong.")
        return [("vat_id", said % params)]
    found["vat_id"] = tidy
    return []


def tidy_vat_id(typed: str, country: str) -> str:
    """With its prefix and without separators; empty when it cannot be one. A Union country's prefix
    may be left out. Only the form is checked: whether it is registered, VIES says.
    """
    plain = re.sub(r"[\s.\-/]", "", typed.upper())
    if plain[:2] in ("EU", "IM"):  # numbers of the one-stop shop: no ids of buyers
        return ""
    if eu_vat.is_valid(plain):
        return eu_vat.compact(plain)
    home = {"GR": "EL", "MC": "FR"}.get(country, country)
    if home in UNION or home == "EL":
        prefixed = f"{home}{plain}"
        return eu_vat.compact(prefixed) if eu_vat.is_valid(prefixed) else ""
    check = {"GB": gb_vat.is_valid, "IM": gb_vat.is_valid, "CH": ch_vat.is_valid}.get(country)
    check = mva.is_valid if country == "NO" else check
    good = check(plain) if check else bool(_PLAIN_ID.fullmatch(plain))
    return plain if good else ""


def _reach_faults(found: Mapping[str, str]) -> list[tuple[str, str]]:
    """E-mail and electronic address."""
    faults = []
    if found["invoice_email"] and not _is_email(found["invoice_email"]):
        faults.append(("invoice_email", _("This is no e-mail address.")))
    scheme, address = found["electronic_scheme"], found["electronic_address"]
    if scheme and not schemes.is_scheme(scheme):
        faults.append(("electronic_scheme", _("Choose one of the schemes.")))
    elif bool(scheme) != bool(address):
        empty = "electronic_address" if scheme else "electronic_scheme"
        faults.append((empty, _("Scheme and address belong together: give both or neither.")))
    elif scheme and not (
        _is_email(address) if scheme == schemes.EMAIL else schemes.fits(scheme, address)
    ):
        fault = _("This is no address of the scheme: its form or check digits are wrong.")
        faults.append(("electronic_address", fault))
    return faults


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
