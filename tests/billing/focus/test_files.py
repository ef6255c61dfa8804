"""Files of charges: their form, their sums, and that both formats say the same."""

import csv
import io
import json
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from billing.focus import queries, writing
from billing.focus.checks import check_csv
from billing.focus.columns import V1_2, V1_4, VERSIONS, Dataset, columns_of
from billing.focus.rows import Scope
from billing.models import CostLine
from tests.billing.focus.conftest import NOVEMBER, OCTOBER
from tests.billing.focus.whole import as_bytes

pytestmark = pytest.mark.focus
CHARGES = Dataset.COST_AND_USAGE


def rows_of(world, version=V1_4, dataset=CHARGES):
    content = as_bytes(dataset, version, world.scope, writing.CSV)
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def cost(rows, name="BilledCost"):
    return sum(Decimal(row[name]) for row in rows)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_keeps_our_checks_and_comes_to_costs_and_invoice(world, version):
    content = io.BytesIO(as_bytes(CHARGES, version, world.scope, writing.CSV))
    facts = queries.facts_of(world.scope)
    report = check_csv(CHARGES, version, content, facts)
    assert report.findings == []
    assert report.rows == CostLine.objects.count() + 2  # VAT of the invoice and of the note
    assert facts.invoices == {
        world.invoice.number: world.invoice.gross,
        world.note.number: -world.note.gross,
    }
    assert report.billed == facts.net == sum(CostLine.objects.values_list("billed_cost", flat=True))


def test_every_kind_of_charge_is_there(world):
    rows = rows_of(world)
    assert {row["ChargeCategory"] for row in rows} == {
        "Usage",
        "Purchase",
        "Credit",
        "Tax",
        "Adjustment",
    }
    assert {row["PricingCategory"] for row in rows} == {"", "Standard", "Dynamic", "Committed"}
    assert {row["ResourceId"] for row in rows} == {"", world.instance.public_id}
    texts = {row["ChargeDescription"] for row in rows}
    assert {"VAT", "Credit: a promise not kept, pg-1 in 2026-10"} < texts
    tags = {row["Tags"] for row in rows}
    assert {text and json.loads(text)["team"] for text in tags} == {"", "a,b"}


def test_what_was_free_keeps_its_list_price(world):
    rows = [row for row in rows_of(world) if row["SkuPriceId"].endswith("-0")]
    free = [row for row in rows if not row["CommitmentDiscountId"]]
    assert {row["ListUnitPrice"] for row in free} == {"0.010000000"}
    assert (cost(free), cost(free, "ListCost")) == (0, Decimal("0.02"))
    assert {row["PricingUnit"] for row in free} == {"GiB"}


def test_a_fee_is_a_price_of_its_own_and_uses_nothing(world):
    (fee,) = [row for row in rows_of(world) if row["SkuPriceId"].endswith("-fee")]
    assert (fee["BilledCost"], fee["PricingQuantity"]) == (f"7.{'0' * 18}", f"1.{'0' * 12}")
    assert fee["ConsumedQuantity"] == f"0.{'0' * 12}"


def test_a_correction_is_charged_when_it_was_used_and_billed_when_it_is_known(world):
    rows = [row for row in rows_of(world) if row["ChargeClass"]]
    (row,) = [row for row in rows if row["ChargeCategory"] == "Usage"]
    assert (row["ChargeClass"], row["ChargeCategory"]) == ("Correction", "Usage")
    assert row["ChargePeriodStart"] == "2026-10-09T00:00:00Z"
    assert row["BillingPeriodStart"] == "2026-11-01T00:00:00Z"
    assert row["InvoiceId"] == ""


def test_the_lines_of_an_invoice_come_to_what_is_to_be_paid(world):
    billed = [row for row in rows_of(world) if row["InvoiceId"] == world.invoice.number]
    assert cost(billed) == world.invoice.gross
    assert cost(r for r in billed if r["ChargeCategory"] == "Tax") == world.invoice.vat
    details = [
        row
        for row in rows_of(world, dataset=Dataset.INVOICE_DETAIL)
        if row["InvoiceId"] == world.invoice.number
    ]
    assert {row["InvoiceDetailId"] for row in billed} == {r["InvoiceDetailId"] for r in details}
    assert cost(details) == world.invoice.gross
    lines = {line["sku"]: line["net"] for line in world.invoice.document["lines"]}
    for sku, net in lines.items():
        of_sku = [r for r in details if r["InvoiceDetailId"].split("/", 1)[1] == sku]
        same = [line["net"] for line in world.invoice.document["lines"] if line["sku"] == sku]
        assert cost(of_sku) == sum(map(Decimal, same)), (sku, net)


def test_a_credit_note_takes_back_under_its_own_number(world):
    rows = [row for row in rows_of(world) if row["InvoiceId"] == world.note.number]
    assert cost(rows) == -world.note.gross
    assert {row["ChargeClass"] for row in rows} == {"Correction", ""}  # the VAT is none
    details = rows_of(world, dataset=Dataset.INVOICE_DETAIL)
    of_note = [row for row in details if row["InvoiceId"] == world.note.number]
    assert {row["ReferenceInvoiceId"] for row in of_note} == {world.invoice.number}
    assert cost(of_note) == -world.note.gross


def test_reserved_capacity_is_used_or_unused_and_costs_its_share(world):
    rows = [row for row in rows_of(world) if row["CommitmentDiscountId"]]
    assert {(r["ChargeCategory"], r["CommitmentDiscountStatus"]) for r in rows} == {
        ("Purchase", ""),
        ("Usage", "Used"),
        ("Usage", "Unused"),
    }
    (bought,) = [row for row in rows if row["ChargeCategory"] == "Purchase"]
    assert Decimal(bought["BilledCost"]) > 0 == Decimal(bought["EffectiveCost"])
    used = [row for row in rows if row["ChargeCategory"] == "Usage"]
    assert cost(used) == 0 < cost(used, "EffectiveCost")
    unused = [row for row in used if row["CommitmentDiscountStatus"] == "Unused"]
    assert {(row["ResourceId"], row["ConsumedQuantity"]) for row in unused} == {("", "")}
    # half of 2 vCPU and 8 GiB on the first day, all of it on the second
    hours = sum(Decimal(row["CommitmentDiscountQuantity"]) for row in unused)
    assert hours == (1 + 4) * 24 + (2 + 8) * 24
    (contract,) = rows_of(world, dataset=Dataset.CONTRACT_COMMITMENT)
    assert contract["ContractCommitmentId"] == bought["CommitmentDiscountId"]
    assert contract["ContractCommitmentLifecycleStatus"] == "Active"


def test_months_are_open_or_closed(world):
    rows = rows_of(world, dataset=Dataset.BILLING_PERIOD)
    assert [(r["BillingPeriodStart"][:7], r["BillingPeriodStatus"]) for r in rows] == [
        ("2026-10", "Closed"),
        ("2026-11", "Open"),
    ]


@pytest.mark.parametrize("dataset", Dataset)
def test_parquet_says_what_the_csv_says(world, dataset):
    content = as_bytes(dataset, V1_4, world.scope, writing.PARQUET)
    table = pq.read_table(io.BytesIO(content))
    columns, rows = columns_of(dataset, V1_4), rows_of(world, V1_4, dataset)
    assert table.column_names == [column.name for column in columns]
    assert len(rows) == table.num_rows > 0
    for column in columns:
        values = [row[column.name] or None for row in rows]
        found = table.column(column.name)
        if column.kind.scale is not None:
            assert str(found.type) == f"decimal128(38, {column.kind.scale})"
            values = [value and Decimal(value) for value in values]
        if column.kind == "moment":
            values = [value and value.replace("Z", "+00:00") for value in values]
            assert [at and at.isoformat() for at in found.to_pylist()] == values
        else:
            assert found.to_pylist() == values


@pytest.mark.parametrize("form", writing.FORMATS)
def test_the_same_rows_are_the_same_bytes(world, form):
    first, second = (as_bytes(CHARGES, V1_2, world.scope, form) for _ in range(2))
    assert first == second


def test_days_from_a_day_on_can_be_left_out(world):
    early = Scope(world.organisation.pk, OCTOBER, NOVEMBER, before=OCTOBER.replace(day=2))
    rows = list(csv.DictReader(io.StringIO(
        as_bytes(CHARGES, V1_2, early, writing.CSV).decode()
    )))  # fmt: skip
    assert {row["ChargePeriodStart"][:10] for row in rows if row["ChargeCategory"] == "Usage"} == {
        "2026-10-01"
    }
