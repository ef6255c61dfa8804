"""A VAT id is consulted; where a consumer is, and what follows for the VAT."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.identity import actions, queries, schemes, texts, vies
from billing.models import CostExport, IdentityVersion, MeterKey, VatIdCheck
from billing.pricebook.queries import quote_for
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.errors import Conflict, Invalid, NotPermitted, Unavailable
from portal.notifications.models import Webhook
from portal.privacy.actions import delete_account
from portal.privacy.queries import personal_data
from portal.tenancy.permissions import Role
from services import registry
from services.instances.models import Instance
from services.regions.models import ProberKey
from tests.billing.identity.details import DE, save
from tests.makers import (
    actor_for,
    make_instance,
    make_member,
    make_organisation,
    make_owner,
    make_project,
    make_region,
    make_staff,
    make_user,
    make_webhook,
)

pytestmark = pytest.mark.django_db
NL = DE | {"postcode": "1012 AB", "city": "Amsterdam", "country": "NL", "vat_id": "NL004495445B01"}
CONSUMER = DE | {"kind": "consumer", "vat_id": "", "legal_name": "Ada Sturm"}


# -- the VAT id ------------------------------------------------------------------------------------


def test_a_consultation_confirms(owner, project):
    row, staff = save(owner, project), make_staff()
    at = datetime(2026, 11, 1, 9, tzinfo=UTC)
    row = actions.record_consultation(
        actor=staff, identity=row, number="WAPIAAAA1", valid=True, at=at
    )
    assert row.vat_id_state == "confirmed"
    found = queries.decision_for(row.organisation)
    assert found.category == "AE"
    assert found.evidence["vat_id"]["proof"] == {
        "kind": "vies",
        "number": "WAPIAAAA1",
        "reason": "",
        "at": "2026-11-01T09:00:00+00:00",
    }


def test_a_consultation_that_does_not_know_it_takes_the_confirmation_away(owner, project):
    row, staff = save(owner, project), make_staff()
    actions.record_consultation(actor=staff, identity=row, number="W1", valid=True)
    row = actions.record_consultation(actor=staff, identity=row, number="W2", valid=False)
    assert (row.vat_id_state, row.check_in_force) == ("plausible", None)
    assert queries.decision_for(row.organisation).category == "S"
    assert [c.number for c in queries.checks_of(staff, row)] == ["W2", "W1"]


def test_staff_approve_with_a_reason_and_withdraw(owner, project):
    row, staff = save(owner, project), make_staff()
    with pytest.raises(Invalid):
        actions.approve_vat_id(actor=staff, identity=row, reason=" ")
    row = actions.approve_vat_id(actor=staff, identity=row, reason="Extract of the register")
    assert row.vat_id_state == "approved"
    event = AuditEvent.objects.get(verb="billing_identity.approve_vat_id")
    assert (event.chain, event.reason) == (project.organisation.slug, "Extract of the register")
    row = actions.withdraw_vat_id(actor=staff, identity=row, reason="It was another company")
    assert queries.decision_for(row.organisation).category == "S"


@pytest.mark.parametrize("change", [{"legal_name": "Another GmbH"}, {"vat_id": ""}, CONSUMER, NL])
def test_another_party_must_be_confirmed_anew(change, owner, project):
    row = save(owner, project)
    actions.approve_vat_id(actor=make_staff(), identity=row, reason="Known")
    row = save(owner, project, change)
    assert row.vat_id_state in ("plausible", "none")
    assert row.check_in_force is None


def test_another_street_need_not(owner, project):
    row = save(owner, project)
    actions.approve_vat_id(actor=make_staff(), identity=row, reason="Known")
    assert save(owner, project, {"street": "Neuer Weg 1"}).vat_id_state == "approved"


def test_only_staff_prove_things(owner, project):
    row = save(owner, project)
    for act in (
        lambda: actions.approve_vat_id(actor=owner, identity=row, reason="Me"),
        lambda: actions.record_consultation(actor=owner, identity=row, number="1", valid=True),
        lambda: actions.keep_proof(
            actor=owner, identity=row, kind="bank", country="DE", source="me"
        ),
        lambda: actions.ask_vies(actor=owner, identity=row),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_without_a_vat_id_nothing_is_confirmed(owner, project):
    row = save(owner, project, CONSUMER)
    with pytest.raises(Conflict):
        actions.approve_vat_id(actor=make_staff(), identity=row, reason="Known")


def test_a_consultation_has_a_number_and_was_not_in_the_future(owner, project):
    row, staff = save(owner, project), make_staff()
    later = clock.now() + timedelta(hours=1)
    for wrong in ({"number": " "}, {"number": "x" * 61}, {"number": "W1", "at": later}):
        with pytest.raises(Invalid):
            actions.record_consultation(actor=staff, identity=row, valid=True, **wrong)
    assert not VatIdCheck.objects.exists()


def answer(vat_id: str, ours: str) -> vies.Answer:
    """A client that knows every id."""
    return vies.Answer(True, f"{vat_id} asked by {ours}", datetime(2026, 11, 2, tzinfo=UTC))


def silent(vat_id: str, ours: str) -> vies.Answer:
    raise TimeoutError


def test_vies_is_asked_by_a_client_of_the_settings_and_off_without(owner, project, settings):
    row, staff = save(owner, project), make_staff()
    with pytest.raises(Unavailable, match="no client"):
        actions.ask_vies(actor=staff, identity=row)
    settings.POLDER_VIES_CLIENT = f"{__name__}.silent"
    with pytest.raises(Unavailable, match="does not answer"):
        actions.ask_vies(actor=staff, identity=row)
    settings.POLDER_VIES_CLIENT = f"{__name__}.answer"
    settings.POLDER_PROVIDER = {**settings.POLDER_PROVIDER, "vat_id": "NL004495445B01"}
    row = actions.ask_vies(actor=staff, identity=row)
    assert row.vat_id_state == "confirmed"
    assert row.check_in_force is not None
    assert row.check_in_force.number == "DE136695976 asked by NL004495445B01"


# -- where a consumer is ---------------------------------------------------------------------------


def test_a_consumer_abroad_needs_a_second_proof(owner, project):
    row, staff = save(owner, project, CONSUMER), make_staff()
    assert queries.decision_for(row.organisation).faults == ("location-proof-missing",)
    actions.keep_proof(
        actor=staff, identity=row, kind="bank", country="DE", source="payment of 2 November"
    )
    assert queries.decision_for(row.organisation).faults == ()


def test_proofs_that_contradict_keep_invoices_from_being_issued(owner, project):
    row, staff = save(owner, project, CONSUMER), make_staff()
    actions.keep_proof(actor=staff, identity=row, kind="bank", country="PL", source="payment")
    faults = queries.faults_to_issue(row.organisation)
    assert "location-contradictory" in faults
    assert "different countries" in texts.fault_text("location-contradictory")
    actions.drop_proof(actor=staff, identity=row, kind="bank", reason="Of somebody else")
    assert "location-contradictory" not in queries.faults_to_issue(row.organisation)


def test_a_proof_says_what_it_is_and_where_it_is_from(owner, project):
    row, staff = save(owner, project, CONSUMER), make_staff()
    with pytest.raises(Invalid) as caught:
        actions.keep_proof(actor=staff, identity=row, kind="address", country="ZZ", source="")
    assert set(caught.value.fields) == {"kind", "country", "source"}
    for kind in ("address", "bank"):  # the address is no proof to drop, and there is no other
        with pytest.raises(Conflict):
            actions.drop_proof(actor=staff, identity=row, kind=kind, reason="x")


# -- what follows ----------------------------------------------------------------------------------


def test_visitors_see_the_provider_s_rate(settings):
    rate = queries.rate_for(None)
    assert (rate.percent, rate.country, rate.label_code) == (Decimal(21), "NL", "vat-provider")
    settings.POLDER_PROVIDER_VAT_PERCENT = Decimal("8.10")
    settings.POLDER_PROVIDER_COUNTRY = "CH"
    assert queries.rate_for(None).percent == Decimal("8.10")


def test_before_there_is_an_identity_the_country_of_the_organisation_decides():
    assert queries.rate_for(make_organisation(country="DE")).percent == 19
    assert queries.rate_for(make_organisation(country="CH")).percent == 0
    assert queries.rate_for(make_organisation()).label_code == "vat-domestic"
    assert queries.rate_for(make_organisation(country="QQ")).percent == 21


def test_quotes_say_the_buyer_s_own_vat(owner, project, prices):
    offering = registry.get("postgresql").offering

    def quoted() -> Any:
        organisation = type(project.organisation).objects.get(pk=project.organisation_id)
        return quote_for(offering, offering.plans[0], "", organisation).vat

    row = save(owner, project)
    assert (quoted().percent, quoted().note_code) == (Decimal(19), "vat-id-unconfirmed")
    actions.approve_vat_id(actor=make_staff(), identity=row, reason="Known")
    assert (quoted().percent, quoted().label_code) == (0, "vat-reverse-charge")


def test_an_invoice_can_be_issued_once_both_sides_are_complete(owner, project, settings):
    settings.POLDER_PROVIDER = dict.fromkeys(settings.POLDER_PROVIDER, "x")
    settings.POLDER_PROVIDER["postcode"] = "1012AB"
    settings.POLDER_PROVIDER["electronic_address"] = "0106:12345678"
    assert queries.faults_to_issue(project.organisation) == ("address-missing",)
    row = save(owner, project, NL)
    assert queries.faults_to_issue(row.organisation) == ()
    settings.POLDER_PROVIDER["iban"] = ""
    assert queries.faults_to_issue(row.organisation) == ("provider-incomplete",)


def test_an_invoice_s_buyer_always_has_a_reference(owner, project):
    row = save(owner, project)
    assert queries.snapshot_of(row)["buyer_reference"] == project.organisation.slug
    row = save(owner, project, {"buyer_reference": "991-33333TEST-33"})
    assert queries.snapshot_of(row)["buyer_reference"] == "991-33333TEST-33"


def test_a_form_is_told_what_it_would_mean(owner, project):
    organisation = project.organisation
    assert queries.preview_decision(organisation, {}).reason == "domestic"
    typed = DE | {"vat_id": "DE136695976"}
    assert queries.preview_decision(organisation, typed).notes == ("vat-id-unconfirmed",)
    row = save(owner, project)
    actions.approve_vat_id(actor=make_staff(), identity=row, reason="Known")
    organisation = type(organisation).objects.get(pk=organisation.pk)
    assert queries.preview_decision(organisation, typed).category == "AE"
    assert queries.preview_decision(organisation, typed | {"legal_name": "X"}).category == "S"
    assert queries.preview_decision(organisation, typed | {"country": "CH"}).category == "O"


def test_staff_see_whose_vat_id_waits(owner, project):
    save(owner, project)
    home = make_project()
    save(make_owner(home), home, NL)
    staff = make_staff()
    assert [row.organisation for row in queries.unconfirmed(staff)] == [project.organisation]
    with pytest.raises(NotPermitted):
        queries.unconfirmed(owner)


# -- people ----------------------------------------------------------------------------------------


def test_an_erased_person_is_named_nowhere_and_the_identity_stays(project):
    make_owner(project)
    person = make_member(project, Role.BILLING)
    row = save(actor_for(person), project)
    delete_account(actor=actor_for(person), user=person)
    assert IdentityVersion.objects.get(identity=row).by == ""
    row.refresh_from_db()
    assert row.legal_name == "Deichbau Nord GmbH"


@pytest.mark.usefixtures("prices", "fake")
def test_what_an_erased_person_set_up_stays_and_does_not_name_them(project):
    make_owner(project)
    person = make_member(project, Role.ADMIN)
    name = person.email
    instance = make_instance(project, make_region())
    Instance.objects.update(created_by=name)
    CostExport.objects.create(organisation=project.organisation, created_by=name)
    MeterKey.objects.create(public_id="mk-1", source="edge", digest="0" * 64, created_by=name)
    ProberKey.objects.create(
        public_id="pk-1", region=instance.region, digest="0" * 64, created_by=name
    )
    make_webhook(project, "https://hooks.test/1")
    Webhook.objects.update(created_by=name)
    delete_account(actor=actor_for(person), user=person)
    for rows in (Instance, CostExport, MeterKey, ProberKey, Webhook):
        assert rows.objects.get().created_by == ""


def test_a_person_gets_a_copy_of_the_identities_that_are_about_them(project):
    consumer = make_member(project, Role.OWNER)
    save(actor_for(consumer), project, CONSUMER)
    payer = make_user("rechnung@deichbau.example")
    company = make_project()
    boss = make_member(company, Role.OWNER)
    save(actor_for(boss), company, DE | {"invoice_email": "other@deichbau.example"})
    mine = personal_data(consumer)["billing_identities"]
    assert [row["legal_name"] for row in mine] == ["Ada Sturm"]
    assert len(personal_data(payer)["billing_identities"]) == 1
    assert personal_data(boss)["billing_identities"] == []


def test_names_of_schemes_need_no_second_font():
    """A letter beyond Latin-1 would load one: 13 kB for a page of 70."""
    assert all(max(name) < "\u0100" for _code, name in schemes.schemes())
