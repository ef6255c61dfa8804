"""Our own checks of a document: what no rule of the standards looks at, and what is better refused
before XML is written. docs/einvoice.md has the list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from billing.einvoice.document import (
    ZERO,
    Category,
    DirectDebit,
    Document,
    Line,
    Party,
    Transfer,
    Vat,
    rounded,
)
from billing.einvoice.findings import Finding, Judge
from billing.einvoice.totals import totals
from billing.einvoice.units import UNIT_CODES
from billing.vat.rates import rate_on
from billing.vat.territories import UNION, Place, place_of

CURRENCY = "EUR"
_VAT_PREFIXES = {"EL" if country == "GR" else country for country in UNION}

# Electronic Address Scheme list, version of EN 16931 1.3.16; those of companies, and mail.
_SCHEMES = (
    "0002 0007 0009 0037 0060 0088 0096 0097 0106 0130 0135 0142 0147 0151 0154 0158 0170 0177 "
    "0183 0184 0188 0190 0191 0192 0193 0194 0195 0196 0198 0199 0200 0201 0202 0203 0204 0205 "
    "0208 0209 0210 0211 0212 0213 0215 0216 0217 0218 0219 0220 0221 0225 0230 0235 0240 0242 "
    "0244 0245 0246 0248 9910 9913 9914 9915 9918 9919 9920 9922 9923 9924 9925 9926 9927 9928 "
    "9929 9930 9931 9932 9933 9934 9935 9936 9937 9938 9939 9940 9941 9942 9943 9944 9945 9946 "
    "9947 9948 9949 9950 9951 9952 9953 9957 9959 EM"
)
SCHEMES = frozenset(_SCHEMES.split())

Said = Iterator[tuple[str, str]]
Check = Callable[[Document], Said]


def own_findings(document: Document) -> list[Finding]:
    """All fatal."""
    amounts = _wrong_amounts(document)
    if amounts:  # nothing else can be computed of what is no exact amount
        return amounts
    return [Finding(Judge.OWN, code, text) for check in _CHECKS for code, text in check(document)]


# -- amounts ---------------------------------------------------------------------------------------


def _wrong_amounts(document: Document) -> list[Finding]:
    """Everything is a finite decimal, and what is money has whole cents."""
    money: list[tuple[str, Decimal]] = [("paid", document.paid)]
    money += [(f"line {n}: net", line.net) for n, line in enumerate(document.lines, 1)]
    money += [(f"allowance {n}", a.amount) for n, a in enumerate(document.allowances, 1)]
    figures = list(money)
    for n, line in enumerate(document.lines, 1):
        names = ("quantity", "unit_price", "base_quantity")
        figures += [(f"line {n}: {name}", getattr(line, name)) for name in names]
        figures.append((f"line {n}: percent", line.vat.percent))
    found = [
        Finding(Judge.OWN, "amount-exact", f"{where} is {value!r}, no exact decimal.")
        for where, value in figures
        if not (isinstance(value, Decimal) and value.is_finite())
    ]
    return found or [
        Finding(Judge.OWN, "amount-digits", f"{where} is {value}: more digits than cents.")
        for where, value in money
        if value != rounded(value)
    ]


def _lines(document: Document) -> Said:
    if not document.lines:
        yield "lines-missing", "The document has no line."
    for n, line in enumerate(document.lines, 1):
        if line.base_quantity <= 0:
            yield "line-base", f"Line {n}: a price for {line.base_quantity} units."
            continue
        exact = rounded(line.quantity * line.unit_price / line.base_quantity)
        if line.net != exact:
            yield (
                "line-net",
                f"Line {n}: {line.quantity} × {line.unit_price} ÷ {line.base_quantity} is "
                f"{exact}, not {line.net}.",
            )
        if line.unit not in UNIT_CODES:
            yield "line-unit", f"Line {n}: {line.unit} is no unit that Polder measures in."
        if line.unit_price < 0:
            yield "line-price", f"Line {n}: the price is negative; a correction has a negative "
            "quantity."
        if line.period.start > line.period.end:
            yield "line-period", f"Line {n}: its period ends before it begins."


def _sums(document: Document) -> Said:
    sums = totals(document)
    if min(sums.net, sums.gross) < 0:
        yield (
            "total-negative",
            f"The total is {sums.gross}; what is given back is a credit note of positive amounts.",
        )
    if sums.payable < 0:
        yield "payable-negative", f"{sums.paid} was paid of {sums.gross}."
    rates = {line.vat for line in document.lines}
    for allowance in document.allowances:
        if allowance.amount <= 0:
            yield "allowance-amount", f"An allowance of {allowance.amount} takes nothing off."
        if not allowance.reason:
            yield "allowance-reason", "An allowance says no reason."
        if allowance.vat not in rates:
            yield "allowance-vat", f"An allowance at {_words(allowance.vat)}, but no line is."
    for part in sums.breakdown:
        charged = sum((x.net for x in document.lines if x.vat == part.vat), ZERO)
        if part.base < 0 <= charged:
            yield (
                "allowance-larger",
                f"The allowances at {_words(part.vat)} are larger than its lines.",
            )


# -- VAT -------------------------------------------------------------------------------------------


def _vat(document: Document) -> Said:
    categories = {line.vat.category for line in document.lines}
    if Category.OUTSIDE in categories and len(categories) > 1:
        yield "vat-outside-mixed", "A line outside of VAT stands beside others (BR-O-11)."
    if not document.seller.vat_id and not document.is_outside_vat:
        yield "vat-seller", "The seller has no VAT number."
    rates = {line.vat for line in document.lines} | {a.vat for a in document.allowances}
    for vat in sorted(rates, key=str):
        if (vat.category is Category.STANDARD) != (vat.percent > 0):
            yield "vat-percent", f"{_words(vat)}: only the standard rate charges anything."
    yield from _place(document)
    for n, line in enumerate(document.lines, 1):
        expected = _expected(document, line)
        if expected is not None and line.vat != expected:
            yield (
                "vat-rate",
                f"Line {n} is charged {_words(line.vat)}; in {document.place} it is "
                f"{_words(expected)}.",
            )


def _place(document: Document) -> Said:
    """Whether what was decided can be true of these two parties."""
    here, there = _seat(document.seller), _seat(document.buyer)
    abroad = there.state != here.state
    allowed = {home for home in (here.state, there.state, document.buyer.address.country) if home}
    if document.place not in allowed | {document.seller.address.country}:
        yield "vat-place", f"{document.place} is neither the seller's country nor the buyer's."
    categories = {line.vat.category for line in document.lines}
    if Category.OUTSIDE in categories and there.state and here.state:
        yield "vat-place", f"VAT is due for a buyer in {there.state}."
    if categories - {Category.OUTSIDE} and here.state and not there.state:
        yield "vat-place", f"A buyer in {document.buyer.address.country} owes no VAT of the Union."
    if abroad and there.state and document.buyer.vat_id and Category.STANDARD in categories:
        yield (
            "vat-reverse-charge",
            f"{document.buyer.name} has a VAT number of another country: reverse charge is due.",
        )
    if Category.REVERSE_CHARGE in categories:
        if not abroad:
            yield "vat-place", "Reverse charge is for buyers in other countries."
        if document.buyer.vat_id[:2] not in _VAT_PREFIXES:
            yield "vat-buyer", "Reverse charge needs a VAT number of the buyer, with its prefix."


def _expected(document: Document, line: Line) -> Vat | None:
    """None where nothing can be said: of rates outside of the Union."""
    if line.vat.category is not Category.STANDARD:
        return Vat(line.vat.category, ZERO)
    owners = (_seat(document.buyer), _seat(document.seller))
    owner = next((seat for seat in owners if seat.state == document.place), None)
    try:
        rate = rate_on(owner.state, line.period.end, owner.territory) if owner else None
    except LookupError:
        rate = None
    return Vat(Category.STANDARD, rate.percent) if rate else None


def _seat(party: Party) -> Place:
    return place_of(party.address.country, party.address.postcode)


def _words(vat: Vat) -> str:
    return f"{vat.category.value} {vat.percent} %"


# -- what else must be there -----------------------------------------------------------------------


def _references(document: Document) -> Said:
    if not document.number:
        yield "number-missing", "The document has no number."
    if document.is_credit_note and not document.corrects:
        yield "reference-missing", "A credit note names the invoice it corrects."
    if not document.buyer_reference:
        yield (
            "buyer-reference",
            "There is no buyer reference, which XRechnung and Peppol demand (BR-DE-15).",
        )
    if not document.seller.contact:
        yield "seller-contact", "The seller's contact is missing (BR-DE-2)."
    if document.is_outside_vat and not document.seller.registration:
        yield (
            "seller-registration",
            "Without VAT numbers the seller needs a registration number (BR-CO-26).",
        )


def _codes(document: Document) -> Said:
    if document.currency != CURRENCY:
        yield "currency", f"Invoices are in {CURRENCY}, not in {document.currency}."
    for side, party in (("seller", document.seller), ("buyer", document.buyer)):
        if party.endpoint.scheme not in SCHEMES or not party.endpoint.value:
            yield (
                "endpoint",
                f"The {side} cannot be reached at {party.endpoint.scheme}:{party.endpoint.value}.",
            )


def _payment(document: Document) -> Said:
    payment = document.payment
    if isinstance(payment, Transfer | DirectDebit) and not is_iban(payment.iban):
        yield "iban", "The check digits of the IBAN are wrong."
    if isinstance(payment, DirectDebit) and not (payment.mandate and payment.creditor):
        yield "mandate", "A direct debit names its mandate and its creditor."
    if totals(document).payable > 0 and not (document.due_on and document.terms):
        yield "due-date", "What is to be paid has a due date and terms (BR-CO-25)."
    if document.due_on and document.due_on < document.issued_on:
        yield "due-date", "It is due before it is issued."


def is_iban(text: str) -> bool:
    """By its check digits. Source: ISO 13616-1, ISO 7064 MOD 97-10."""
    compact = text.replace(" ", "").upper()
    if not (compact.isascii() and compact.isalnum() and 15 <= len(compact) <= 34):
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


_CHECKS: tuple[Check, ...] = (_lines, _sums, _vat, _references, _codes, _payment)
