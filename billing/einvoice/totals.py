"""Adds a document up: the one place where its sums are made.

A line was rounded when it was made; VAT is rounded once per category and rate, of the sum of its
lines. Nothing else is rounded.

Source: EN 16931-1, BR-CO-10 to BR-CO-17 and BR-S-08, BR-S-09.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.einvoice.document import ZERO, Document, Vat, rounded

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class VatSum:
    """What one rate was charged on, and how much it is (BG-23)."""

    vat: Vat
    base: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Totals:
    """BT-106, 107, 109, 110, 112, 113, 115, and the breakdown of VAT."""

    lines: Decimal
    allowances: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal
    paid: Decimal
    payable: Decimal
    breakdown: tuple[VatSum, ...]


def totals(document: Document) -> Totals:
    breakdown = _breakdown(document)
    lines = sum((line.net for line in document.lines), ZERO)
    allowances = sum((allowance.amount for allowance in document.allowances), ZERO)
    vat = sum((part.amount for part in breakdown), ZERO)
    net = lines - allowances
    gross = net + vat
    return Totals(
        lines, allowances, net, vat, gross, document.paid, gross - document.paid, breakdown
    )


def _breakdown(document: Document) -> tuple[VatSum, ...]:
    bases: dict[Vat, Decimal] = {}
    for line in document.lines:
        bases[line.vat] = bases.get(line.vat, ZERO) + line.net
    for allowance in document.allowances:
        bases[allowance.vat] = bases.get(allowance.vat, ZERO) - allowance.amount
    ordered = sorted(bases.items(), key=lambda item: (item[0].category, -item[0].percent))
    return tuple(VatSum(vat, base, rounded(base * vat.percent / HUNDRED)) for vat, base in ordered)
