"""How a price's unit stands on an invoice: a code of UN/ECE Recommendation 20, and for how many of
them the price is.

Source: UN/ECE Recommendation 20, revision 17. There is no code of a GiB-hour: what is kept is
counted in pieces, and the line's name says of what.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class InvoiceUnit:
    code: str
    base: Decimal = Decimal(1)


# Keys as in `billing.pricebook.meters.UNITS`.
INVOICE_UNITS = {
    "hour": InvoiceUnit("HUR"),
    "second": InvoiceUnit("SEC"),
    "minute": InvoiceUnit("MIN"),
    "month": InvoiceUnit("MON"),
    "GiB": InvoiceUnit("E62"),
    "one": InvoiceUnit("C62"),
    "thousand": InvoiceUnit("C62", Decimal(1_000)),
    "ten-thousand": InvoiceUnit("C62", Decimal(10_000)),
    "million": InvoiceUnit("C62", Decimal(1_000_000)),
    "thousand-months": InvoiceUnit("MON", Decimal(1_000)),
    "euro": InvoiceUnit("C62"),
}

# What a line may be counted in: the above, and the gigabytes, days and years of other price lists.
UNIT_CODES = frozenset({unit.code for unit in INVOICE_UNITS.values()} | {"E34", "DAY", "ANN"})
