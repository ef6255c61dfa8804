"""What an invoice or a credit note says. Amounts are exact decimals; nothing here is formatted.

The names in brackets are the business terms of EN 16931 (BT, BG).

Source: EN 16931-1:2017+A1:2019, semantic model.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

CENT = Decimal("0.01")
ONE = Decimal(1)
ZERO = Decimal(0)


def rounded(amount: Decimal) -> Decimal:
    """To the cent, half away from zero: the only rounding there is."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


class Kind(StrEnum):
    """BT-3, UNTDID 1001."""

    INVOICE = "380"
    CREDIT_NOTE = "381"


class Category(StrEnum):
    """Of VAT, BT-151; UNTDID 5305."""

    STANDARD = "S"
    REVERSE_CHARGE = "AE"
    OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class Vat:
    """Category and rate of a line; `percent` is 0 where none is charged."""

    category: Category
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Period:
    """Both days belong to it."""

    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Address:
    """`country` is ISO 3166-1."""

    street: str
    postcode: str
    city: str
    country: str
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where electronic documents reach a party (BT-34, BT-49): a scheme of the EAS list and an
    identifier in it. `EM` is a mail address, which Peppol does not deliver to.
    """

    scheme: str
    value: str


MAIL_SCHEME = "EM"


@dataclass(frozen=True, slots=True)
class Contact:
    name: str
    phone: str
    mail: str


@dataclass(frozen=True, slots=True)
class Party:
    """`vat_id` with its country's prefix (BT-31, BT-48); of a buyer only one that was confirmed,
    for with it reverse charge is due. `registration` is the number in a register of companies
    (BT-30, BT-47), `tax_number` the one of a local tax office (BT-32).
    """

    name: str
    address: Address
    endpoint: Endpoint
    vat_id: str = ""
    registration: str = ""
    tax_number: str = ""
    contact: Contact | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """`net` = `quantity` × `unit_price` ÷ `base_quantity`, rounded once (`priced` makes it so).

    A correction downwards has a negative quantity: a price is never negative. `unit` is a code of
    UN/ECE Recommendation 20. `group` is the heading it stands under in the PDF.
    """

    name: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat: Vat
    period: Period
    net: Decimal
    base_quantity: Decimal = ONE
    sku: str = ""
    detail: str = ""
    group: str = ""


def priced(
    name: str,
    *,
    quantity: Decimal,
    unit: str,
    unit_price: Decimal,
    vat: Vat,
    period: Period,
    base_quantity: Decimal = ONE,
    sku: str = "",
    detail: str = "",
    group: str = "",
) -> Line:
    """A line with its net amount."""
    net = rounded(quantity * unit_price / base_quantity)
    return Line(
        name, quantity, unit, unit_price, vat, period, net, base_quantity, sku, detail, group
    )


@dataclass(frozen=True, slots=True)
class Allowance:
    """Taken off the whole document (BG-20), as the credit of an SLA. `code`: UNTDID 5189."""

    amount: Decimal
    reason: str
    vat: Vat
    code: str = "95"


@dataclass(frozen=True, slots=True)
class Transfer:
    """The buyer sends money to the seller's account."""

    iban: str
    bic: str = ""
    code: str = "58"  # UNTDID 4461


@dataclass(frozen=True, slots=True)
class DirectDebit:
    """The seller draws it from the buyer's account by a SEPA mandate."""

    iban: str
    mandate: str
    creditor: str
    code: str = "59"


@dataclass(frozen=True, slots=True)
class Card:
    last_digits: str
    holder: str
    network: str
    code: str = "48"


Payment = Transfer | DirectDebit | Card


@dataclass(frozen=True, slots=True)
class Reference:
    """A document that came before (BG-3)."""

    number: str
    issued_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`language` is the buyer's. `notes`, `terms` and `exemption` (why no VAT is charged, BT-120)
    are in it already. `paid` is what was paid before (BT-113).

    `place` is the country whose VAT was decided to apply
    (`billing.vat.decisions.Decision.country`). It is written nowhere: it is what the own checks
    hold the lines against.
    """

    kind: Kind
    number: str
    issued_on: date
    due_on: date | None
    period: Period
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    payment: Payment
    place: str
    allowances: tuple[Allowance, ...] = ()
    currency: str = "EUR"
    language: str = "en"
    buyer_reference: str = ""
    order_number: str = ""
    corrects: Reference | None = None
    notes: tuple[str, ...] = ()
    terms: str = ""
    exemption: str = ""
    paid: Decimal = ZERO

    @property
    def is_credit_note(self) -> bool:
        return self.kind is Kind.CREDIT_NOTE

    @property
    def is_outside_vat(self) -> bool:
        """Then no VAT number may stand anywhere in it (BR-O-02)."""
        return any(line.vat.category is Category.OUTSIDE for line in self.lines)

    @property
    def span(self) -> Period:
        """The billing period, widened to all that is corrected in it: no line may lie outside
        (PEPPOL-EN16931-R110).
        """
        periods = (self.period, *(line.period for line in self.lines))
        return Period(min(p.start for p in periods), max(p.end for p in periods))
