"""Documents that are wrong in one way each: in themselves, or in the XML that was made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lxml import etree

from billing.einvoice.document import Category, Document, Endpoint, Transfer, Vat
from billing.einvoice.profiles import Profile, build
from tests.billing.einvoice import samples

OnDocument = Callable[[Document], Document]
OnTree = Callable[[Any], None]


@dataclass(frozen=True)
class Mutation:
    """`made` is what is claimed, `written` what is sent: the same where only the tree is changed.
    `own` is the code of our own check that sees it in the document, where one does.
    """

    base: Callable[[], Document]
    document: OnDocument = lambda document: document
    tree: OnTree = lambda root: None
    own: str = ""

    def made(self) -> Document:
        return self.document(self.base())

    def xml(self, profile: Profile) -> bytes:
        root = etree.fromstring(build(self.made(), profile))
        before = etree.tostring(root)
        self.tree(root)
        assert self.own or etree.tostring(root) != before or self.made() != self.base()
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


# -- on the document -------------------------------------------------------------------------------


def _first_line(**changes: Any) -> OnDocument:
    def change(document: Document) -> Document:
        first, *others = document.lines
        return replace(document, lines=(replace(first, **changes), *others))

    return change


def _net_more(cents: str) -> OnDocument:
    return lambda d: _first_line(net=d.lines[0].net + Decimal(cents))(d)


def _all_lines(vat: Vat) -> OnDocument:
    return lambda d: replace(d, lines=tuple(replace(line, vat=vat) for line in d.lines))


def _party(side: str, **changes: Any) -> OnDocument:
    return lambda d: replace(d, **{side: replace(getattr(d, side), **changes)})


def _document(**changes: Any) -> OnDocument:
    return lambda d: replace(d, **changes)


def _large_allowance(document: Document) -> Document:
    larger = replace(document.allowances[0], amount=Decimal(500))
    return replace(document, allowances=(larger,))


def _negative_price(document: Document) -> Document:
    line = document.lines[0]
    return _first_line(unit_price=-line.unit_price, net=-line.net)(document)


# -- on the tree -----------------------------------------------------------------------------------


def _named(root: Any, *names: str) -> list[Any]:
    return [e for e in root.iter() if etree.QName(e).localname in names]


def _changed(*names: str, to: Callable[[str], str]) -> OnTree:
    def change(root: Any) -> None:
        element = _named(root, *names)[0]
        element.text = to(element.text)

    return change


def _all_changed(*names: str, to: Callable[[str], str]) -> OnTree:
    def change(root: Any) -> None:
        for element in _named(root, *names):
            element.text = to(element.text)

    return change


def _without(*names: str) -> OnTree:
    def change(root: Any) -> None:
        for element in _named(root, *names):
            element.getparent().remove(element)

    return change


def _without_paths(*paths: str) -> OnTree:
    def change(root: Any) -> None:
        for path in paths:
            for element in root.findall(path):
                element.getparent().remove(element)

    return change


def _one_line_standard(root: Any) -> None:
    paths = (".//{*}CategoryCode", ".//{*}ClassifiedTaxCategory/{*}ID")
    found = [e for path in paths for e in root.findall(path)]
    found[0].text = "S"


def _without_number(root: Any) -> None:
    for element in [e for e in _named(root, "ID") if e.text == "P26-1001"]:
        element.getparent().remove(element)


def _more(text: str) -> str:
    return str(Decimal(text) + 1)


_AMOUNTS_OF_VAT = ("CalculatedAmount", "TaxTotalAmount", "TaxAmount")
_GROSS = ("GrandTotalAmount", "TaxInclusiveAmount")
_PAYABLE = ("DuePayableAmount", "PayableAmount")
_S, _AE, _O = (Category.STANDARD, Category.REVERSE_CHARGE, Category.OUTSIDE)


def _reverse() -> Document:
    return samples.invoice("reverse-charge")


MUTATIONS = {
    "gross total +1": Mutation(samples.invoice, tree=_changed(*_GROSS, to=_more)),
    "payable +1": Mutation(samples.invoice, tree=_changed(*_PAYABLE, to=_more)),
    "VAT +1 everywhere": Mutation(
        samples.invoice, tree=_all_changed(*_AMOUNTS_OF_VAT, *_GROSS, *_PAYABLE, to=_more)
    ),
    "line net +10, totals follow": Mutation(samples.invoice, _net_more("10"), own="line-net"),
    "line net +0.02, totals follow": Mutation(samples.invoice, _net_more("0.02"), own="line-net"),
    "base quantity lost": Mutation(
        samples.with_tiny_prices, tree=_without("BasisQuantity", "BaseQuantity")
    ),
    "seller's VAT id missing (S)": Mutation(
        samples.invoice, _party("seller", vat_id=""), own="vat-seller"
    ),
    "seller's VAT id missing (AE)": Mutation(
        _reverse, _party("seller", vat_id=""), own="vat-seller"
    ),
    "buyer's VAT id missing (AE)": Mutation(_reverse, _party("buyer", vat_id=""), own="vat-buyer"),
    "VAT id without its country": Mutation(samples.invoice, _party("seller", vat_id="136695976")),
    "AE with 19 %": Mutation(_reverse, _all_lines(Vat(_AE, Decimal(19))), own="vat-percent"),
    "exemption reason missing (AE)": Mutation(
        _reverse,
        tree=_without(
            "ExemptionReason",
            "ExemptionReasonCode",
            "TaxExemptionReason",
            "TaxExemptionReasonCode",
        ),
    ),
    "one line S inside AE": Mutation(_reverse, tree=_one_line_standard),
    "O line beside S lines": Mutation(
        samples.invoice, _first_line(vat=Vat(_O, Decimal(0))), own="vat-outside-mixed"
    ),
    "S at 0 %": Mutation(samples.invoice, _all_lines(Vat(_S, Decimal(0))), own="vat-percent"),
    "another country's rate (20 for NL)": Mutation(
        lambda: samples.invoice("consumer"), _all_lines(Vat(_S, Decimal(20))), own="vat-rate"
    ),
    "19 % where reverse charge is due": Mutation(
        samples.invoice, _document(buyer=samples.FRENCH), own="vat-reverse-charge"
    ),
    "allowance without reason": Mutation(
        samples.with_allowance,
        tree=_without("Reason", "ReasonCode", "AllowanceChargeReason", "AllowanceChargeReasonCode"),
    ),
    "allowance larger than the lines": Mutation(
        samples.with_allowance, _large_allowance, own="allowance-larger"
    ),
    "three decimals in a total": Mutation(
        samples.invoice, tree=_changed(*_GROSS, to=lambda text: f"{text}1")
    ),
    "negative unit price": Mutation(samples.invoice, _negative_price, own="line-price"),
    "unit code unknown": Mutation(samples.invoice, _first_line(unit="GBH"), own="line-unit"),
    "currency unknown": Mutation(samples.invoice, _document(currency="EUX"), own="currency"),
    "no buyer reference, no order": Mutation(
        samples.invoice, _document(buyer_reference="", order_number=""), own="buyer-reference"
    ),
    "seller's contact missing": Mutation(
        samples.invoice, _party("seller", contact=None), own="seller-contact"
    ),
    "check digits of the IBAN": Mutation(
        samples.invoice, _document(payment=Transfer("DE99370400440532013000")), own="iban"
    ),
    "direct debit without mandate": Mutation(
        samples.by_direct_debit,
        tree=_without_paths(".//{*}DirectDebitMandateID", ".//{*}PaymentMandate/{*}ID"),
    ),
    "due date and terms missing": Mutation(
        samples.invoice, _document(terms="", due_on=None), own="due-date"
    ),
    "number missing": Mutation(samples.invoice, tree=_without_number),
    "381 without the invoice before": Mutation(
        samples.credit_note, _document(corrects=None), own="reference-missing"
    ),
    "endpoint scheme unknown": Mutation(
        samples.invoice, _party("buyer", endpoint=Endpoint("9999", "x")), own="endpoint"
    ),
}
