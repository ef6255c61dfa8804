"""Files of charges before those who judge them (`-m focus`): the validator of the specification's
makers for 1.2, a linter for 1.4; and that they do find what is wrong.
"""

import csv
import io

import pytest

from billing.focus import writing
from billing.focus.columns import V1_2, V1_4, Dataset
from tests.billing.focus import judges
from tests.billing.focus.whole import as_bytes

pytestmark = pytest.mark.focus
CHARGES = Dataset.COST_AND_USAGE
# What its own model gets wrong; `judges.mended_model` says how.
KNOWN = {
    "InvoiceId-C-000-O",
    "InvoiceId-C-003-C",
    "InvoiceId-C-004-C",
    "InvoiceId-C-005-C",
    "CommitmentDiscountStatus-C-000-C",
    "CommitmentDiscountStatus-C-002-C",
    "CommitmentDiscountStatus-C-004-C",
}


@pytest.fixture(scope="module", autouse=True)
def installed():
    if why := judges.missing():
        pytest.skip(f"NO JUDGES OF FOCUS: {why}")


@pytest.fixture
def file(world, tmp_path):
    """`file(version, dataset, form)`, with some cells written over: {column: text} in all rows."""

    def make(version=V1_2, dataset=CHARGES, form=writing.CSV, over=None):
        content = as_bytes(dataset, version, world.scope, form)
        path = tmp_path / f"{dataset}-{version}.{form}"
        if over:
            rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, **over} for row in rows)
            content = text.getvalue().encode()
        path.write_bytes(content)
        return path

    return make


@pytest.fixture
def mended(tmp_path):
    return judges.mended_model(tmp_path / "models", "2026-10-01T00:00:00Z")


def test_the_validator_fails_by_its_own_faults_only(file):
    verdict = judges.judge_1_2(file())
    print(verdict)
    assert verdict.failures <= KNOWN
    assert verdict.passed > 300


@pytest.mark.parametrize("form", writing.FORMATS)
def test_no_rule_fails_once_they_are_mended(file, mended, form):
    verdict = judges.judge_1_2(file(form=form), mended)
    print(form, verdict)
    assert verdict.failures == frozenset()
    assert verdict.passed > 300


@pytest.mark.parametrize(
    "over",
    [
        {"ChargeCategory": "Usages"},
        {"BillingCurrency": "Euro"},
        {"BilledCost": "1"},
        {"ChargePeriodStart": "2026-10-01"},
        {"ServiceCategory": "Cloud"},
        {"RegionName": ""},
        {"InvoiceIssuerName": ""},
    ],
)
def test_the_validator_finds_what_is_wrong(file, mended, over):
    assert judges.judge_1_2(file(over=over), mended).failed > 0


@pytest.mark.parametrize("dataset", Dataset)
@pytest.mark.parametrize("form", writing.FORMATS)
def test_the_linter_finds_nothing(file, dataset, form):
    assert judges.judge_1_4(file(V1_4, dataset, form), dataset) == ""


def test_the_linter_finds_a_cost_that_is_no_product(file):
    over = {"ListCost": "100.000000000000000000"}
    assert "ListCost" in judges.judge_1_4(file(V1_4, over=over), CHARGES)
