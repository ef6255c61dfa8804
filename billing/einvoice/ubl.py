"""Universal Business Language 2.1: XRechnung and Peppol BIS Billing 3. A credit note has a root of
its own.

Source: EN 16931-3-2:2020; the order of the elements is the schema's. Why some fields are always or
never there: docs/einvoice.md.
"""

from __future__ import annotations

from decimal import Decimal

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
from billing.einvoice.totals import Totals, totals
from billing.einvoice.tree import Node, day, decimal, money, root

PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
_SCHEMA = "urn:oasis:names:specification:ubl:schema:xsd"


def build(document: Document, guideline: str) -> bytes:
    name = "CreditNote" if document.is_credit_note else "Invoice"
    namespace = f"{_SCHEMA}:{name}-2"
    namespaces: dict[str | None, str] = {
        None: namespace,
        "cac": f"{_SCHEMA}:CommonAggregateComponents-2",
        "cbc": f"{_SCHEMA}:CommonBasicComponents-2",
    }
    return _Writer(document, totals(document), name).write(
        root(name, namespace, namespaces), guideline
    )


class _Writer:
    """One document. The currency stands at each amount, so the parts share it."""

    def __init__(self, document: Document, sums: Totals, name: str) -> None:
        self._document = document
        self._sums = sums
        self._name = name

    def write(self, top: Node, guideline: str) -> bytes:
        document = self._document
        self._head(top, guideline)
        self._party(top("cac:AccountingSupplierParty"), document.seller, is_seller=True)
        self._party(top("cac:AccountingCustomerParty"), document.buyer, is_seller=False)
        top("cac:Delivery")("cbc:ActualDeliveryDate", day(document.period.end))
        self._payment(top("cac:PaymentMeans"))
        if document.terms:
            top("cac:PaymentTerms")("cbc:Note", document.terms)
        for allowance in document.allowances:
            self._allowance(top("cac:AllowanceCharge"), allowance)
        self._vat(top("cac:TaxTotal"))
        self._totals(top("cac:LegalMonetaryTotal"))
        for number, line in enumerate(document.lines, 1):
            self._line(top(f"cac:{self._name}Line"), number, line)
        return top.written()

    def _head(self, top: Node, guideline: str) -> None:
        document = self._document
        top("cbc:CustomizationID", guideline)
        top("cbc:ProfileID", PROCESS)
        top("cbc:ID", document.number)
        top("cbc:IssueDate", day(document.issued_on))
        if document.due_on and not document.is_credit_note:
            top("cbc:DueDate", day(document.due_on))
        top(f"cbc:{self._name}TypeCode", document.kind.value)
        if document.notes:  # Peppol allows one
            top("cbc:Note", "\n".join(document.notes))
        top("cbc:DocumentCurrencyCode", document.currency)
        if document.buyer_reference:
            top("cbc:BuyerReference", document.buyer_reference)
        _period(top, document.span)
        if document.order_number:
            top("cac:OrderReference")("cbc:ID", document.order_number)
        if document.corrects:
            reference = top("cac:BillingReference")("cac:InvoiceDocumentReference")
            reference("cbc:ID", document.corrects.number)
            reference("cbc:IssueDate", day(document.corrects.issued_on))

    def _party(self, node: Node, party: Party, *, is_seller: bool) -> None:
        document = self._document
        node = node("cac:Party")
        node("cbc:EndpointID", party.endpoint.value, schemeID=party.endpoint.scheme)
        if is_seller and isinstance(document.payment, DirectDebit):
            creditor = document.payment.creditor
            node("cac:PartyIdentification")("cbc:ID", creditor, schemeID="SEPA")
        address = node("cac:PostalAddress")
        address("cbc:StreetName", party.address.street)
        if party.address.extra:
            address("cbc:AdditionalStreetName", party.address.extra)
        address("cbc:CityName", party.address.city)
        address("cbc:PostalZone", party.address.postcode)
        address("cac:Country")("cbc:IdentificationCode", party.address.country)
        vat_id = "" if document.is_outside_vat else party.vat_id
        for number, scheme in ((vat_id, "VAT"), (party.tax_number, "FC")):
            if number:
                tax = node("cac:PartyTaxScheme")
                tax("cbc:CompanyID", number)
                tax("cac:TaxScheme")("cbc:ID", scheme)
        legal = node("cac:PartyLegalEntity")
        legal("cbc:RegistrationName", party.name)
        if party.registration:
            legal("cbc:CompanyID", party.registration)
        if party.contact:
            contact = node("cac:Contact")
            contact("cbc:Name", party.contact.name)
            contact("cbc:Telephone", party.contact.phone)
            contact("cbc:ElectronicMail", party.contact.mail)

    def _payment(self, node: Node) -> None:
        document = self._document
        node("cbc:PaymentMeansCode", document.payment.code)
        if document.due_on and document.is_credit_note:
            node("cbc:PaymentDueDate", day(document.due_on))
        node("cbc:PaymentID", document.number)
        match document.payment:
            case Card(last_digits=digits, holder=holder, network=network):
                card = node("cac:CardAccount")
                card("cbc:PrimaryAccountNumberID", digits)
                card("cbc:NetworkID", network)
                card("cbc:HolderName", holder)
            case DirectDebit(iban=iban, mandate=mandate):
                given = node("cac:PaymentMandate")
                given("cbc:ID", mandate)
                given("cac:PayerFinancialAccount")("cbc:ID", iban)
            case Transfer(iban=iban, bic=bic):
                account = node("cac:PayeeFinancialAccount")
                account("cbc:ID", iban)
                if bic:
                    account("cac:FinancialInstitutionBranch")("cbc:ID", bic)

    def _allowance(self, node: Node, allowance: Allowance) -> None:
        node("cbc:ChargeIndicator", "false")
        node("cbc:AllowanceChargeReasonCode", allowance.code)
        node("cbc:AllowanceChargeReason", allowance.reason)
        self._amount(node, "cbc:Amount", allowance.amount)
        _category(node("cac:TaxCategory"), allowance.vat)

    def _vat(self, node: Node) -> None:
        self._amount(node, "cbc:TaxAmount", self._sums.vat)
        for part in self._sums.breakdown:
            child = node("cac:TaxSubtotal")
            self._amount(child, "cbc:TaxableAmount", part.base)
            self._amount(child, "cbc:TaxAmount", part.amount)
            _explained(child("cac:TaxCategory"), part.vat, self._document.exemption)

    def _totals(self, node: Node) -> None:
        sums = self._sums
        self._amount(node, "cbc:LineExtensionAmount", sums.lines)
        self._amount(node, "cbc:TaxExclusiveAmount", sums.net)
        self._amount(node, "cbc:TaxInclusiveAmount", sums.gross)
        if self._document.allowances:
            self._amount(node, "cbc:AllowanceTotalAmount", sums.allowances)
        if sums.paid:
            self._amount(node, "cbc:PrepaidAmount", sums.paid)
        self._amount(node, "cbc:PayableAmount", sums.payable)

    def _line(self, node: Node, number: int, line: Line) -> None:
        node("cbc:ID", number)
        verb = "Credited" if self._document.is_credit_note else "Invoiced"
        node(f"cbc:{verb}Quantity", decimal(line.quantity), unitCode=line.unit)
        self._amount(node, "cbc:LineExtensionAmount", line.net)
        _period(node, line.period)
        item = node("cac:Item")
        if line.detail:
            item("cbc:Description", line.detail)
        item("cbc:Name", line.name)
        if line.sku:
            item("cac:SellersItemIdentification")("cbc:ID", line.sku)
        _category(item("cac:ClassifiedTaxCategory"), line.vat)
        price = node("cac:Price")
        price("cbc:PriceAmount", decimal(line.unit_price), currencyID=self._document.currency)
        if line.base_quantity != 1:
            price("cbc:BaseQuantity", decimal(line.base_quantity), unitCode=line.unit)

    def _amount(self, node: Node, tag: str, amount: Decimal) -> None:
        node(tag, money(amount), currencyID=self._document.currency)


# -- parts -----------------------------------------------------------------------------------------


def _category(node: Node, vat: Vat) -> None:
    """Of a line or an allowance: outside of VAT there is no rate (BR-O-05)."""
    node("cbc:ID", vat.category.value)
    if vat.category is not Category.OUTSIDE:
        node("cbc:Percent", decimal(vat.percent))
    node("cac:TaxScheme")("cbc:ID", "VAT")


def _explained(node: Node, vat: Vat, words: str) -> None:
    """Of the breakdown, where the rate stands even outside of VAT, as 0 (BR-DE-14)."""
    node("cbc:ID", vat.category.value)
    node("cbc:Percent", decimal(vat.percent))
    if vat.category in CODES:
        node("cbc:TaxExemptionReasonCode", CODES[vat.category])
        node("cbc:TaxExemptionReason", words or WORDS[vat.category])
    node("cac:TaxScheme")("cbc:ID", "VAT")


def _period(node: Node, period: Period) -> None:
    child = node("cac:InvoicePeriod")
    child("cbc:StartDate", day(period.start))
    child("cbc:EndDate", day(period.end))
