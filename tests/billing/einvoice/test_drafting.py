"""A month's cost lines as the document of an invoice."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing import cycle
from billing.costs.posting import Category as Charge
from billing.costs.posting import Posting, post
from billing.einvoice.checks import own_findings
from billing.einvoice.document import Category, rounded
from billing.einvoice.judging import judge
from billing.einvoice.pages import page_of
from billing.einvoice.profiles import Profile, build
from billing.einvoice.stored import from_json, to_json
from billing.einvoice.totals import totals
from billing.identity import actions as identities
from billing.invoices import drafting, invoicing
from billing.models import BillingIdentity, CostLine, CostRollup, InvoiceSeries
from billing.month_end import runs
from billing.usage import ingestion
from billing.usage.cloudevents import Reported
from billing.vat import rates as vat_rates
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict
from portal.tenancy.models import Organisation
from services.instances.models import InstanceEvent
from tests.billing.einvoice.samples import CASES, SHAPES
from tests.makers import make_instance, make_owner, make_project, make_region, make_staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "a_provider")]

MONTH, ISSUED = date(2026, 10, 1), date(2026, 11, 4)
BUYER = {
    "kind": "business",
    "legal_name": "Deichbau Nord GmbH",
    "street": "Am Deich 7",
    "postcode": "20095",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "DE136695976",
    "invoice_email": "rechnung@deichbau.example",
}


@pytest.fixture
def a_provider(settings):
    settings.POLDER_PROVIDER_COUNTRY = "DE"
    settings.POLDER_PROVIDER = {
        "legal_name": "Polder Cloud GmbH",
        "street": "Deichstraße 1",
        "postcode": "20459",
        "city": "Hamburg",
        "vat_id": "DE811569869",
        "registration": "HRB 123456",
        "iban": "DE89370400440532013000",
        "bic": "COBADEFFXXX",
        "contact_name": "Billing",
        "contact_phone": "+49 40 123456",
        "contact_email": "billing@polder.example",
        "electronic_address": "9930:DE811569869",
    }


@pytest.fixture
def organisation(monkeypatch):
    """Two services in October: one for all of it, one from the 21st on."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    region, project = make_region(), make_project()
    made = [make_instance(project, region, plan="single-2x8") for _ in range(2)]
    InstanceEvent.objects.all().delete()
    for instance, day in zip(made, (1, 21), strict=True):
        at = datetime(2026, 10, day, tzinfo=UTC)
        instance.created_at = at
        instance.save()
        InstanceEvent.objects.create(instance=instance, code="created", at=at, plan=instance.plan)
    cycle.meter_month(MONTH)
    cycle.meter_and_rate()
    return project.organisation


def known(organisation, **fields):
    """The organisation once it has said who it is."""
    owner = make_owner(organisation.projects.first())
    identities.update_identity(actor=owner, organisation=organisation, values=BUYER | fields)
    return Organisation.objects.get(pk=organisation.pk)


def test_one_line_for_each_meter_price_and_tier(organisation):
    document = drafting.document_for(known(organisation), MONTH, ISSUED)
    assert [(line.name, line.quantity, line.unit, line.net) for line in document.lines] == [
        ("PostgreSQL: Memory, GiB", Decimal(8 * (730 + 264)), "HUR", Decimal("62.98")),
        ("PostgreSQL: Storage, GiB", Decimal(80 * (730 + 264)), "HUR", Decimal("13.04")),
        ("PostgreSQL: vCPU", Decimal(2 * (730 + 264)), "HUR", Decimal("51.53")),
    ]
    assert (document.period.start, document.period.end) == (MONTH, date(2026, 10, 31))
    assert document.due_on == date(2026, 11, 18)


def test_the_sum_is_that_of_the_costs_rounded_line_by_line(organisation):
    document = drafting.document_for(known(organisation), MONTH, ISSUED)
    exact = sum(line.billed_cost for line in CostLine.objects.filter(day__month=10))
    assert abs(totals(document).net - exact) < Decimal("0.005") * len(document.lines)
    assert rounded(exact) == Decimal("127.55")


def test_it_keeps_our_own_checks(organisation):
    document = drafting.document_for(known(organisation), MONTH, ISSUED)
    assert [f for f in own_findings(document) if f.fatal] == []
    assert {line.vat.category for line in document.lines} == {Category.STANDARD}
    assert totals(document).vat == rounded(totals(document).net * Decimal("0.19"))


@pytest.mark.parametrize(
    ("language", "name", "terms", "kept"),
    [
        ("", "PostgreSQL: Memory, GiB", "Payable within 14 days of issue.", "en-gb"),
        ("en", "PostgreSQL: Memory, GiB", "Payable within 14 days of issue.", "en-gb"),
        ("de", "PostgreSQL: Arbeitsspeicher, GiB", "Zahlbar innerhalb von 14 Tagen", "de"),
        ("fr", "PostgreSQL\u00a0: Mémoire, Gio", "Payable", "fr"),
    ],
)
def test_it_is_written_in_the_language_that_the_buyer_chose(
    organisation, language, name, terms, kept
):
    document = drafting.document_for(known(organisation, language=language), MONTH, ISSUED)
    assert document.lines[0].name == name
    assert document.terms.startswith(terms)
    assert document.language == kept
    assert name in build(document, Profile.FACTUR_X).decode()
    assert [f for f in own_findings(document) if f.fatal] == []


def test_what_is_issued_keeps_its_language(organisation):
    told = known(organisation, language="fr")
    made = invoicing.seal(actor=SYSTEM, invoice=invoicing.draft(told, MONTH))
    known(organisation, language="de")
    made.refresh_from_db()
    assert page_of(from_json(made.document)).heading == "Facture"
    assert invoicing.verify() == []


@pytest.mark.einvoice
@pytest.mark.usefixtures("einvoice_rules")
def test_it_keeps_the_rules_of_the_standards(organisation):
    verdict = judge(drafting.document_for(known(organisation), MONTH, ISSUED))
    assert [f.text for f in verdict.fatal] == []
    assert verdict.may_be_issued
    assert all(verdict.fired.values())


def test_a_draft_is_written_anew_until_it_is_issued(organisation):
    told = known(organisation)
    first = invoicing.draft(told, MONTH)
    CostLine.objects.filter(meter="vcpu").update(quantity=3600)
    second = invoicing.draft(told, MONTH)
    assert first.pk == second.pk
    assert (first.net, second.net) == (Decimal("127.55"), Decimal("77.11"))
    assert second.gross == second.net + second.vat
    invoicing.seal(actor=SYSTEM, invoice=second)
    with pytest.raises(Conflict, match="issued already"):
        invoicing.draft(told, MONTH)


def posted(organisation):
    """Something bought and something credited in October."""
    common = {"organisation": organisation, "day": date(2026, 10, 31)}
    about = {"what": "2 × single-2x8", "instance": "pg-1", "month": "2026-10"}
    for kind, category, amount in (
        ("commitment", Charge.PURCHASE, "40.00"),
        ("sla", Charge.CREDIT, "-12.75"),
    ):
        post(
            Posting(
                **common,
                category=category,
                amount=Decimal(amount),
                reference=f"{kind}:1",
                about=about,
            )
        )
    return known(organisation)


def test_what_is_bought_is_a_line_and_what_is_credited_comes_off_the_whole(organisation):
    document = drafting.document_for(posted(organisation), MONTH, ISSUED)
    assert (document.lines[-1].name, document.lines[-1].net) == (
        "Reserved capacity: 2 × single-2x8",
        Decimal("40.00"),
    )
    assert [(a.amount, a.reason) for a in document.allowances] == [
        (Decimal("12.75"), "Credit: a promise not kept, pg-1 in 2026-10")
    ]
    assert totals(document).net == Decimal("127.55") + Decimal("40.00") - Decimal("12.75")
    assert [f for f in own_findings(document) if f.fatal] == []


@pytest.mark.einvoice
@pytest.mark.usefixtures("einvoice_rules")
def test_costs_are_the_invoice_whatever_was_bought_or_credited(organisation):
    told = posted(organisation)
    made = invoicing.issue(actor=SYSTEM, invoice=invoicing.draft(told, MONTH))
    rows = CostRollup.objects.filter(organisation=told, day__month=10)
    assert sum(row.billed_cost for row in rows) == made.net == Decimal("154.80")


@pytest.mark.einvoice
@pytest.mark.usefixtures("einvoice_rules")
def test_a_draft_that_a_credit_came_after_is_not_issued(organisation, monkeypatch):
    made = invoicing.draft(known(organisation), MONTH)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 2, 1, tzinfo=UTC))
    posted(organisation)
    with pytest.raises(Conflict, match="worked out again"):
        invoicing.issue(actor=SYSTEM, invoice=made)


def test_what_is_stored_is_the_document(organisation):
    told = known(organisation)
    made = invoicing.draft(told, MONTH)
    made.refresh_from_db()
    today = clock.now().date()
    assert from_json(made.document) == drafting.document_for(told, MONTH, today)


def test_the_vat_is_that_of_the_month_whenever_it_is_issued(organisation, monkeypatch):
    raised = ("DE", date(2026, 11, 1), "21")
    monkeypatch.setattr(vat_rates, "_CHANGES", (*vat_rates._CHANGES, raised))
    document = drafting.document_for(known(organisation), MONTH, ISSUED)
    assert {line.vat.percent for line in document.lines} == {Decimal(19)}


def test_what_the_vat_rests_on_is_sealed_with_the_invoice(organisation):
    told = known(organisation, **FRENCH)
    staff = make_staff()
    identities.approve_vat_id(actor=staff, identity=told.billing_identity, reason="An extract.")
    made = invoicing.draft(Organisation.objects.get(pk=told.pk), MONTH)
    made = invoicing.seal(actor=SYSTEM, invoice=made)
    made.refresh_from_db()
    kept = made.document[invoicing.EVIDENCE]
    assert kept["vat_id"]["number"] == FRENCH["vat_id"]
    assert kept["vat_id"]["proof"]["reason"] == "An extract."
    assert (kept["buyer"]["state"], kept["on"]) == ("FR", "2026-10-31")
    assert staff.name not in json.dumps(made.document)  # who it was can be erased elsewhere
    assert invoicing.verify() == []


FRENCH = {
    "legal_name": "Exemple SAS",
    "street": "1 rue de la Paix",
    "postcode": "75002",
    "city": "Paris",
    "country": "FR",
    "vat_id": "FR40303265045",
}


def test_an_unconfirmed_vat_id_needs_a_second_proof_of_where_the_buyer_is(organisation):
    with pytest.raises(Conflict, match="one more proof"):
        drafting.document_for(known(organisation, **FRENCH), MONTH, ISSUED)


@pytest.mark.einvoice
@pytest.mark.usefixtures("einvoice_rules")
def test_reverse_charge_is_judged_valid(organisation):
    told = known(organisation, **FRENCH)
    row = told.billing_identity
    identities.approve_vat_id(actor=make_staff(), identity=row, reason="Seen the extract.")
    document = drafting.document_for(Organisation.objects.get(pk=told.pk), MONTH, ISSUED)
    assert {line.vat.category for line in document.lines} == {Category.REVERSE_CHARGE}
    assert document.exemption.startswith("Reverse charge")
    assert [f.text for f in judge(document).fatal] == []


@pytest.mark.einvoice
@pytest.mark.usefixtures("einvoice_rules")
def test_a_draft_is_judged_and_issued(organisation):
    made = invoicing.issue(actor=SYSTEM, invoice=invoicing.draft(known(organisation), MONTH))
    assert made.number == "2026-000001"
    assert from_json(made.document).number == made.number
    assert invoicing.verify() == []


@pytest.mark.einvoice
@pytest.mark.usefixtures("einvoice_rules")
def test_a_draft_with_a_fatal_fault_takes_no_number(organisation):
    made = invoicing.draft(known(organisation), MONTH)
    made.document["lines"][0]["net"] = "1.00"
    with pytest.raises(Conflict, match="cannot be issued"):
        invoicing.issue(actor=SYSTEM, invoice=made)
    assert not InvoiceSeries.objects.exists()


def test_without_rules_nothing_is_issued(organisation, settings, tmp_path):
    settings.POLDER_CACHE = tmp_path
    made = invoicing.draft(known(organisation), MONTH)
    with pytest.raises(Conflict, match="einvoice-rules"):
        invoicing.issue(actor=SYSTEM, invoice=made)
    assert not InvoiceSeries.objects.exists()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_sample_comes_back_as_it_was(case, shape):
    document = SHAPES[shape](case)
    assert from_json(json.loads(json.dumps(to_json(document)))) == document


def test_without_an_address_there_is_no_invoice(organisation):
    with pytest.raises(Conflict, match="billing details are missing"):
        drafting.document_for(organisation, MONTH, ISSUED)
    assert BillingIdentity.objects.count() == 0


def test_a_month_without_costs_has_no_invoice(organisation):
    told = known(organisation)
    with pytest.raises(Conflict, match="nothing to pay for"):
        drafting.document_for(told, date(2026, 8, 1), ISSUED)


def test_what_is_included_at_a_price_of_nothing_is_no_line(organisation):
    """Processors and memory of a data lake are, and requests to it."""
    region = organisation.projects.first().instances.first().region
    for project, plan in ((organisation.projects.first(), "single-2x4"), (make_project(), None)):
        lake = make_instance(
            project, region, offering="object-storage", plan=plan or "dev-1x1", name="lake"
        )
        lake.created_at = datetime(2026, 10, 1, tzinfo=UTC)
        lake.save()
        InstanceEvent.objects.filter(instance=lake).update(at=lake.created_at)
        start = datetime(2026, 10, 5, tzinfo=UTC)
        said = Reported("polder", f"{plan}", lake.public_id, "read_requests", start, start, 900)
        assert ingestion.keep_own([said]).accepted == 1
    cycle.meter_month(MONTH)
    cycle.meter_and_rate()
    included = CostLine.objects.filter(offering="object-storage", tier=1, billed_cost=0)
    assert set(included.values_list("meter", flat=True)) == {"vcpu", "memory_gib", "read_requests"}
    document = drafting.document_for(known(organisation), MONTH, ISSUED)
    assert len(document.lines) == 4
    assert [line.name for line in document.lines if "Storage, GiB" not in line.name] == [
        "PostgreSQL: Memory, GiB",
        "PostgreSQL: vCPU",
    ]
    assert [f for f in own_findings(document) if f.fatal] == []
    # Whoever has used nothing else gets no invoice.
    assert [row.organisation for row in runs.payable(MONTH)] == [organisation]
