"""Billing details: the page of an organisation, what staff prove, and the API."""

import json

import pytest
from django.urls import reverse

from billing.identity import actions
from billing.models import BillingIdentity, LocationProof, VatIdCheck
from portal.tenancy.permissions import Role
from tests.makers import (
    actor_for,
    make_member,
    make_organisation,
    make_project,
    make_token,
    make_user,
    signed_in,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
DE = {
    "kind": "business",
    "legal_name": "Deichbau Nord GmbH",
    "street": "Am Deich 7",
    "postcode": "20095",
    "city": "Hamburg",
    "country": "DE",
    "vat_id": "136695976",
    "registration_number": "",
    "buyer_reference": "",
    "order_number": "",
    "invoice_email": "rechnung@deichbau.example",
    "electronic_scheme": "",
    "electronic_address": "",
    "language": "",
}


@pytest.fixture
def project():
    return make_project(make_organisation("dike", country="NL"))


@pytest.fixture
def payer(client, project):
    person = make_member(project, Role.BILLING)
    return signed_in(client, person)


def page(client, name="console:billing", *args, **fields):
    return client.get(reverse(name, args=args or ["dike"]), **fields)


def post(client, name, data, *args, **fields):
    return client.post(reverse(name, args=["dike", *args]), data, **fields)


# -- the organisation ------------------------------------------------------------------------------


def test_the_page_begins_with_what_can_be_guessed(payer):
    html = page(payer).content.decode()
    assert 'value="Dike"' in html
    assert '<option value="NL" selected>' in html
    assert "VAT of 21 % (Netherlands) on your invoices</b>, because you are in the provider" in html


def test_saving_shows_what_was_saved_and_what_it_means(payer):
    answer = post(payer, "console:billing-edit", DE, follow=True)
    html = answer.content.decode()
    assert BillingIdentity.objects.get().vat_id == "DE136695976"
    assert "VAT of 19 % (Germany) on your invoices" in html
    assert "Not yet confirmed." in html
    assert "Your VAT id is not yet confirmed" in html


def test_the_language_of_documents_is_chosen_and_kept(payer):
    assert "As usual here (English)</option>" in page(payer).content.decode()
    answer = post(payer, "console:billing-edit", DE | {"language": "fr"}, follow=True)
    assert '<option value="fr" selected>Français</option>' in answer.content.decode()
    refused = post(payer, "console:billing-edit", DE | {"language": "nl"})
    assert refused.status_code == 422
    assert "Choose one of the languages." in refused.content.decode()
    assert BillingIdentity.objects.get().language == "fr"


def test_faults_come_back_with_what_was_typed(payer):
    answer = post(payer, "console:billing-edit", DE | {"vat_id": "DE1", "postcode": "1"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "its form or check digits are wrong" in html
    assert "A postcode of Germany has 5 digits." in html
    assert 'value="Am Deich 7"' in html
    assert not BillingIdentity.objects.exists()


def test_without_script_a_button_shows_what_it_means_and_saves_nothing(payer):
    answer = post(payer, "console:billing-edit", DE | {"country": "CH", "preview": "1"})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "No VAT on your invoices</b>, because Switzerland is outside" in html
    assert '<option value="CH" selected>' in html
    assert not BillingIdentity.objects.exists()


def test_with_script_what_it_means_is_a_fragment(payer):
    answer = payer.get(
        reverse("console:billing-vat", args=["dike"]),
        DE | {"country": "FR", "kind": "consumer", "vat_id": ""},
        headers={"HX-Request": "true"},
    )
    html = answer.content.decode()
    assert html.strip().startswith("<aside")
    assert "because you are a consumer in France" in html


def test_once_confirmed_there_is_no_vat_and_the_page_says_why(payer, project):
    post(payer, "console:billing-edit", DE)
    staff = make_user(is_staff=True)
    client = signed_in(type(payer)(), staff)
    sent = {"number": "WAPIAAAA1", "valid": "yes"}
    assert post(client, STAFF_ACT, sent, "consultation").status_code == 303
    html = page(payer).content.decode()
    assert "Reverse charge: no VAT on your invoices</b>, because you are a business in" in html
    assert "Article 196" in html
    assert "WAPIAAAA1" not in html


def test_a_viewer_reads_and_cannot_change(client, project):
    viewer = signed_in(client, make_member(project, Role.VIEWER))
    html = page(viewer).content.decode()
    assert "Save billing details" not in html
    assert "people with the billing role change these" in html
    assert post(viewer, "console:billing-edit", DE).status_code == 403


def test_a_stranger_finds_nothing(client, project):
    stranger = signed_in(client, make_member(make_project(), Role.OWNER))
    assert page(stranger).status_code == 404
    assert post(stranger, "console:billing-edit", DE).status_code == 404


def test_the_organisation_s_page_says_it_in_a_line(payer):
    post(payer, "console:billing-edit", DE)
    html = page(payer, "console:organisation").content.decode()
    assert "Deichbau Nord GmbH" in html
    assert "VAT 19 % (DE, your country)" in html


def test_an_order_shows_the_buyer_s_vat(client, project, prices, fake):
    from tests.makers import make_region

    make_region()
    owner = make_member(project, Role.OWNER)
    actions.update_identity(actor=actor_for(owner), organisation=project.organisation, values=DE)
    html = signed_in(client, owner).get(reverse("console:order", args=["postgresql"])).content
    assert b"VAT 19 % (DE, your country)" in html
    assert b"Your VAT id is not yet confirmed" in html


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("console:prices", {}),
        ("console:rates", {}),
        ("console:calculator", {"i": "postgresql/dev-1x1"}),
    ],
)
def test_prices_have_the_reader_s_vat(name, asked, client, project, prices, fake):
    visitor = client.get(reverse(name), asked).content.decode()
    assert "the provider&#x27;s country" in visitor
    owner = make_member(project, Role.OWNER)
    actions.update_identity(actor=actor_for(owner), organisation=project.organisation, values=DE)
    html = signed_in(client, owner).get(reverse(name), asked).content.decode()
    assert "VAT 19 % (DE, your country)" in html


# -- staff -----------------------------------------------------------------------------------------

STAFF_ACT = "console:staff-organisation-billing-act"


@pytest.fixture
def staff(client):
    return signed_in(client, make_user(is_staff=True))


@pytest.fixture
def identity(project):
    owner = make_member(project, Role.OWNER)
    return actions.update_identity(
        actor=actor_for(owner), organisation=project.organisation, values=DE
    )


def test_staff_see_what_waits_and_what_is_missing(staff, identity):
    html = staff.get(reverse("console:staff-billing")).content.decode()
    assert "DE136695976" in html
    assert "POLDER_PROVIDER_IBAN" in html
    assert "No invoice can be issued yet." in html
    assert "1 VAT id waits to be confirmed" in staff.get(reverse("console:staff")).content.decode()


def test_staff_approve_with_a_reason(staff, identity):
    wrong = post(staff, STAFF_ACT, {"decision": "approve", "reason": ""}, "vat-id")
    assert wrong.status_code == 422
    assert "Say why" in wrong.content.decode()
    post(staff, STAFF_ACT, {"decision": "approve", "reason": "Extract"}, "vat-id")
    identity.refresh_from_db()
    assert identity.vat_id_state == "approved"
    html = staff.get(reverse("console:staff-organisation-billing", args=["dike"])).content.decode()
    assert "Approved by the provider" in html
    assert "approved: Extract" in html
    post(staff, STAFF_ACT, {"decision": "withdraw", "reason": "Wrong"}, "vat-id")
    identity.refresh_from_db()
    assert identity.vat_id_state == "plausible"


def test_staff_add_and_take_away_proofs(staff, identity):
    sent = {"kind": "bank", "country": "PL", "source": "payment"}
    assert post(staff, STAFF_ACT, sent, "proof").status_code == 303
    html = staff.get(reverse("console:staff-organisation-billing", args=["dike"])).content.decode()
    assert "names different countries" in html
    post(staff, STAFF_ACT, {"kind": "bank", "reason": "Not theirs"}, "drop")
    assert [proof.kind for proof in LocationProof.objects.all()] == ["address"]


def test_staff_cannot_do_what_is_not_there(staff, project):
    assert post(staff, STAFF_ACT, {}, "vat-id").status_code == 404
    assert not VatIdCheck.objects.exists()


def test_an_unknown_act_is_not_found_and_an_unknown_decision_is_refused(staff, identity):
    assert post(staff, STAFF_ACT, {}, "nonsense").status_code == 404
    assert post(staff, STAFF_ACT, {"decision": "x", "reason": "y"}, "vat-id").status_code == 422


# -- the API ---------------------------------------------------------------------------------------


def call(client, person, body=None):
    url = reverse("api:billing-identity", args=["dike"])
    headers = {"Authorization": f"Bearer {make_token(person)}"}
    if body is None:
        return client.get(url, headers=headers)
    return client.patch(url, json.dumps(body), content_type="application/json", headers=headers)


def test_the_api_reads_and_changes_it(client, project):
    person = make_member(project, Role.BILLING)
    empty = call(client, person).json()
    assert (empty["version"], empty["legal_name"], empty["updated_at"]) == (0, "", None)
    saved = call(client, person, DE)
    assert saved.status_code == 200
    changed = call(client, person, {"order_number": "PO-7", "language": "de"}).json()
    assert (changed["version"], changed["order_number"]) == (2, "PO-7")
    assert changed["language"] == "de"
    assert changed["vat_id"] == "DE136695976"
    assert changed["vat"]["category"] == "S"
    assert changed["vat"]["percent"] == "19"
    assert [note["code"] for note in changed["vat"]["notes"]] == ["vat-id-unconfirmed"]
    assert changed == call(client, person).json()


def test_the_api_tells_every_fault_at_its_field(client, project):
    person = make_member(project, Role.BILLING)
    answer = call(client, person, DE | {"vat_id": "DE1", "electronic_scheme": "0088"})
    assert answer.status_code == 422
    pointers = {fault["pointer"] for fault in answer.json()["errors"]}
    assert pointers == {"/vat_id", "/electronic_address"}
    assert call(client, person, {"city": "X"}).status_code == 422  # the rest is missing
    assert call(client, person, {"vat_id_state": "confirmed"}).status_code == 422


def test_the_api_keeps_tenants_apart(client, project):
    stranger = make_member(make_project(), Role.OWNER)
    assert call(client, stranger).status_code == 404
    assert call(client, stranger, DE).status_code == 404
    assert call(client, make_member(project, Role.ADMIN), DE).status_code == 403
