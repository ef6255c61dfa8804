"""Value-added tax of one sale: which category, whose rate, and why. Pure: who buys is read in
`billing.identity.queries`.

Source: Directive 2006/112/EC, Articles 44, 58, 59c and 196, and Implementing Regulation 282/2011,
Articles 18 (who counts as a taxable person), 24b and 24f (two proofs of where a consumer is). What
is sold are services supplied electronically. Categories and exemption codes are those of EN 16931
(UNTDID 5305, VATEX).

Not decided here, since no table says it: small sellers who are exempt, reverse charge within one
country, and taxes of countries outside the Union (`LOCAL_TAX` says that one may be due).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from stdnum.eu import vat as eu_vat

from billing.vat.rates import SOURCE, rate_on
from billing.vat.territories import Place, place_of, same_country

Category = Literal["S", "AE", "O"]
PROVIDER = "provider"  # as the source of a rate that the provider set for itself
RULES = "2026-11"  # told in the evidence: which version of this module decided

# Reasons: the codes of the words for a decision.
DOMESTIC, REVERSE_CHARGE, BUYER_COUNTRY = "domestic", "reverse-charge", "buyer-country"
SMALL_SELLER, OUTSIDE_UNION, OUTSIDE_SELLER = "small-seller", "outside-union", "outside-seller"
# Notes: what the buyer or the provider should know.
UNCONFIRMED, LOCAL_TAX = "vat-id-unconfirmed", "local-tax-may-be-due"
# Faults: what keeps an invoice from being issued.
NO_ADDRESS, CONTRADICTORY = "address-missing", "location-contradictory"
TOO_FEW_PROOFS, FOREIGN_VAT_ID = "location-proof-missing", "vat-id-of-another-country"

_EXEMPTIONS: dict[Category, str] = {"S": "", "AE": "VATEX-EU-AE", "O": "VATEX-EU-O"}
_PROOFS_NEEDED = 2
PROVIDER_RATE = "vat-provider"


@dataclass(frozen=True, slots=True)
class VatRate:
    """`percent` of the net amount, the country (ISO 3166) whose rate it is, and the codes of the
    words for it (`billing.pricebook.texts.vat_label`, `vat_note`).
    """

    percent: Decimal
    country: str
    label_code: str = PROVIDER_RATE
    note_code: str = ""


@dataclass(frozen=True, slots=True)
class Seller:
    """`percent` is the rate at home where no table says it, or where the provider's own wins."""

    country: str
    postcode: str = ""
    vat_id: str = ""
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """Something that says in which country a buyer is. `kind` as in Article 24f."""

    kind: str
    country: str
    source: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Buyer:
    """`vat_id` with its prefix; `vat_id_proof` is what its confirmation or approval rests on."""

    country: str = ""
    postcode: str = ""
    kind: Literal["business", "consumer"] = "business"
    vat_id: str = ""
    vat_id_state: Literal["none", "plausible", "confirmed", "approved"] = "none"
    vat_id_proof: dict[str, str] = field(default_factory=dict)
    registration_number: str = ""
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`percent` of the net amount in `country`; `reason`, `notes` and `faults` are codes, and
    `exemption` one of the VATEX list. `evidence` is JSON, kept with the invoice.
    """

    category: Category
    percent: Decimal
    country: str
    reason: str
    exemption: str
    notes: tuple[str, ...]
    faults: tuple[str, ...]
    evidence: dict[str, Any]

    @property
    def rate(self) -> VatRate:
        note = UNCONFIRMED if UNCONFIRMED in self.notes else ""
        return VatRate(self.percent, self.country, f"vat-{self.reason}", note)


def decide(seller: Seller, buyer: Buyer, on: date, oss_threshold_passed: bool) -> Decision:
    """The VAT of a sale on a day. `oss_threshold_passed`: whether the seller's sales to consumers
    in other member states go beyond 10,000 euro in this or the last calendar year, or it chose to
    be taxed as if they did.

    A buyer without a country is taxed as at home, and the faults say that the address is missing.
    Raises: LookupError for a day before 2024, or a seller outside the Union without `percent`.
    """
    here = place_of(seller.country, seller.postcode)
    there = place_of(buyer.country, buyer.postcode) if buyer.country else here
    category, reason = _category(here, there, buyer, oss_threshold_passed)
    owner = here if reason == SMALL_SELLER else there
    percent, told = _rate(seller, here, owner, on) if category == "S" else (Decimal(0), None)
    return Decision(
        category=category,
        percent=percent,
        country=owner.state or owner.country,
        reason=reason,
        exemption=_EXEMPTIONS[category],
        notes=tuple(_notes(reason, here, there, buyer)),
        faults=tuple(_faults(reason, there, buyer)),
        evidence=_evidence(here, there, buyer, on, oss_threshold_passed, told),
    )


def vat_state_of(vat_id: str) -> str:
    """The country (ISO 3166) that gave out a VAT id of the Union's system: EL is Greece, XI is in
    GB. Empty for any other number.
    """
    if not eu_vat.is_valid(vat_id):
        return ""
    prefix = vat_id[:2]
    return {"EL": "GR", "XI": "GB"}.get(prefix, prefix)


def is_foreign(vat_id: str, country: str) -> bool:
    """Whether a VAT id was given out by another country than that of the address."""
    given = vat_state_of(vat_id)
    return bool(given) and not same_country(given, country)


# -- what it rests on ------------------------------------------------------------------------------


def _category(here: Place, there: Place, buyer: Buyer, passed: bool) -> tuple[Category, str]:
    if there.state == here.state and (here.state or there.country == here.country):
        return "S", DOMESTIC
    if not here.state:
        taxed_there = there.state and passed and not _is_taxable_person(buyer)
        return ("S", BUYER_COUNTRY) if taxed_there else ("O", OUTSIDE_SELLER)
    if not there.state:
        return "O", OUTSIDE_UNION
    if _is_taxable_person(buyer):
        return "AE", REVERSE_CHARGE
    return "S", BUYER_COUNTRY if passed else SMALL_SELLER


def _is_taxable_person(buyer: Buyer) -> bool:
    """Known to be one: by a VAT id of where they are that was confirmed, or by staff's approval."""
    if buyer.kind != "business" or not buyer.vat_id:
        return False
    if buyer.vat_id_state == "approved":
        return True
    return buyer.vat_id_state == "confirmed" and not is_foreign(buyer.vat_id, buyer.country)


def _rate(
    seller: Seller, here: Place, owner: Place, on: date
) -> tuple[Decimal, dict[str, str] | None]:
    at_home = (owner.state, owner.territory) == (here.state, here.territory)
    if at_home and seller.percent is not None:
        return seller.percent, {"percent": f"{seller.percent:f}", "source": PROVIDER}
    found = rate_on(owner.state, on, owner.territory)
    since = found.since.isoformat()
    return found.percent, {"percent": f"{found.percent:f}", "since": since, "source": SOURCE}


def _notes(reason: str, here: Place, there: Place, buyer: Buyer) -> Iterator[str]:
    abroad = bool(there.state) and there.state != here.state
    if abroad and buyer.vat_id and not _is_taxable_person(buyer):
        yield UNCONFIRMED
    if reason in (OUTSIDE_UNION, OUTSIDE_SELLER) and buyer.kind == "consumer":
        yield LOCAL_TAX


def _faults(reason: str, there: Place, buyer: Buyer) -> Iterator[str]:
    if not buyer.country:
        yield NO_ADDRESS
        return
    if (
        buyer.vat_id
        and buyer.vat_id_state != "approved"
        and is_foreign(buyer.vat_id, buyer.country)
    ):
        yield FOREIGN_VAT_ID
    if _rests_on_place(reason, buyer):
        if any(not same_country(proof.country, there.country) for proof in buyer.proofs):
            yield CONTRADICTORY
        elif _needs_proofs(reason, buyer) and _kinds(buyer) < _PROOFS_NEEDED:
            yield TOO_FEW_PROOFS


def _rests_on_place(reason: str, buyer: Buyer) -> bool:
    """Whether where the buyer is decides. A business at home pays at home's rate, and with reverse
    charge its VAT id decides.
    """
    if reason == REVERSE_CHARGE:
        return False
    return buyer.kind == "consumer" or reason != DOMESTIC


def _needs_proofs(reason: str, buyer: Buyer) -> bool:
    """A business outside the Union is known by its number there; below the threshold the seller's
    place counts.
    """
    if reason in (OUTSIDE_UNION, OUTSIDE_SELLER):
        known = buyer.vat_id or buyer.registration_number
        return buyer.kind == "consumer" or not known
    return reason == BUYER_COUNTRY


def _kinds(buyer: Buyer) -> int:
    return len({proof.kind for proof in buyer.proofs})


def _evidence(
    here: Place, there: Place, buyer: Buyer, on: date, passed: bool, rate: dict[str, str] | None
) -> dict[str, Any]:
    return {
        "rules": RULES,
        "on": on.isoformat(),
        "seller": {"country": here.country, "state": here.state, "territory": here.territory},
        "buyer": {
            "kind": buyer.kind,
            "country": buyer.country,
            "postcode": buyer.postcode,
            "state": there.state,
            "territory": there.territory,
        },
        "vat_id": {
            "number": buyer.vat_id,
            "state": buyer.vat_id_state,
            "proof": dict(buyer.vat_id_proof),
        },
        "registration_number": buyer.registration_number,
        "proofs": [
            {
                "kind": proof.kind,
                "country": proof.country,
                "source": proof.source,
                "at": proof.at.isoformat(),
            }
            for proof in buyer.proofs
        ],
        "oss_threshold_passed": passed,
        "rate": rate,
    }
