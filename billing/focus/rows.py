"""The rows of a dataset as one SQL query, so that the database writes the file by itself.

Rows are in the order of day and line, taxes last; the same rows are the same bytes.

- A line of an issued invoice has its number; a draft has none, for it may still change.
- The VAT of an issued invoice is a row of its own (`Tax`), so the rows of an invoice come to what
  is to be paid.
- What corrects a closed month (`Correction`) is charged on the day of its use and billed in the
  month that bills it; what a credit note takes back has the note's number. Rounding to cents is an
  `Adjustment`.
- What a commitment covers is `Used`, what it left over `Unused`; the payments for it are purchases.
  Its unit is the hour of one piece, of whatever meter.
- Credits, taxes and rounding have no unit price: they may be negative, which no price is.

Source: FOCUS specification 1.2 and 1.4; shared design, billing 1.11 and 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.utils import translation

from billing.costs.texts import KINDS, charge_text
from billing.focus import sql
from billing.focus.columns import Column, Dataset, columns_of
from billing.focus.services import NO_SERVICE, services
from billing.focus.units import ONE_OF_ALL, all_units
from billing.identity import provider
from billing.metering.plantime import month_bounds
from billing.models import CostLine
from billing.pricebook.classes import CLASSES, class_label
from billing.pricebook.meters import METERS, UNITS, base_units
from billing.pricebook.texts import meter_label

Query = tuple[str, dict[str, Any]]
_LANGUAGE = "en"  # of what is written for programs


@dataclass(frozen=True, slots=True)
class Scope:
    """What is billed in the calendar months [`first`, `end`), on days before `before`; of one
    organisation, or of all with None.
    """

    organisation: int | None
    first: date
    end: date
    before: date = date.max


def of_month(organisation: int | None, month: date) -> Scope:
    start, end = month_bounds(month)
    return Scope(organisation, start.date(), end.date())


def query(dataset: Dataset, version: str, scope: Scope) -> Query:
    """SELECT with the columns of the dataset in their order, and its parameters."""
    columns = columns_of(dataset, version)
    seller = provider.provider().legal_name or settings.POLDER_PROVIDER_NAME
    values: dict[str, Any] = {
        "organisation": scope.organisation,
        "first": scope.first,
        "end": scope.end,
        "before": scope.before,
        "seller": seller,
    }
    if dataset is Dataset.BILLING_PERIOD:
        return _select(columns, _PERIOD, sql.PERIODS), values
    values |= _words() | _posted(scope)
    if dataset is Dataset.INVOICE_DETAIL:
        return f"with {sql.LINES} {_select(columns, _DETAIL, sql.DETAILS)}", values
    if dataset is Dataset.CONTRACT_COMMITMENT:
        return f"with {sql.LINES} {_select(columns, _COMMITMENT, sql.COMMITMENTS)}", values
    charges = _select(columns, _CHARGE, "from charge c order by c.day, c.id")
    taxes = _select(columns, _TAX, "from tax c order by c.number")
    return f"with {sql.LINES} ({charges}) union all ({taxes})", values


def _select(columns: tuple[Column, ...], values: dict[str, str], tail: str) -> str:
    listed = ", ".join(f'{values.get(c.name, _nothing(c))} as "{c.name}"' for c in columns)
    return f"select {listed} {tail}"


def _nothing(column: Column) -> str:
    return "null::text" if column.kind.scale is None else "null::numeric"


def _words() -> dict[str, Any]:
    """Names, units and texts that only the code knows."""
    with translation.override(_LANGUAGE):
        classes = [(code, class_label(code)) for code in CLASSES]
        meters = [(code, meter_label(code)) for code in METERS]
    found: dict[str, Any] = {"one_of_all": ONE_OF_ALL, "no_service": NO_SERVICE}
    tables: dict[str, list[tuple[Any, ...]]] = {
        "service": services(),
        "class": classes,
        "meter": meters,
        "unit": list(all_units()),
        "size": [(unit, base_units(unit, 1), unit.endswith(("month", "months"))) for unit in UNITS],
    }
    for name, rows in tables.items():
        for number, column in enumerate(zip(*rows, strict=True)):
            found[f"{name}_{number}"] = list(column)
    return found


def _posted(scope: Scope) -> dict[str, Any]:
    """What was posted, in words, by the key of its line."""
    rows = CostLine.objects.filter(day__gte=scope.first, day__lt=scope.end).exclude(reference="")
    if scope.organisation is not None:
        rows = rows.filter(organisation=scope.organisation)
    keys, texts = [], []
    with translation.override(_LANGUAGE):
        for key, reference, about in rows.values_list("pk", "reference", "about"):
            keys.append(key)
            known = reference.partition(":")[0] in KINDS
            text = charge_text(reference, about or {}) if known else reference
            texts.append(text.replace("×", "x"))  # the validator takes ASCII only
    return {"posted": keys, "posted_texts": texts}


def _moment(day: str) -> str:
    return f"({day})::date::text || 'T00:00:00Z'"


def _instant(at: str) -> str:
    return f"""to_char({at} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""


_MONTH = "date_trunc('month', c.day)"
_PRICED = "c.category in ('usage', 'purchase')"
_USED = "c.category = 'usage'"


def _where(condition: str, value: str) -> str:
    return f"case when {condition} then {value} end"


# Who sells, who pays, and when: the same for charges and taxes.
_COMMON = {
    "BillingAccountId": "c.account",
    "BillingAccountName": "c.account_name",
    "BillingAccountType": "'Organisation'",
    "BillingCurrency": "c.currency",
    "BillingPeriodStart": _moment(_MONTH),
    "BillingPeriodEnd": _moment(f"{_MONTH} + interval '1 month'"),
    "PricingCurrency": "c.currency",
    "InvoiceId": "c.number",
    "InvoiceDetailId": "c.detail",
    "InvoiceIssuerName": "%(seller)s::text",
    "ProviderName": "%(seller)s::text",
    "PublisherName": "%(seller)s::text",
    "ServiceProviderName": "%(seller)s::text",
    "HostProviderName": "%(seller)s::text",
}
_CHARGE = _COMMON | {
    "BilledCost": "c.billed_cost",
    "EffectiveCost": "c.effective_cost",
    "PricingCurrencyEffectiveCost": "c.effective_cost",
    "ContractedCost": "c.contracted_cost",
    "ListCost": "c.list_cost",
    "ChargeCategory": "initcap(c.category)",
    "ChargeClass": _where("c.is_correction", "'Correction'"),
    "ChargeDescription": "c.description",
    "ChargeFrequency": "case c.category when 'usage' then 'Usage-Based' when 'purchase' then "
    "case when c.reserved is null then 'One-Time' else 'Recurring' end else 'One-Time' end",
    "CommitmentDiscountId": "c.reserved",
    "CommitmentDiscountName": "c.reserved_name",
    "CommitmentDiscountCategory": _where("c.reserved is not null", "'Usage'"),
    "CommitmentDiscountType": _where("c.reserved is not null", "'Reserved capacity'"),
    "CommitmentDiscountQuantity": _where("c.reserved is not null", "c.reserved_hours"),
    "CommitmentDiscountUnit": _where("c.reserved is not null", "'Hours'"),
    "CommitmentDiscountStatus": _where(
        "c.reserved is not null and c.category = 'usage'",
        "case when c.is_unused then 'Unused' else 'Used' end",
    ),
    "ChargePeriodStart": _moment("c.charged"),
    "ChargePeriodEnd": _moment("c.charged + 1"),
    "ConsumedQuantity": _where(
        f"{_USED} and not c.is_unused", "round(case when c.is_fee then 0 else c.quantity end, 12)"
    ),
    "ConsumedUnit": _where(f"{_USED} and not c.is_unused", "c.consumed_unit"),
    "ListUnitPrice": _where(_PRICED, "c.list_unit_price"),
    "PricingCurrencyListUnitPrice": _where(_PRICED, "c.list_unit_price"),
    "ContractedUnitPrice": _where(_PRICED, "c.contracted_unit_price"),
    "PricingCurrencyContractedUnitPrice": _where(_PRICED, "c.contracted_unit_price"),
    "PricingCategory": _where(
        _PRICED,
        "case when c.reserved is not null and c.category = 'usage' then 'Committed' "
        "when c.category = 'usage' then initcap(c.price_category) else 'Standard' end",
    ),
    "PricingQuantity": _where(_PRICED, "round(c.quantity / c.size, 12)"),
    "PricingUnit": _where(_PRICED, "c.pricing_unit"),
    "RegionId": "c.region_code",
    "RegionName": _where("c.region_code is not null", "c.region_name"),
    "ResourceId": "c.resource",
    "ResourceName": "c.resource_name",
    "ResourceType": _where("c.resource is not null", "c.service"),
    "ServiceName": "c.service",
    "ServiceCategory": "c.service_category",
    "ServiceSubcategory": "c.service_subcategory",
    "SkuId": "c.sku",
    "SkuMeter": _where("c.sku is not null", "c.meter_name"),
    "SkuPriceId": "c.sku_price",
    "SkuPriceDetails": _where("c.sku_price is not null", "c.details"),
    "SubAccountId": "c.sub_account",
    "SubAccountName": "c.sub_account_name",
    "SubAccountType": _where("c.sub_account is not null", "'Project'"),
    "Tags": "c.tags",
}
_TAX = _COMMON | {
    **dict.fromkeys(
        (
            "BilledCost",
            "EffectiveCost",
            "ContractedCost",
            "ListCost",
            "PricingCurrencyEffectiveCost",
        ),
        "c.vat",
    ),
    "ChargeCategory": "'Tax'",
    "ChargeDescription": "'VAT'",
    "ChargeFrequency": "'One-Time'",
    "ChargePeriodStart": _moment(_MONTH),
    "ChargePeriodEnd": _moment(f"{_MONTH} + interval '1 month'"),
    "ServiceName": "'VAT'",
    "ServiceCategory": "'Other'",
    "ServiceSubcategory": "%(no_service)s::text",
}
_DETAIL = _COMMON | {
    "BilledCost": "c.billed_cost",
    "ChargeCategory": "c.charge_category",
    "InvoiceDetailCreated": _instant("c.issued_at"),
    "InvoiceDetailLastUpdated": _instant("c.issued_at"),
    "InvoiceDetailDescription": "c.description",
    "InvoiceDetailGrain": "c.grain",
    "InvoiceIssueDate": _instant("c.issued_at"),
    "InvoiceIssueStatus": "'Issued'",
    "PaymentDueDate": _moment("c.due"),
    "PaymentTerms": "c.terms",
    "PurchaseOrderNumber": "c.order_number",
    "ReferenceInvoiceId": "c.about_number",
}
_PERIOD = {
    "BillingPeriodCreated": _moment("c.month"),
    "BillingPeriodStart": _moment("c.month"),
    "BillingPeriodEnd": _moment("c.month + interval '1 month'"),
    "BillingPeriodLastUpdated": _instant("c.updated"),
    "BillingPeriodStatus": "case when c.closed then 'Closed' else 'Open' end",
    "InvoiceIssuerName": "%(seller)s::text",
}

_COMMITMENT = {
    "BillingCurrency": "c.currency",
    "ContractCommitmentApplicability": "c.applicability",
    "ContractCommitmentBenefitCategory": "'Discount'",
    "ContractCommitmentCategory": "'Usage'",
    "ContractCommitmentCost": "c.total",
    "ContractCommitmentCreated": _instant("c.created_at"),
    "ContractCommitmentDescription": "c.name",
    "ContractCommitmentDurationType": "c.term",
    "ContractCommitmentFulfillmentInterval": "'Daily'",
    "ContractCommitmentId": "c.public_id",
    "ContractCommitmentLastUpdated": _instant("c.created_at"),
    "ContractCommitmentLifecycleStatus": "case when c.start >= %(end)s then 'Pending' "
    "when c.\"end\" <= %(first)s then 'Expired' else 'Active' end",
    "ContractCommitmentModel": "'Continuous'",
    "ContractCommitmentOfferCategory": "'Public'",
    "ContractCommitmentPaymentInterval": "case when c.upfront = 100 then 'One-Time' "
    "else 'Monthly' end",
    "ContractCommitmentPaymentModel": "case c.upfront when 0 then 'No Upfront' "
    "when 100 then 'All Upfront' else 'Partial Upfront' end",
    "ContractCommitmentPaymentUpfrontPercentage": "round(c.upfront / 100.0, 12)",
    "ContractCommitmentPeriodEnd": _moment('c."end"'),
    "ContractCommitmentPeriodStart": _moment("c.start"),
    "ContractCommitmentQuantity": 'round(c.pieces * 24 * (c."end" - c.start), 12)',
    "ContractCommitmentType": "'Reserved capacity'",
    "ContractCommitmentUnit": "'Hours'",
    "ContractId": "c.public_id",
    "ContractPeriodEnd": _moment('c."end"'),
    "ContractPeriodStart": _moment("c.start"),
    "InvoiceIssuerName": "%(seller)s::text",
    "ServiceProviderName": "%(seller)s::text",
}
