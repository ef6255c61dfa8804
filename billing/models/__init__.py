"""The tables of money, by what they hold."""

from billing.models.advice import Recommendation
from billing.models.budgets import Budget, BudgetAlert, CostAnomaly
from billing.models.commitments import Commitment, CommitmentReminder, CommittedRate
from billing.models.costs import CostLine, CostRollup, InstanceRollup, RatedMonth
from billing.models.credits import CreditGrant, Voucher
from billing.models.dunning import DunningHold, DunningStep
from billing.models.exports import CostExport, CostUpload
from billing.models.free_tier import FreeTierNotice
from billing.models.identity import BillingIdentity, IdentityVersion, LocationProof, VatIdCheck
from billing.models.invoices import Invoice, InvoiceFile, InvoiceMail, InvoiceSeries
from billing.models.metering import CounterLook, MeterKey, UsageConflict, UsageLook, UsageSilence
from billing.models.orders import Order
from billing.models.payments import BankEntry, Payment
from billing.models.prices import Price, PriceEffect
from billing.models.runs import InvoiceRun, RegionCost
from billing.models.sla import SlaMonth
from billing.models.spot import SpotFactor
from billing.models.usage import TagSet, UsageEvent, UsageRecord

__all__ = [
    "BankEntry",
    "BillingIdentity",
    "Budget",
    "BudgetAlert",
    "Commitment",
    "CommitmentReminder",
    "CommittedRate",
    "CostAnomaly",
    "CostExport",
    "CostLine",
    "CostRollup",
    "CostUpload",
    "CounterLook",
    "CreditGrant",
    "DunningHold",
    "DunningStep",
    "FreeTierNotice",
    "IdentityVersion",
    "InstanceRollup",
    "Invoice",
    "InvoiceFile",
    "InvoiceMail",
    "InvoiceRun",
    "InvoiceSeries",
    "LocationProof",
    "MeterKey",
    "Order",
    "Payment",
    "Price",
    "PriceEffect",
    "RatedMonth",
    "Recommendation",
    "RegionCost",
    "SlaMonth",
    "SpotFactor",
    "TagSet",
    "UsageConflict",
    "UsageEvent",
    "UsageLook",
    "UsageRecord",
    "UsageSilence",
    "VatIdCheck",
    "Voucher",
]
