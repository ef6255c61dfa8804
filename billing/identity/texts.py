"""The words for a decision about VAT and what it rests on, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable

from django.utils.translation import gettext as _

from billing.identity.queries import PROVIDER_INCOMPLETE
from billing.models.identity import BillingIdentity, LocationProof
from billing.vat import decisions as vat
from portal.kernel.formats import country_name, number

_State = BillingIdentity.VatIdState
_Proof = LocationProof.Kind


def title(decision: vat.Decision) -> str:
    """`Reverse charge: no VAT on your invoices`, `VAT of 19 % (Germany) on your invoices`."""
    if decision.category == "AE":
        return _("Reverse charge: no VAT on your invoices")
    if decision.category == "O":
        return _("No VAT on your invoices")
    return _("VAT of %(percent)s %% (%(country)s) on your invoices") % {
        "percent": number(decision.percent),
        "country": country_name(decision.country),
    }


def because(decision: vat.Decision) -> str:
    """The rest of that sentence."""
    buyer = decision.evidence["buyer"]
    is_consumer = buyer["kind"] == "consumer"
    texts: dict[str, Callable[[], str]] = {
        vat.DOMESTIC: lambda: _("because you are in the provider's country."),
        vat.REVERSE_CHARGE: lambda: _(
            "because you are a business in %(country)s whose VAT id is known. You account for the "
            "VAT there yourself."
        ),
        vat.BUYER_COUNTRY: lambda: (
            _("because you are a consumer in %(country)s.")
            if is_consumer
            else _("because no VAT id of yours in %(country)s is confirmed yet.")
        ),
        vat.SMALL_SELLER: lambda: _(
            "because no VAT id of yours is confirmed, and the provider sells little to consumers "
            "in other countries."
        ),
        vat.OUTSIDE_UNION: lambda: (
            _("because your address is in a part of %(country)s outside the Union's VAT.")
            if buyer["territory"]
            else _("because %(country)s is outside the Union's VAT.")
        ),
        vat.OUTSIDE_SELLER: lambda: _("because you are not in the provider's country."),
    }
    if not buyer["country"]:
        return _("because nobody has said yet where you are.")
    return texts[decision.reason]() % {"country": country_name(buyer["country"])}


def legal_text(reason: str) -> str:
    """What the law wants an invoice without VAT to say; empty where VAT is charged."""
    texts: dict[str, Callable[[], str]] = {
        vat.REVERSE_CHARGE: lambda: _(
            "Reverse charge: the customer owes the VAT (Article 196 of Directive 2006/112/EC)."
        ),
        vat.OUTSIDE_UNION: lambda: _(
            "Not subject to VAT: the place of supply is outside the Union (Articles 44 and 58 of "
            "Directive 2006/112/EC)."
        ),
        vat.OUTSIDE_SELLER: lambda: _(
            "Not subject to VAT in the country of the seller: the place of supply is elsewhere."
        ),
    }
    return texts[reason]() if reason in texts else ""


def note_text(code: str) -> str:
    texts: dict[str, Callable[[], str]] = {
        vat.UNCONFIRMED: lambda: _(
            "Your VAT id is not yet confirmed, so VAT is charged. Once the provider has confirmed "
            "it, there is none."
        ),
        vat.LOCAL_TAX: lambda: _("A tax of your country may be due besides."),
    }
    return texts[code]()


def fault_text(code: str) -> str:
    """What keeps an invoice from being issued, and who can help."""
    texts: dict[str, Callable[[], str]] = {
        vat.NO_ADDRESS: lambda: _(
            "The billing details are missing: no invoice can be issued without them."
        ),
        vat.CONTRADICTORY: lambda: _(
            "What says where you are names different countries, so no invoice can be issued. Check "
            "the address, or ask the provider to clear it up."
        ),
        vat.TOO_FEW_PROOFS: lambda: _(
            "Besides the address, one more proof of where you are is needed before an invoice can "
            "be issued. The provider adds it, for instance from a payment."
        ),
        vat.FOREIGN_VAT_ID: lambda: _(
            "The VAT id is of another country than the address, so no invoice can be issued before "
            "the provider has approved it."
        ),
        PROVIDER_INCOMPLETE: lambda: _(
            "The provider's own legal identity is not complete, so no invoice can be issued."
        ),
    }
    return texts[code]()


def vat_id_state_label(state: str) -> str:
    labels: dict[str, Callable[[], str]] = {
        _State.NONE: lambda: _("No VAT id"),
        _State.PLAUSIBLE: lambda: _("Not yet confirmed"),
        _State.CONFIRMED: lambda: _("Confirmed"),
        _State.APPROVED: lambda: _("Approved by the provider"),
    }
    return labels[state]()


def kind_label(kind: str) -> str:
    is_consumer = kind == BillingIdentity.Kind.CONSUMER
    return _("Consumer") if is_consumer else _("Business")


def proof_label(kind: str) -> str:
    labels: dict[str, Callable[[], str]] = {
        _Proof.ADDRESS: lambda: _("Billing address"),
        _Proof.BANK: lambda: _("Bank account"),
        _Proof.INTERNET: lambda: _("Internet address"),
        _Proof.LANDLINE: lambda: _("Landline"),
        _Proof.SIM: lambda: _("SIM card"),
        _Proof.OTHER: lambda: _("Something else"),
    }
    return labels[kind]()


def proof_kinds() -> list[tuple[str, str]]:
    """Those that staff can add."""
    return [(kind, proof_label(kind)) for kind in _Proof.values if kind != _Proof.ADDRESS]
