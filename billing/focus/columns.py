"""The columns of the datasets, in the order in which they are written. Pure data.

Decimals have a fixed scale: always a point, and the same bytes for the same amount.

Source: FOCUS specification 1.2 and 1.4, columns and features; shared design, billing 1.11.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

V1_2, V1_4 = "1.2", "1.4"
VERSIONS = (V1_2, V1_4)
_BOTH = VERSIONS


class Kind(StrEnum):
    """What a column holds: JSON is text, too; a moment is UTC."""

    TEXT = "text"
    JSON = "json"
    COST = "cost"
    PRICE = "price"
    QUANTITY = "quantity"
    MOMENT = "moment"

    @property
    def scale(self) -> int | None:
        """Decimals after the point; None for what is no number."""
        return {"cost": 18, "price": 9, "quantity": 12}.get(self.value)


class Dataset(StrEnum):
    COST_AND_USAGE = "cost-and-usage"
    BILLING_PERIOD = "billing-period"
    INVOICE_DETAIL = "invoice-detail"
    CONTRACT_COMMITMENT = "contract-commitment"


@dataclass(frozen=True, slots=True)
class Column:
    """`required`: it is never empty, whatever the row."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    versions: tuple[str, ...] = _BOTH


_K = Kind
_COST_AND_USAGE = (
    Column("BilledCost", _K.COST, True),
    Column("BillingAccountId", required=True),
    Column("BillingAccountName"),
    Column("BillingAccountType", required=True),
    Column("BillingCurrency", required=True),
    Column("BillingPeriodEnd", _K.MOMENT, True),
    Column("BillingPeriodStart", _K.MOMENT, True),
    Column("ChargeCategory", required=True),
    Column("ChargeClass"),
    Column("ChargeDescription", required=True),
    Column("ChargeFrequency", required=True),
    Column("ChargePeriodEnd", _K.MOMENT, True),
    Column("ChargePeriodStart", _K.MOMENT, True),
    Column("CommitmentDiscountCategory"),
    Column("CommitmentDiscountId"),
    Column("CommitmentDiscountName"),
    Column("CommitmentDiscountQuantity", _K.QUANTITY),
    Column("CommitmentDiscountStatus"),
    Column("CommitmentDiscountType"),
    Column("CommitmentDiscountUnit"),
    Column("CommitmentProgramEligibilityDetails", _K.JSON, versions=(V1_4,)),
    Column("ConsumedQuantity", _K.QUANTITY),
    Column("ConsumedUnit"),
    Column("ContractApplied", _K.JSON, versions=(V1_4,)),
    Column("ContractedCost", _K.COST, True),
    Column("ContractedUnitPrice", _K.PRICE),
    Column("EffectiveCost", _K.COST, True),
    Column("HostProviderName", versions=(V1_4,)),
    Column("InvoiceDetailId", versions=(V1_4,)),
    Column("InvoiceId"),
    Column("InvoiceIssuerName", required=True),
    Column("ListCost", _K.COST, True),
    Column("ListUnitPrice", _K.PRICE),
    Column("PricingCategory"),
    Column("PricingCurrency", required=True),
    Column("PricingCurrencyContractedUnitPrice", _K.PRICE),
    Column("PricingCurrencyEffectiveCost", _K.COST, True),
    Column("PricingCurrencyListUnitPrice", _K.PRICE),
    Column("PricingQuantity", _K.QUANTITY),
    Column("PricingUnit"),
    Column("ProviderName", required=True, versions=(V1_2,)),
    Column("PublisherName", required=True, versions=(V1_2,)),
    Column("RegionId"),
    Column("RegionName"),
    Column("ResourceId"),
    Column("ResourceName"),
    Column("ResourceType"),
    Column("ServiceCategory", required=True),
    Column("ServiceName", required=True),
    Column("ServiceProviderName", required=True, versions=(V1_4,)),
    Column("ServiceSubcategory", required=True),
    Column("SkuId"),
    Column("SkuMeter"),
    Column("SkuPriceDetails", _K.JSON),
    Column("SkuPriceId"),
    Column("SubAccountId"),
    Column("SubAccountName"),
    Column("SubAccountType"),
    Column("Tags", _K.JSON),
)
_BILLING_PERIOD = (
    Column("BillingPeriodCreated", _K.MOMENT, True),
    Column("BillingPeriodEnd", _K.MOMENT, True),
    Column("BillingPeriodLastUpdated", _K.MOMENT, True),
    Column("BillingPeriodStart", _K.MOMENT, True),
    Column("BillingPeriodStatus", required=True),
    Column("InvoiceIssuerName", required=True),
)
_INVOICE_DETAIL = (
    Column("BilledCost", _K.COST, True),
    Column("BillingAccountId", required=True),
    Column("BillingCurrency", required=True),
    Column("BillingPeriodEnd", _K.MOMENT, True),
    Column("BillingPeriodStart", _K.MOMENT, True),
    Column("ChargeCategory", required=True),
    Column("InvoiceDetailCreated", _K.MOMENT, True),
    Column("InvoiceDetailDescription"),
    Column("InvoiceDetailGrain", _K.JSON),
    Column("InvoiceDetailId", required=True),
    Column("InvoiceDetailLastUpdated", _K.MOMENT, True),
    Column("InvoiceId", required=True),
    Column("InvoiceIssueDate", _K.MOMENT),
    Column("InvoiceIssueStatus", required=True),
    Column("InvoiceIssuerName", required=True),
    Column("PaymentDueDate", _K.MOMENT),
    Column("PaymentTerms", required=True),
    Column("PurchaseOrderNumber"),
    Column("ReferenceInvoiceId", required=True),
)
_CONTRACT_COMMITMENT = (
    Column("BillingCurrency"),
    Column("ContractCommitmentApplicability", required=True),
    Column("ContractCommitmentBenefitCategory", required=True),
    Column("ContractCommitmentCategory", required=True),
    Column("ContractCommitmentCost", _K.COST),
    Column("ContractCommitmentCreated", _K.MOMENT, True),
    Column("ContractCommitmentDescription"),
    Column("ContractCommitmentDiscountPercentage", _K.QUANTITY),
    Column("ContractCommitmentDurationType", required=True),
    Column("ContractCommitmentFulfillmentInterval", required=True),
    Column("ContractCommitmentId", required=True),
    Column("ContractCommitmentLastUpdated", _K.MOMENT, True),
    Column("ContractCommitmentLifecycleStatus", required=True),
    Column("ContractCommitmentModel", required=True),
    Column("ContractCommitmentOfferCategory", required=True),
    Column("ContractCommitmentPaymentInterval", required=True),
    Column("ContractCommitmentPaymentModel", required=True),
    Column("ContractCommitmentPaymentUpfrontPercentage", _K.QUANTITY, True),
    Column("ContractCommitmentPeriodEnd", _K.MOMENT, True),
    Column("ContractCommitmentPeriodStart", _K.MOMENT, True),
    Column("ContractCommitmentQuantity", _K.QUANTITY),
    Column("ContractCommitmentType", required=True),
    Column("ContractCommitmentUnit"),
    Column("ContractId", required=True),
    Column("ContractPeriodEnd", _K.MOMENT, True),
    Column("ContractPeriodStart", _K.MOMENT, True),
    Column("InvoiceIssuerName", required=True),
    Column("ServiceProviderName", required=True),
)
_ALL = {
    Dataset.COST_AND_USAGE: _COST_AND_USAGE,
    Dataset.BILLING_PERIOD: _BILLING_PERIOD,
    Dataset.INVOICE_DETAIL: _INVOICE_DETAIL,
    Dataset.CONTRACT_COMMITMENT: _CONTRACT_COMMITMENT,
}


def columns_of(dataset: Dataset, version: str) -> tuple[Column, ...]:
    return tuple(column for column in _ALL[dataset] if version in column.versions)


def datasets_of(version: str) -> tuple[Dataset, ...]:
    """1.2 has the one, 1.4 more."""
    return tuple(Dataset) if version == V1_4 else (Dataset.COST_AND_USAGE,)
