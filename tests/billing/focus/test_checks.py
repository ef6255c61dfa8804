"""Our own checks find what is wrong with a file, one thing at a time."""

import csv
import io
from decimal import Decimal

import pytest

from billing.focus.checks import Facts, check, check_csv
from billing.focus.columns import V1_2, Dataset, columns_of

COLUMNS = columns_of(Dataset.COST_AND_USAGE, V1_2)
COSTS = ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost")


def usage(**changes):
    """A day of two vCPUs, and what differs from it."""
    row = dict.fromkeys((column.name for column in COLUMNS), "")
    row |= dict.fromkeys((*COSTS, "PricingCurrencyEffectiveCost"), "1.244160000000000000")
    prices = ("ListUnitPrice", "ContractedUnitPrice")
    row |= {f"{start}{name}": "0.025920000" for name in prices for start in ("", "PricingCurrency")}
    row |= {
        "BillingAccountId": "acme",
        "BillingAccountType": "Organisation",
        "BillingCurrency": "EUR",
        "PricingCurrency": "EUR",
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "ChargePeriodStart": "2026-10-03T00:00:00Z",
        "ChargePeriodEnd": "2026-10-04T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": "PostgreSQL: vCPU",
        "ConsumedQuantity": "172800.000000000000",
        "ConsumedUnit": "vCPU-Seconds",
        "PricingQuantity": "48.000000000000",
        "PricingUnit": "vCPU-Hours",
        "PricingCategory": "Standard",
        "InvoiceIssuerName": "Polder",
        "ProviderName": "Polder",
        "PublisherName": "Polder",
        "ServiceName": "PostgreSQL",
        "ServiceCategory": "Databases",
        "ServiceSubcategory": "Relational Databases",
        "SkuId": "database.postgresql/vcpu",
        "SkuMeter": "vCPU",
        "SkuPriceId": "pr-1-1",
        "SkuPriceDetails": '{"x_Tier": 1}',
    }
    return row | changes


def found(*rows, facts=None):
    return check(COLUMNS, rows, facts or Facts()).findings


def test_a_row_as_it_should_be_passes():
    assert found(usage()) == []


NONE = dict.fromkeys(
    ("SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "PricingQuantity", "PricingUnit",
     "PricingCategory", "ListUnitPrice", "ContractedUnitPrice", "ConsumedQuantity",
     "ConsumedUnit"), "",
)  # fmt: skip
TAX = NONE | {"ChargeCategory": "Tax", "ChargeFrequency": "One-Time"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ListCost": "100.000000000000000000"}, "ListCost is not ListUnitPrice × PricingQuantity"),
        ({"ContractedCost": "1.244160000001000000"}, "ContractedCost is not"),
        ({"PricingQuantity": "48.000000001000"}, "ListCost is not"),
        ({"BilledCost": "1.24"}, "no decimal of 18 places"),
        ({"BilledCost": "1,244160000000000000"}, "no decimal"),
        ({"BilledCost": ""}, "BilledCost is empty"),
        ({"ListUnitPrice": "-0.025920000"}, "ListUnitPrice is negative"),
        ({"ChargePeriodStart": "2026-10-03 00:00:00"}, "no moment in UTC"),
        ({"ChargePeriodEnd": "2026-11-02T00:00:00Z"}, "outside its billing period"),
        ({"ChargePeriodEnd": "2026-10-03T00:00:00Z"}, "ends before it begins"),
        (
            {"ChargeClass": "Correction", "ChargePeriodEnd": "2026-11-02T00:00:00Z"},
            "of a time after its billing period",
        ),
        ({"ChargeCategory": "Usages"}, "ChargeCategory cannot be Usages"),
        ({"ChargeFrequency": "Daily"}, "ChargeFrequency cannot be Daily"),
        ({"ResourceId": "pg-1"}, "ResourceId and ResourceType do not go together"),
        ({"RegionName": "Local"}, "RegionId and RegionName do not go together"),
        ({"SkuMeter": ""}, "SkuId and SkuMeter do not go together"),
        ({"PricingUnit": ""}, "PricingQuantity and PricingUnit do not go together"),
        ({"ListUnitPrice": ""}, "ListUnitPrice is empty in a row of Usage"),
        ({"ConsumedQuantity": "", "ConsumedUnit": ""}, "ConsumedQuantity belongs to usage"),
        ({"Tags": "env=prod"}, "no JSON object"),
        ({"Tags": '{"env": ["prod"]}'}, "no JSON object of plain values"),
        ({"CommitmentDiscountStatus": "Used"}, "CommitmentDiscountStatus without a commitment"),
        (
            {
                "CommitmentDiscountId": "cm-1",
                "CommitmentDiscountCategory": "Usage",
                "CommitmentDiscountType": "Reserved",
            },
            "does not say whether it was used",
        ),
        ({"PricingCurrencyEffectiveCost": "0.000000000000000000"}, "is not EffectiveCost"),
        (TAX | {"SkuId": "x", "SkuMeter": "x"}, "SkuId is not empty in a row of Tax"),
        (TAX | {"ListCost": "0.000000000000000000"}, "without a price differ"),
        (TAX | {"ChargeCategory": "Credit"}, "a credit costs something"),
        (
            {"ChargeCategory": "Purchase", "ConsumedQuantity": "", "ConsumedUnit": ""},
            "a purchase is not usage-based",
        ),
    ],
)
def test_what_is_wrong_is_found(changes, told):
    findings = found(usage(**changes))
    assert [text for text in findings if told in text]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SkuId": "other"}, "pr-1-1 has two of SkuId"),
        ({"ServiceCategory": "Compute"}, "PostgreSQL has two of ServiceCategory"),
    ],
)
def test_one_of_a_thing_has_one_of_another(changes, told):
    assert [text for text in found(usage(), usage(**changes)) if told in text]


def test_sums_are_those_of_costs_and_invoices():
    row = usage(InvoiceId="2026-1")
    billed = Decimal(row["BilledCost"])
    assert found(row, facts=Facts(billed, {"2026-1": billed})) == []
    assert "the costs to 1" in found(row, facts=Facts(Decimal(1)))[0]
    assert "2 is to be paid" in found(row, facts=Facts(invoices={"2026-1": Decimal(2)}))[0]
    assert "None is to be paid" in found(row, facts=Facts(invoices={}))[0]
    assert "comes to None" in found(facts=Facts(invoices={"2026-1": billed}))[0]


def test_a_broken_column_is_told_twenty_times():
    report = check(COLUMNS, [usage(BilledCost="")] * 50, Facts())
    assert (report.count, len(report.findings)) == (50, 20)


def test_another_header_is_no_file_of_ours():
    text = io.StringIO()
    names = [column.name for column in COLUMNS]
    writer = csv.DictWriter(text, names[1:] + names[:1])
    writer.writeheader()
    source = io.BytesIO(text.getvalue().encode())
    report = check_csv(Dataset.COST_AND_USAGE, V1_2, source, Facts())
    assert report.findings == ["the columns are not those of the dataset"]
