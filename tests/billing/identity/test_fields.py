"""What is typed is tidied and checked, then kept with its history."""

from typing import Any

import pytest
from django.db import DatabaseError, transaction

from billing.identity import fields, queries, schemes
from billing.models import BillingIdentity, IdentityVersion, LocationProof
from portal.audit.models import AuditEvent
from portal.kernel.errors import Invalid, NotFound, NotPermitted
from portal.tenancy.permissions import Role
from tests.billing.identity.details import DE, save
from tests.makers import actor_for, make_member, make_owner, make_project

pytestmark = pytest.mark.django_db


# -- fields (pure) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "tidy"),
    [
        ({"vat_id": "de 136.695.976"}, {"vat_id": "DE136695976"}),
        ({"vat_id": "136695976"}, {"vat_id": "DE136695976"}),
        ({"vat_id": ""}, {"vat_id": ""}),
        ({"country": "gr", "postcode": "104 31", "vat_id": "094259216"}, {"vat_id": "EL094259216"}),
        (
            {"country": "MC", "postcode": "98000", "vat_id": "40303265045"},
            {"vat_id": "FR40303265045"},
        ),
        (
            {"country": "GB", "postcode": "BT1 5GS", "vat_id": "XI 980780684"},
            {"vat_id": "XI980780684"},
        ),
        (
            {"country": "GB", "postcode": "SW1A 1AA", "vat_id": "GB 980780684"},
            {"vat_id": "GB980780684"},
        ),
        (
            {"country": "CH", "postcode": "8001", "vat_id": "CHE-107.787.577 MWST"},
            {"vat_id": "CHE107787577MWST"},
        ),
        (
            {"country": "NO", "postcode": "0150", "vat_id": "NO 995 525 828 MVA"},
            {"vat_id": "NO995525828MVA"},
        ),
        ({"country": "US", "postcode": "", "vat_id": "12-3456789"}, {"vat_id": "123456789"}),
        ({"legal_name": "  Deich  Bau "}, {"legal_name": "Deich Bau"}),
        ({"kind": ""}, {"kind": "business"}),
        ({"vat_id": "FR40303265045"}, {"vat_id": "FR40303265045"}),  # staff must approve it
    ],
)
def test_what_is_taken(given, tidy):
    found = fields.clean(DE | given)
    assert found | tidy == found
    assert set(found) == set(fields.LENGTHS)


@pytest.mark.parametrize(
    ("given", "field", "said"),
    [
        ({"legal_name": " "}, "legal_name", "every invoice"),
        ({"legal_name": "x" * 201}, "legal_name", "200"),
        ({"street": "a\x0bb"}, "street", "control"),
        ({"street": "a\nb"}, "street", "control"),
        ({"city": ""}, "city", "every invoice"),
        ({"country": ""}, "country", "every invoice"),
        ({"country": "ZZ"}, "country", "country"),
        ({"postcode": "2009"}, "postcode", "Germany has 5 digits"),
        ({"postcode": ""}, "postcode", "5 digits"),
        ({"kind": "robot"}, "kind", "business or consumer"),
        ({"vat_id": "DE136695977"}, "vat_id", "check digits"),
        ({"vat_id": "EU372000001"}, "vat_id", "no VAT id"),
        ({"vat_id": "１３６"}, "vat_id", "no VAT id"),
        ({"country": "GB", "vat_id": "GB123"}, "vat_id", "United Kingdom"),
        ({"country": "CH", "vat_id": "CHE-107.787.578"}, "vat_id", "Switzerland"),
        ({"kind": "consumer"}, "vat_id", "consumer"),
        ({"invoice_email": ""}, "invoice_email", "every invoice"),
        ({"invoice_email": "nobody"}, "invoice_email", "e-mail"),
        ({"electronic_scheme": "0088"}, "electronic_address", "belong together"),
        ({"electronic_address": "x"}, "electronic_scheme", "belong together"),
        ({"electronic_scheme": "1234", "electronic_address": "x"}, "electronic_scheme", "schemes"),
        (
            {"electronic_scheme": "0088", "electronic_address": "4012345678902"},
            "electronic_address",
            "check digits",
        ),
    ],
)
def test_what_is_refused(given, field, said):
    with pytest.raises(Invalid) as caught:
        fields.clean(DE | given)
    assert said in caught.value.fields[field]


def test_every_fault_is_told_at_once():
    with pytest.raises(Invalid) as caught:
        fields.clean({"kind": "robot", "invoice_email": "x"})
    assert {"kind", "legal_name", "street", "city", "country", "invoice_email"} == set(
        caught.value.fields
    )


@pytest.mark.parametrize(
    ("scheme", "address", "good"),
    [
        ("9930", "DE136695976", True),
        ("9930", "FR40303265045", False),
        ("9930", "136695976", False),
        ("9933", "EL094259216", True),
        ("0204", "991-33333TEST-33", True),
        ("0204", "991-33333TEST-34", False),
        ("0088", "4012345678901", True),
        ("0106", "12345678", True),
        ("0106", "1234567", False),
        ("0208", "0403019261", True),
        ("0225", "some_partner", True),
        ("0225", "", False),
    ],
)
def test_electronic_addresses(scheme, address, good):
    assert schemes.fits(scheme, address) is good


def test_schemes_are_named_and_known():
    assert all(schemes.is_scheme(code) and name for code, name in schemes.schemes())
    assert schemes.schemes()[-1][0] == "EM"


# -- writing ---------------------------------------------------------------------------------------


def test_an_identity_is_kept_with_a_version_a_proof_and_an_audit_record(owner, project):
    row = save(owner, project)
    assert (row.version, row.vat_id_state) == (1, "plausible")
    proof = LocationProof.objects.get(identity=row)
    assert (proof.kind, proof.country) == ("address", "DE")
    version = IdentityVersion.objects.get(identity=row)
    assert version.data["legal_name"] == "Deichbau Nord GmbH"
    assert version.data["proofs"] == {"address": "DE"}
    event = AuditEvent.objects.get(verb="billing_identity.update")
    assert event.chain == project.organisation.slug
    assert "street" in event.after["changed"]
    assert "Am Deich" not in str(event.after)  # the log cannot be erased, the versions can


def test_what_is_left_out_stays_and_nothing_new_writes_nothing(owner, project):
    save(owner, project)
    row = save(owner, project, {"order_number": "PO-7"})
    assert (row.version, row.order_number, row.city) == (2, "PO-7", "Hamburg")
    assert save(owner, project, {"city": "Hamburg"}).version == 2
    assert IdentityVersion.objects.filter(identity=row).count() == 2


def test_documents_speak_the_language_that_was_chosen(owner, project):
    assert queries.language_for(project.organisation) == "en-gb"
    save(owner, project)
    row = save(owner, project, {"language": "fr"})
    assert queries.language_for(row.organisation) == "fr"
    assert row.versions.get(version=2).data["language"] == "fr"
    with pytest.raises(Invalid) as told:
        save(owner, project, {"language": "nl"})
    assert set(told.value.fields) == {"language"}


def test_an_earlier_version_says_what_it_said(owner, project):
    save(owner, project)
    save(owner, project, {"street": "Neuer Weg 1"})
    told = queries.history_for(owner, project.organisation)
    assert [row.data["street"] for row in told] == ["Neuer Weg 1", "Am Deich 7"]


def test_a_refused_change_leaves_everything(owner, project):
    save(owner, project)
    with pytest.raises(Invalid):
        save(owner, project, {"vat_id": "DE1"})
    assert BillingIdentity.objects.get().vat_id == "DE136695976"


@pytest.mark.parametrize(
    ("role", "reads", "writes"),
    [
        (Role.OWNER, True, True),
        (Role.BILLING, True, True),
        (Role.ADMIN, True, False),
        (Role.VIEWER, True, False),
    ],
)
def test_who_may(role, reads, writes, project):
    actor = actor_for(make_member(project, role))
    assert can(queries.identity_for, actor, project.organisation) is reads
    assert can(save, actor, project) is writes


def can(action: Any, *args: Any) -> bool:
    try:
        action(*args)
    except NotPermitted:
        return False
    return True


def test_tenants_are_apart(owner, project):
    save(owner, project)
    stranger = make_owner(make_project())
    with pytest.raises(NotFound):
        queries.identity_for(stranger, project.organisation)
    with pytest.raises(NotFound):
        save(stranger, project, {"city": "Elsewhere"})
    with pytest.raises(NotFound):
        queries.history_for(stranger, project.organisation)


def test_the_database_refuses_to_change_what_was_said(owner, project):
    row = save(owner, project)
    rows = IdentityVersion.objects.filter(identity=row)
    for change in (lambda: rows.update(data={}), rows.delete, lambda: rows.update(by="me")):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
