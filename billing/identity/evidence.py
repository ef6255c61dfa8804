"""What the VAT of an invoice rests on, in words. The evidence is that of `billing.vat.decisions`,
kept and sealed with the invoice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing.identity.texts import kind_label, proof_label, vat_id_state_label
from billing.models.identity import VatIdCheck
from billing.vat.decisions import PROVIDER
from portal.kernel.formats import country_name, day, number


def facts(evidence: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs of a word and what is known of it, in the reader's language."""
    return list(_facts(evidence))


def _facts(evidence: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    buyer, vat_id = evidence["buyer"], evidence["vat_id"]
    yield _("Buyer"), _joined(kind_label(buyer["kind"]), country_name(buyer["country"]))
    if vat_id["number"]:
        state = vat_id_state_label(vat_id["state"])
        yield _("VAT id"), _joined(vat_id["number"], state, _checked(vat_id["proof"]))
    if evidence["registration_number"]:
        yield _("Registration number"), evidence["registration_number"]
    for proof in evidence["proofs"]:
        found = country_name(proof["country"])
        yield proof_label(proof["kind"]), _joined(found, proof["source"], _day(proof["at"]))
    if rate := evidence["rate"]:
        yield _("Rate"), _joined(f"{number(Decimal(rate['percent']))} %", _source(rate["source"]))
    yield _("Decided for"), day(date.fromisoformat(evidence["on"]))


def _checked(proof: Mapping[str, str]) -> str:
    if not proof:
        return ""
    words = {
        VatIdCheck.Kind.VIES: _("asked of VIES"),
        VatIdCheck.Kind.APPROVAL: _("looked at by the provider"),
        VatIdCheck.Kind.WITHDRAWAL: _("withdrawn by the provider"),
    }
    return _joined(words[VatIdCheck.Kind(proof["kind"])], _day(proof["at"]), proof["number"])


def _source(source: str) -> str:
    return _("set by the provider") if source == PROVIDER else source


def _day(moment: str) -> str:
    return day(datetime.fromisoformat(moment).date())


def _joined(*parts: str) -> str:
    return " · ".join(filter(None, parts))
