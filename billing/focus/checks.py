"""What must hold of every file: our own strict checks, beside those of others. Pure: knows no
database, and reads rows as they stand in the file.

They say what FOCUS demands and its validator does not look at (a cost that is not price ×
quantity, in rows without a ChargeClass), and that the sums are those of our costs and invoices.

Source: FOCUS specification 1.2 and 1.4; shared design, billing 3.1.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import IO

from billing.focus.columns import Column, Dataset, Kind, columns_of

Row = Mapping[str, str]
MOST = 20  # findings that are told; a broken column breaks every row
_ZERO = Decimal(0)
_DECIMALS = {
    kind: re.compile(rf"-?\d+\.\d{{{kind.scale}}}") for kind in Kind if kind.scale is not None
}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_UNIT_PRICES = ("ListUnitPrice", "ContractedUnitPrice")
_PRODUCTS = (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost"))
_COSTS = ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")
_ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Credit", "Tax", "Adjustment"},
    "ChargeClass": {"", "Correction"},
    "ChargeFrequency": {"Usage-Based", "Recurring", "One-Time"},
    "PricingCategory": {"", "Standard", "Committed", "Dynamic", "Other"},
    "CommitmentDiscountStatus": {"", "Used", "Unused"},
    "CommitmentDiscountCategory": {"", "Spend", "Usage"},
}
# What must be there when the other is, and must not when it is not.
_TOGETHER = (
    ("ResourceId", "ResourceType"),
    ("ResourceId", "ResourceName"),
    ("RegionId", "RegionName"),
    ("SubAccountId", "SubAccountName"),
    ("SubAccountId", "SubAccountType"),
    ("SkuPriceId", "SkuPriceDetails"),
    ("SkuId", "SkuMeter"),
    ("PricingQuantity", "PricingUnit"),
    ("ConsumedQuantity", "ConsumedUnit"),
    ("CommitmentDiscountId", "CommitmentDiscountCategory"),
    ("CommitmentDiscountId", "CommitmentDiscountType"),
    ("CommitmentDiscountQuantity", "CommitmentDiscountUnit"),
)
# One of the left has one of the right, in all rows.
_ONE_EACH = (
    ("SkuPriceId", "SkuId"),
    ("SkuPriceId", "ListUnitPrice"),
    ("ServiceName", "ServiceCategory"),
    ("ServiceSubcategory", "ServiceCategory"),
    ("CommitmentDiscountId", "CommitmentDiscountUnit"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the file must come to: `net` is BilledCost without taxes, `invoices` what is to be paid
    of each; None where it is not known.
    """

    net: Decimal | None = None
    invoices: Mapping[str, Decimal] | None = None


@dataclass(slots=True)
class Report:
    """`findings` are sentences for operators, each with the row it was found in first; `count` of
    all. Nothing may leave the house that has one.
    """

    rows: int = 0
    billed: Decimal = _ZERO
    count: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, what: str) -> None:
        self.count += 1
        if len(self.findings) < MOST:
            self.findings.append(f"row {self.rows}: {what}" if self.rows else what)


def check_csv(dataset: Dataset, version: str, source: IO[bytes], facts: Facts) -> Report:
    """Reads a file from where it stands to its end."""
    text = io.TextIOWrapper(source, "utf-8", newline="")
    try:
        reader = csv.DictReader(text)
        columns = columns_of(dataset, version)
        if list(reader.fieldnames or ()) != [column.name for column in columns]:
            report = Report()
            report.add("the columns are not those of the dataset")
            return report
        return check(columns, reader, facts)
    finally:
        text.detach()


def check(columns: tuple[Column, ...], rows: Iterable[Row], facts: Facts) -> Report:
    """What is found in `rows`, whose empty cells are empty texts."""
    report, seen = Report(), [dict[str, str]() for _ in _ONE_EACH]
    sums: dict[str, Decimal] = {}
    is_charge = any(column.name == "ChargeClass" for column in columns)
    for row in rows:
        report.rows += 1
        form = list(_faults_of_form(columns, row))
        for fault in form:
            report.add(fault)
        if form or not is_charge:
            continue
        for fault in (*_faults_of_nulls(row), *_faults_of_costs(row), *_faults_of_time(row)):
            report.add(fault)
        for known, (one, other) in zip(seen, _ONE_EACH, strict=True):
            if row[one] and known.setdefault(row[one], row[other]) != row[other] and row[other]:
                report.add(f"{row[one]} has two of {other}")
        billed = Decimal(row["BilledCost"])
        if row["ChargeCategory"] != "Tax":
            report.billed += billed
        if row["InvoiceId"]:
            sums[row["InvoiceId"]] = sums.get(row["InvoiceId"], _ZERO) + billed
    if is_charge:
        _compare(report, sums, facts)
    return report


def _compare(report: Report, sums: Mapping[str, Decimal], facts: Facts) -> None:
    report_rows, report.rows = report.rows, 0  # what follows is of no row
    if facts.net is not None and facts.net != report.billed:
        report.add(f"all rows come to {report.billed:f}, the costs to {facts.net:f}")
    if facts.invoices is not None:
        for number in sorted({*sums, *facts.invoices}):
            found, wanted = sums.get(number), facts.invoices.get(number)
            if found != wanted:
                report.add(f"invoice {number} comes to {found}, and {wanted} is to be paid")
    report.rows = report_rows


def _faults_of_form(columns: tuple[Column, ...], row: Row) -> Iterator[str]:
    for column in columns:
        value = row[column.name]
        if not value:
            if column.required:
                yield f"{column.name} is empty"
            continue
        pattern = _DECIMALS.get(column.kind)
        if pattern is not None and not pattern.fullmatch(value):
            yield f"{column.name} is no decimal of {column.kind.scale} places: {value}"
        elif column.kind is Kind.MOMENT and not _MOMENT.fullmatch(value):
            yield f"{column.name} is no moment in UTC: {value}"
        elif column.kind is Kind.JSON and not _is_object(value):
            yield f"{column.name} is no JSON object of plain values: {value}"
    for name, allowed in _ALLOWED.items():
        if name in row and row[name] not in allowed and (name != "ChargeCategory" or row[name]):
            yield f"{name} cannot be {row[name]}"


@lru_cache(maxsize=10_000)  # the same tags stand in very many rows
def _is_object(text: str) -> bool:
    try:
        found = json.loads(text, parse_float=Decimal)
    except ValueError:
        return False
    return isinstance(found, dict) and not any(isinstance(v, dict | list) for v in found.values())


def _faults_of_nulls(row: Row) -> Iterator[str]:
    for one, other in _TOGETHER:
        if bool(row[one]) != bool(row[other]):
            yield f"{one} and {other} do not go together"
    category, corrects = row["ChargeCategory"], row["ChargeClass"] == "Correction"
    priced = category in ("Usage", "Purchase")
    for name in ("SkuId", "SkuPriceId", "PricingQuantity", "PricingCategory", *_UNIT_PRICES):
        if priced and not corrects and not row[name]:
            yield f"{name} is empty in a row of {category}"
        if category == "Tax" and row[name]:
            yield f"{name} is not empty in a row of Tax"
    unused = row["CommitmentDiscountStatus"] == "Unused"
    consumes = category == "Usage" and not unused
    if bool(row["ConsumedQuantity"]) != consumes:
        yield "ConsumedQuantity belongs to usage, and to all of it that a commitment left over"
    if row["CommitmentDiscountStatus"] and not row["CommitmentDiscountId"]:
        yield "CommitmentDiscountStatus without a commitment"
    if row["CommitmentDiscountId"] and category == "Usage" and not row["CommitmentDiscountStatus"]:
        yield "usage under a commitment does not say whether it was used"
    if category == "Purchase" and row["ChargeFrequency"] == "Usage-Based":
        yield "a purchase is not usage-based"


def _faults_of_costs(row: Row) -> Iterator[str]:
    corrects, quantity = row["ChargeClass"] == "Correction", row["PricingQuantity"]
    for price_name, cost_name in _PRODUCTS:
        if not row[price_name]:
            continue
        price = Decimal(row[price_name])
        if price < 0:
            yield f"{price_name} is negative"
        if quantity and not corrects:
            # A quantity is rounded to 12 places, a cost to 18.
            room = price * Decimal("5E-13") + Decimal("5E-19")
            if abs(Decimal(quantity) * price - Decimal(row[cost_name])) > room:
                yield f"{cost_name} is not {price_name} × PricingQuantity"
    priceless = row["ChargeCategory"] in ("Credit", "Adjustment", "Tax")
    if priceless and len({Decimal(row[name]) for name in _COSTS}) > 1:
        yield "the costs of a charge without a price differ"
    if row["ChargeCategory"] == "Credit" and Decimal(row["BilledCost"]) > 0:
        yield "a credit costs something"
    if row["PricingCurrencyEffectiveCost"] != row["EffectiveCost"]:
        yield "PricingCurrencyEffectiveCost is not EffectiveCost"


def _faults_of_time(row: Row) -> Iterator[str]:
    begin, end = row["ChargePeriodStart"], row["ChargePeriodEnd"]
    first, last = row["BillingPeriodStart"], row["BillingPeriodEnd"]
    if not (begin < end and first < last):
        yield "a period ends before it begins"
    if row["ChargeClass"] == "Correction":
        if not end <= last:
            yield "a correction is of a time after its billing period"
    elif not (first <= begin and end <= last):
        yield "the charge lies outside its billing period"
