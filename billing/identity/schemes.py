"""Electronic addresses of e-invoices: the schemes that can be chosen, and what an address of each
looks like.

Source: the code list EAS of EN 16931 (names are those of the schemes, so they are not translated);
check digits by python-stdnum. Schemes without a check take letters, digits and a few signs.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from stdnum import ean, lei
from stdnum.de import leitweg
from stdnum.eu import vat as eu_vat
from stdnum.fr import siren, siret
from stdnum.no import orgnr

from billing.vat.territories import UNION

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:/_-]{1,98}")

_NUMBERS = {
    "0002": "FR · SIREN",
    "0007": "SE · Organisationsnummer",
    "0009": "FR · SIRET",
    "0060": "DUNS",
    "0088": "GLN",
    "0106": "NL · KvK",
    "0183": "CH · UID",
    "0184": "DK · CVR",
    "0190": "NL · OIN",
    "0191": "EE · Registrikood",
    "0192": "NO · Organisasjonsnummer",
    "0196": "IS · Kennitala",
    "0199": "LEI",
    "0200": "LT · Juridinio asmens kodas",
    "0201": "IT · IPA",
    "0204": "DE · Leitweg-ID",
    "0205": "IT · Codice destinatario",
    "0208": "BE · KBO/BCE",
    "0210": "IT · Codice fiscale",
    "0211": "IT · Partita IVA",
    "0216": "FI · OVT",
    "0218": "LV · UR",
    "0225": "FR · CTC",
    "0240": "LU · Matricule",
}
# Those whose address is a VAT id.
_VAT = {
    "9910": "HU",
    "9914": "AT",
    "9920": "ES",
    "9925": "BE",
    "9926": "BG",
    "9928": "CY",
    "9929": "CZ",
    "9930": "DE",
    "9931": "EE",
    "9933": "GR",
    "9934": "HR",
    "9935": "IE",
    "9937": "LT",
    "9938": "LU",
    "9939": "LV",
    "9943": "MT",
    "9944": "NL",
    "9945": "PL",
    "9946": "PT",
    "9947": "RO",
    "9949": "SI",
    "9950": "SK",
    "9957": "FR",
}


def _digits(count: int) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch(rf"[0-9]{{{count}}}", text))


_CHECKS: dict[str, Callable[[str], bool]] = {
    "0002": siren.is_valid,
    "0009": siret.is_valid,
    "0060": _digits(9),
    "0088": lambda text: _digits(13)(text) and ean.is_valid(text),
    "0106": _digits(8),
    "0192": orgnr.is_valid,
    "0199": lei.is_valid,
    "0204": leitweg.is_valid,
    "0208": _digits(10),
}

# E-mail is in the list as well; the Peppol network does not take it.
EMAIL = "EM"


def schemes() -> list[tuple[str, str]]:
    """(code, name) of all, in the order of their codes, e-mail last."""
    named = _NUMBERS | {code: f"{country} · VAT" for code, country in _VAT.items()}
    return [*sorted(named.items()), (EMAIL, "E-mail")]


def is_scheme(code: str) -> bool:
    return code in _NUMBERS or code in _VAT or code == EMAIL


def fits(scheme: str, address: str) -> bool:
    """Whether `address` can be one of the scheme. E-mail is for the caller to check."""
    if scheme in _VAT:
        country = _VAT[scheme]
        prefix = "EL" if country == "GR" else country
        return country in UNION and address.startswith(prefix) and eu_vat.is_valid(address)
    check = _CHECKS.get(scheme)
    return bool(_PLAIN.fullmatch(address)) and (check is None or check(address))
