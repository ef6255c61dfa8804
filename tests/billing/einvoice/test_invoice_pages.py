"""Invoices as members see them: list, page, files."""

import pytest

from billing.identity import actions as identities
from billing.invoices import invoicing
from billing.month_end import runs
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Role
from tests.billing.einvoice.test_drafting import FRENCH, MONTH, a_provider, known, organisation
from tests.makers import make_member, make_project, make_staff, signed_in

__all__ = ["a_provider", "organisation"]  # fixtures
pytestmark = [
    pytest.mark.einvoice,  # it sets the PDF
    pytest.mark.django_db,
    pytest.mark.usefixtures("prices", "fake", "a_provider", "plain_static"),
]
LIST = "/costs/invoices/"


@pytest.fixture
def draft(organisation):
    return invoicing.draft(known(organisation), MONTH)


@pytest.fixture
def issued(draft):
    invoice = invoicing.seal(actor=SYSTEM, invoice=draft)
    runs.write_files(invoice)
    return invoice


@pytest.fixture
def reader(client, organisation):
    return signed_in(client, make_member(organisation.projects.first(), Role.BILLING))


def test_without_any_the_page_says_when_the_first_comes(reader):
    assert "three days later" in reader.get(LIST).content.decode()


def test_a_draft_is_listed_and_says_that_it_may_change(reader, draft):
    listed = reader.get(LIST).content.decode()
    assert f"{LIST}{draft.public_id}/" in listed
    text = reader.get(f"{LIST}{draft.public_id}/").content.decode()
    assert "may change until then" in text
    assert f"{LIST}{draft.public_id}/pdf/" not in text


def test_the_page_says_what_the_document_says(reader, issued):
    assert issued.number in reader.get(LIST).content.decode()
    text = reader.get(f"{LIST}{issued.number}/").content.decode()
    for part in ("Deichbau Nord GmbH", "PostgreSQL: vCPU", "127.55", "151.78"):
        assert part in text


def test_what_the_vat_rests_on_is_said(reader, organisation):
    told = known(organisation, **FRENCH)
    identities.approve_vat_id(actor=make_staff(), identity=told.billing_identity, reason="Known.")
    made = invoicing.draft(Organisation.objects.get(pk=told.pk), MONTH)
    text = reader.get(f"{LIST}{made.public_id}/").content.decode()
    assert f"{FRENCH['vat_id']} · Approved by the provider · looked at by the provider" in text
    assert "Business · France" in text
    assert "31 October 2026" in text
    assert "Known." not in text  # the words of staff are for staff
    found = reader.get(f"/api/v1/invoices/{made.public_id}").json()["vat_evidence"]
    assert (found["vat_id"], found["vat_id_state"]) == (FRENCH["vat_id"], "approved")
    assert (found["buyer"], found["country"], found["percent"]) == ("business", "FR", None)
    assert {proof["country"] for proof in found["proofs"]} == {"FR"}


@pytest.mark.parametrize(
    ("name", "kind", "begins"),
    [
        ("pdf", "application/pdf", b"%PDF"),
        ("factur-x", "application/xml", b"<?xml"),
        ("xrechnung-ubl", "application/xml", b"<?xml"),
    ],
)
def test_every_file_is_the_one_that_was_issued(reader, issued, name, kind, begins):
    answer = reader.get(f"{LIST}{issued.number}/{name}/")
    assert answer["Content-Type"] == kind
    assert answer.content.startswith(begins)
    assert answer.content == bytes(issued.files.get(format=name).content)
    assert issued.number in answer["Content-Disposition"]


def test_a_format_that_is_not_kept_is_told(reader, issued):
    assert reader.get(f"{LIST}{issued.number}/peppol-ubl/").status_code == 404


@pytest.mark.parametrize("path", ["", "{}/", "{}/pdf/"])
def test_a_viewer_may_not_see_invoices(client, organisation, issued, path):
    viewer = signed_in(client, make_member(organisation.projects.first(), Role.VIEWER))
    assert viewer.get(LIST + path.format(issued.number)).status_code == 403


@pytest.mark.parametrize("path", ["{}/", "{}/pdf/"])
def test_strangers_learn_nothing(client, issued, path):
    stranger = signed_in(client, make_member(make_project(), Role.OWNER))
    assert stranger.get(LIST + path.format(issued.number)).status_code == 404
