"""Reads XML back and holds it against the document that it was made from: whatever was lost or
changed on the way is found, whether a rule of the standards looks there or not.

It shares nothing with the writers but what XML cannot say at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from billing.einvoice.document import Category, DirectDebit, Document, Line, Vat
from billing.einvoice.totals import Totals, totals
from billing.einvoice.tree import legal_text

_SETTLEMENT = ".//ram:ApplicableHeaderTradeSettlement"
_SUMS = f"{_SETTLEMENT}/ram:SpecifiedTradeSettlementHeaderMonetarySummation"
_AGREEMENT = ".//ram:ApplicableHeaderTradeAgreement"
_VAT_ID = "ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']"

# What is compared: where it stands in CII and in UBL, relative to the root or to its group.
_HEAD = {
    "number": ("rsm:ExchangedDocument/ram:ID", "cbc:ID"),
    "kind": (
        "rsm:ExchangedDocument/ram:TypeCode",
        "cbc:InvoiceTypeCode | cbc:CreditNoteTypeCode",
    ),
    "currency": (f"{_SETTLEMENT}/ram:InvoiceCurrencyCode", "cbc:DocumentCurrencyCode"),
    "buyer reference": (f"{_AGREEMENT}/ram:BuyerReference", "cbc:BuyerReference"),
    "corrects": (
        f"{_SETTLEMENT}/ram:InvoiceReferencedDocument/ram:IssuerAssignedID",
        "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID",
    ),
    "due": (
        f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime/udt:DateTimeString",
        "cbc:DueDate | cac:PaymentMeans/cbc:PaymentDueDate",
    ),
    "terms": (
        f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:Description",
        "cac:PaymentTerms/cbc:Note",
    ),
    "mandate": (
        f"{_SETTLEMENT}/ram:SpecifiedTradePaymentTerms/ram:DirectDebitMandateID",
        "cac:PaymentMeans/cac:PaymentMandate/cbc:ID",
    ),
    "seller": (
        f"{_AGREEMENT}/ram:SellerTradeParty/ram:Name",
        "cac:AccountingSupplierParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName",
    ),
    "buyer": (
        f"{_AGREEMENT}/ram:BuyerTradeParty/ram:Name",
        "cac:AccountingCustomerParty/cac:Party/cac:PartyLegalEntity/cbc:RegistrationName",
    ),
    "seller's VAT number": (
        f"{_AGREEMENT}/ram:SellerTradeParty/{_VAT_ID}",
        "cac:AccountingSupplierParty/cac:Party/cac:PartyTaxScheme"
        "[cac:TaxScheme/cbc:ID='VAT']/cbc:CompanyID",
    ),
    "buyer's VAT number": (
        f"{_AGREEMENT}/ram:BuyerTradeParty/{_VAT_ID}",
        "cac:AccountingCustomerParty/cac:Party/cac:PartyTaxScheme"
        "[cac:TaxScheme/cbc:ID='VAT']/cbc:CompanyID",
    ),
}
_TOTALS = {
    "sum of lines": (
        f"{_SUMS}/ram:LineTotalAmount",
        "//cac:LegalMonetaryTotal/cbc:LineExtensionAmount",
    ),
    "net": (f"{_SUMS}/ram:TaxBasisTotalAmount", "//cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount"),
    "VAT": (f"{_SUMS}/ram:TaxTotalAmount", "cac:TaxTotal/cbc:TaxAmount"),
    "gross": (f"{_SUMS}/ram:GrandTotalAmount", "//cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount"),
    "payable": (f"{_SUMS}/ram:DuePayableAmount", "//cac:LegalMonetaryTotal/cbc:PayableAmount"),
}
_GROUPS = {
    "line": (".//ram:IncludedSupplyChainTradeLineItem", "cac:InvoiceLine | cac:CreditNoteLine"),
    "VAT": (f"{_SETTLEMENT}/ram:ApplicableTradeTax", "cac:TaxTotal/cac:TaxSubtotal"),
    "allowance": (f"{_SETTLEMENT}/ram:SpecifiedTradeAllowanceCharge", "cac:AllowanceCharge"),
}
_LINE = {
    "name": (".//ram:SpecifiedTradeProduct/ram:Name", "cac:Item/cbc:Name"),
    "quantity": (".//ram:BilledQuantity", "cbc:InvoicedQuantity | cbc:CreditedQuantity"),
    "unit": (
        ".//ram:BilledQuantity/@unitCode",
        "cbc:InvoicedQuantity/@unitCode | cbc:CreditedQuantity/@unitCode",
    ),
    "price": (".//ram:ChargeAmount", "cac:Price/cbc:PriceAmount"),
    "base quantity": (".//ram:BasisQuantity", "cac:Price/cbc:BaseQuantity"),
    "net": (".//ram:LineTotalAmount", "cbc:LineExtensionAmount"),
    "category": (".//ram:CategoryCode", "cac:Item/cac:ClassifiedTaxCategory/cbc:ID"),
    "percent": (".//ram:RateApplicablePercent", "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent"),
}
_VAT = {
    "category": ("ram:CategoryCode", "cac:TaxCategory/cbc:ID"),
    "percent": ("ram:RateApplicablePercent", "cac:TaxCategory/cbc:Percent"),
    "base": ("ram:BasisAmount", "cbc:TaxableAmount"),
    "amount": ("ram:CalculatedAmount", "cbc:TaxAmount"),
}
_ALLOWANCE = {
    "amount": ("ram:ActualAmount", "cbc:Amount"),
    "reason": ("ram:Reason", "cbc:AllowanceChargeReason"),
    "category": (".//ram:CategoryCode", "cac:TaxCategory/cbc:ID"),
}

Figure = str | Decimal | date
Figures = dict[str, Figure]
_PREFIXES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def differences(document: Document, xml: bytes) -> list[str]:
    """One sentence for each figure that does not read back as the document has it."""
    root = etree.fromstring(xml)
    ubl = etree.QName(root).localname != "CrossIndustryInvoice"
    found = list(_compare("", _document(document), _read(root, {**_HEAD, **_TOTALS}, ubl)))
    kinds: dict[str, tuple[list[Figures], Mapping[str, tuple[str, str]]]] = {
        "line": ([_line(line) for line in document.lines], _LINE),
        "VAT": (_vat(totals(document)), _VAT),
        "allowance": (_allowances(document), _ALLOWANCE),
    }
    for kind, (wanted, paths) in kinds.items():
        nodes = _find(root, _GROUPS[kind][ubl])
        if len(nodes) != len(wanted):
            found.append(f"{kind}: {len(nodes)} instead of {len(wanted)}.")
        for number, (want, node) in enumerate(zip(wanted, nodes, strict=False), 1):
            found += _compare(f"{kind} {number}: ", want, _read(node, paths, ubl))
    return found


def _compare(where: str, wanted: Figures, read: dict[str, str]) -> Iterator[str]:
    for name, want in wanted.items():
        got = read[name]
        if not _same(want, got):
            yield f"{where}{name} reads {got or 'nothing'} instead of {want or 'nothing'}."


def _same(want: Figure, got: str) -> bool:
    if isinstance(want, str):
        return legal_text(want).split() == got.split()
    if isinstance(want, date):
        return got.replace("-", "") == want.strftime("%Y%m%d")
    try:
        return Decimal(got) == want
    except InvalidOperation:
        return False


def _read(node: Any, paths: Mapping[str, tuple[str, str]], ubl: bool) -> dict[str, str]:
    """All texts found at a path, one after the other: a second one is a difference, too."""
    return {
        name: " ".join(_text(x) for x in _find(node, both[ubl])) for name, both in paths.items()
    }


def _text(found: Any) -> str:
    return str(found if isinstance(found, str) else found.text or "")


def _find(node: Any, path: str) -> list[Any]:
    return list(node.xpath(path, namespaces=_PREFIXES))


# -- what should be there --------------------------------------------------------------------------


def _document(document: Document) -> Figures:
    sums, bare = totals(document), document.is_outside_vat
    return {
        "number": document.number,
        "kind": document.kind.value,
        "currency": document.currency,
        "buyer reference": document.buyer_reference,
        "corrects": document.corrects.number if document.corrects else "",
        "due": document.due_on or "",
        "terms": document.terms,
        "mandate": document.payment.mandate if isinstance(document.payment, DirectDebit) else "",
        "seller": document.seller.name,
        "buyer": document.buyer.name,
        "seller's VAT number": "" if bare else document.seller.vat_id,
        "buyer's VAT number": "" if bare else document.buyer.vat_id,
        "sum of lines": sums.lines,
        "net": sums.net,
        "VAT": sums.vat,
        "gross": sums.gross,
        "payable": sums.payable,
    }


def _line(line: Line) -> Figures:
    figures: Figures = {
        "name": line.name,
        "quantity": line.quantity,
        "unit": line.unit,
        "price": line.unit_price,
        "base quantity": "" if line.base_quantity == 1 else line.base_quantity,
        "net": line.net,
    }
    return figures | _rate(line.vat)


def _rate(vat: Vat) -> Figures:
    outside = vat.category is Category.OUTSIDE
    return {"category": vat.category.value, "percent": "" if outside else vat.percent}


def _vat(sums: Totals) -> list[Figures]:
    return [
        {
            "category": part.vat.category.value,
            "percent": part.vat.percent,
            "base": part.base,
            "amount": part.amount,
        }
        for part in sums.breakdown
    ]


def _allowances(document: Document) -> list[Figures]:
    return [
        {"amount": a.amount, "reason": a.reason, "category": a.vat.category.value}
        for a in document.allowances
    ]
