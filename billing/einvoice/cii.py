"""Cross Industry Invoice (UN/CEFACT D16B): Factur-X EN 16931 and XRechnung.

Source: EN 16931-3-3:2020; the order of the elements is the schema's. Why some fields are always or
never there: docs/einvoice.md.
"""

from __future__ import annotations

from datetime import date

from billing.einvoice.document import (
    Allowance,
    Card,
    Category,
    DirectDebit,
    Document,
    Line,
    Party,
    Period,
    Transfer,
    Vat,
)
from billing.einvoice.exemptions import CODES, WORDS
from billing.einvoice.totals import Totals, VatSum, totals
from billing.einvoice.tree import Node, compact_day, decimal, money, root

_STANDARD = "urn:un:unece:uncefact:data:standard"
NAMESPACES: dict[str | None, str] = {
    "rsm": f"{_STANDARD}:CrossIndustryInvoice:100",
    "ram": f"{_STANDARD}:ReusableAggregateBusinessInformationEntity:100",
    "udt": f"{_STANDARD}:UnqualifiedDataType:100",
    "qdt": f"{_STANDARD}:QualifiedDataType:100",
}


def build(document: Document, guideline: str, process: str = "") -> bytes:
    top = root("CrossIndustryInvoice", NAMESPACES["rsm"], NAMESPACES)
    context = top("rsm:ExchangedDocumentContext")
    if process:
        context("ram:BusinessProcessSpecifiedDocumentContextParameter")("ram:ID", process)
    context("ram:GuidelineSpecifiedDocumentContextParameter")("ram:ID", guideline)
    head = top("rsm:ExchangedDocument")
    head("ram:ID", document.number)
    head("ram:TypeCode", document.kind.value)
    _day(head, "ram:IssueDateTime", document.issued_on)
    for note in document.notes:
        head("ram:IncludedNote")("ram:Content", note)
    trade = top("rsm:SupplyChainTradeTransaction")
    for number, line in enumerate(document.lines, 1):
        _line(trade, number, line)
    _agreement(trade, document)
    # Factur-X wants a delivery between German parties (BR-FX-EN-04), and the others do not mind.
    delivery = trade("ram:ApplicableHeaderTradeDelivery")("ram:ActualDeliverySupplyChainEvent")
    _day(delivery, "ram:OccurrenceDateTime", document.period.end)
    _settlement(trade, document, totals(document))
    return top.written()


def _line(trade: Node, number: int, line: Line) -> None:
    item = trade("ram:IncludedSupplyChainTradeLineItem")
    item("ram:AssociatedDocumentLineDocument")("ram:LineID", number)
    product = item("ram:SpecifiedTradeProduct")
    if line.sku:
        product("ram:SellerAssignedID", line.sku)
    product("ram:Name", line.name)
    if line.detail:
        product("ram:Description", line.detail)
    price = item("ram:SpecifiedLineTradeAgreement")("ram:NetPriceProductTradePrice")
    price("ram:ChargeAmount", decimal(line.unit_price))
    if line.base_quantity != 1:
        price("ram:BasisQuantity", decimal(line.base_quantity), unitCode=line.unit)
    item("ram:SpecifiedLineTradeDelivery")(
        "ram:BilledQuantity", decimal(line.quantity), unitCode=line.unit
    )
    settlement = item("ram:SpecifiedLineTradeSettlement")
    _category(settlement("ram:ApplicableTradeTax"), line.vat)
    _period(settlement, line.period)
    settlement("ram:SpecifiedTradeSettlementLineMonetarySummation")(
        "ram:LineTotalAmount", money(line.net)
    )


def _agreement(trade: Node, document: Document) -> None:
    agreement = trade("ram:ApplicableHeaderTradeAgreement")
    if document.buyer_reference:
        agreement("ram:BuyerReference", document.buyer_reference)
    bare = document.is_outside_vat
    _party(agreement("ram:SellerTradeParty"), document.seller, without_vat_id=bare)
    _party(agreement("ram:BuyerTradeParty"), document.buyer, without_vat_id=bare)
    if document.order_number:
        agreement("ram:BuyerOrderReferencedDocument")("ram:IssuerAssignedID", document.order_number)


def _party(node: Node, party: Party, *, without_vat_id: bool) -> None:
    node("ram:Name", party.name)
    if party.registration:
        node("ram:SpecifiedLegalOrganization")("ram:ID", party.registration)
    if party.contact:
        contact = node("ram:DefinedTradeContact")
        contact("ram:PersonName", party.contact.name)
        contact("ram:TelephoneUniversalCommunication")("ram:CompleteNumber", party.contact.phone)
        contact("ram:EmailURIUniversalCommunication")("ram:URIID", party.contact.mail)
    address = node("ram:PostalTradeAddress")
    address("ram:PostcodeCode", party.address.postcode)
    address("ram:LineOne", party.address.street)
    if party.address.extra:
        address("ram:LineTwo", party.address.extra)
    address("ram:CityName", party.address.city)
    address("ram:CountryID", party.address.country)
    endpoint = party.endpoint
    node("ram:URIUniversalCommunication")("ram:URIID", endpoint.value, schemeID=endpoint.scheme)
    if party.tax_number:
        node("ram:SpecifiedTaxRegistration")("ram:ID", party.tax_number, schemeID="FC")
    if party.vat_id and not without_vat_id:
        node("ram:SpecifiedTaxRegistration")("ram:ID", party.vat_id, schemeID="VA")


def _settlement(trade: Node, document: Document, sums: Totals) -> None:
    settlement = trade("ram:ApplicableHeaderTradeSettlement")
    if isinstance(document.payment, DirectDebit):
        settlement("ram:CreditorReferenceID", document.payment.creditor)
    settlement("ram:PaymentReference", document.number)
    settlement("ram:InvoiceCurrencyCode", document.currency)
    _payment(settlement("ram:SpecifiedTradeSettlementPaymentMeans"), document)
    for part in sums.breakdown:
        _vat_sum(settlement("ram:ApplicableTradeTax"), part, document.exemption)
    _period(settlement, document.span)
    for allowance in document.allowances:
        _allowance(settlement("ram:SpecifiedTradeAllowanceCharge"), allowance)
    if document.terms or document.due_on:
        _terms(settlement("ram:SpecifiedTradePaymentTerms"), document)
    _sums(settlement, document, sums)
    if document.corrects:
        reference = settlement("ram:InvoiceReferencedDocument")
        reference("ram:IssuerAssignedID", document.corrects.number)
        _day(reference, "ram:FormattedIssueDateTime", document.corrects.issued_on, "qdt")


def _payment(node: Node, document: Document) -> None:
    node("ram:TypeCode", document.payment.code)
    match document.payment:
        case Card(last_digits=digits, holder=holder):
            card = node("ram:ApplicableTradeSettlementFinancialCard")
            card("ram:ID", digits)
            card("ram:CardholderName", holder)
        case DirectDebit(iban=iban):
            node("ram:PayerPartyDebtorFinancialAccount")("ram:IBANID", iban)
        case Transfer(iban=iban, bic=bic):
            node("ram:PayeePartyCreditorFinancialAccount")("ram:IBANID", iban)
            if bic:
                node("ram:PayeeSpecifiedCreditorFinancialInstitution")("ram:BICID", bic)


def _terms(node: Node, document: Document) -> None:
    if document.terms:
        node("ram:Description", document.terms)
    if document.due_on:
        _day(node, "ram:DueDateDateTime", document.due_on)
    if isinstance(document.payment, DirectDebit):
        node("ram:DirectDebitMandateID", document.payment.mandate)


def _sums(settlement: Node, document: Document, sums: Totals) -> None:
    node = settlement("ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    node("ram:LineTotalAmount", money(sums.lines))
    if document.allowances:
        node("ram:AllowanceTotalAmount", money(sums.allowances))
    node("ram:TaxBasisTotalAmount", money(sums.net))
    node("ram:TaxTotalAmount", money(sums.vat), currencyID=document.currency)
    node("ram:GrandTotalAmount", money(sums.gross))
    if sums.paid:
        node("ram:TotalPrepaidAmount", money(sums.paid))
    node("ram:DuePayableAmount", money(sums.payable))


# -- parts -----------------------------------------------------------------------------------------


def _category(node: Node, vat: Vat) -> None:
    """Of a line or an allowance: outside of VAT there is no rate (BR-O-05)."""
    node("ram:TypeCode", "VAT")
    node("ram:CategoryCode", vat.category.value)
    if vat.category is not Category.OUTSIDE:
        node("ram:RateApplicablePercent", decimal(vat.percent))


def _vat_sum(node: Node, part: VatSum, words: str) -> None:
    """Here the rate stands even outside of VAT, as 0 (BR-DE-14)."""
    category = part.vat.category
    node("ram:CalculatedAmount", money(part.amount))
    node("ram:TypeCode", "VAT")
    if category in CODES:
        node("ram:ExemptionReason", words or WORDS[category])
    node("ram:BasisAmount", money(part.base))
    node("ram:CategoryCode", category.value)
    if category in CODES:
        node("ram:ExemptionReasonCode", CODES[category])
    node("ram:RateApplicablePercent", decimal(part.vat.percent))


def _allowance(node: Node, allowance: Allowance) -> None:
    node("ram:ChargeIndicator")("udt:Indicator", "false")
    node("ram:ActualAmount", money(allowance.amount))
    node("ram:ReasonCode", allowance.code)
    node("ram:Reason", allowance.reason)
    _category(node("ram:CategoryTradeTax"), allowance.vat)


def _period(node: Node, period: Period) -> None:
    child = node("ram:BillingSpecifiedPeriod")
    _day(child, "ram:StartDateTime", period.start)
    _day(child, "ram:EndDateTime", period.end)


def _day(node: Node, tag: str, value: date, kind: str = "udt") -> None:
    node(tag)(f"{kind}:DateTimeString", compact_day(value), format="102")
