"""Reservations, credit and the free tier: pages and answers of the API."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.models import BillingIdentity, Commitment, CreditGrant, Voucher
from portal.kernel import clock
from portal.tenancy.permissions import Role
from tests.makers import make_member, make_project, make_region, make_user, signed_in
from tests.portal.api import Api, problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "plain_static")]

FORM = {
    "offering": "postgresql",
    "plan": "single-2x8",
    "pieces": "2",
    "term": "1y",
    "upfront": "50",
}
BODY = {"offering": "postgresql", "plan": "single-2x8", "pieces": 2, "term": "1y"}
BUY = "/costs/commitments/buy/"


@pytest.fixture
def member(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 20, 9, tzinfo=UTC))
    make_region()
    project = make_project()
    BillingIdentity.objects.create(organisation=project.organisation, country="NL")
    return make_member(project, Role.BILLING)


def text_of(response):
    return response.content.decode()


def test_the_price_and_what_it_means_stand_before_the_click(client, member):
    text = text_of(signed_in(client, member).get("/costs/commitments/", FORM))
    assert "1,496.79" in text
    assert "It pays if at least 75" in text
    assert "would have cost" in text
    assert 'name="agreed" value="149679"' in text
    [button] = re.findall(r"<button[^>]+data-confirm=[^>]+>", text)  # one click buys nothing
    assert "from 20 Nov 2026 to 20 Nov 2027?" in button


def test_it_is_bought_at_the_price_that_was_shown(client, member):
    signed_in(client, member)
    assert client.post(BUY, {**FORM, "agreed": "149680"}).status_code == 422
    assert not Commitment.objects.exists()
    assert client.post(BUY, {**FORM, "agreed": "149679"}).status_code == 303
    assert Commitment.objects.get().total == Decimal("1496.79")
    text = text_of(client.get("/costs/commitments/"))
    assert "2 × PostgreSQL single-2x8" in text


def test_a_renewal_names_the_day_of_its_first_payment(client, member, monkeypatch):
    signed_in(client, member).post(BUY, {**FORM, "term": "3y"})
    address = f"/costs/commitments/{Commitment.objects.get().public_id}/renew/"
    assert address not in text_of(client.get("/costs/commitments/"))
    monkeypatch.setattr(clock, "now", lambda: datetime(2029, 10, 1, tzinfo=UTC))
    assert address in text_of(client.get("/costs/commitments/"))
    text = text_of(client.get(address))
    assert "<dt>20 Nov 2029</dt>" in text
    assert "<dt>Today</dt>" not in text


def test_what_was_typed_wrongly_is_said_at_its_field(client, member):
    response = signed_in(client, member).post(BUY, {**FORM, "pieces": "many"})
    assert response.status_code == 422
    assert "Write a number from 1 to 100,000." in text_of(response)


def test_the_api_says_first_and_then_buys_and_renews(member):
    api = Api(member)
    said = api.post("commitments?dry_run=true", BODY)
    assert said.status_code == 200
    assert said.json()["total"] == {"amount": "1496.79", "currency": "EUR"}
    assert said.json()["break_even_percent"] == "75"
    assert not Commitment.objects.exists()
    bought = api.post("commitments", BODY)
    assert bought.status_code == 201
    again = api.post("commitments", {"renews": bought.json()["id"], "term": "3y"})
    assert again.json()["start"] == bought.json()["end"]
    listed = api.get("commitments").json()["results"]
    assert [row["status"] for row in listed] == ["planned", "active"]


def test_quantities_of_a_class_can_be_reserved_too(member):
    body = {"price_class": "database.postgresql", "quantities": {"vcpu": "2.5"}, "term": "3y"}
    made = Api(member).post("commitments", body)
    assert [(rate["meter"], rate["quantity"]) for rate in made.json()["rates"]] == [("vcpu", "2.5")]
    wrong = Api(member).post("commitments", {**body, "quantities": {"vcpu": "0.0001"}})
    assert problem(wrong, 422, "invalid")["errors"][0]["pointer"] == "/quantities"


def test_a_voucher_goes_from_staff_to_the_credit_of_an_organisation(client, member):
    staff = make_user(is_staff=True)
    sent = {"amount": "50", "times": "1", "valid_until": "2027-01-31", "credit_until": "2027-01-31"}
    shown = signed_in(client, staff).post("/staff/vouchers/", sent)
    assert shown.status_code == 201
    code = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b", text_of(shown)).group()
    assert code not in text_of(client.get("/staff/vouchers/"))
    signed_in(client, member)
    assert client.post("/costs/credits/redeem/", {"code": "0000"}).status_code == 422
    assert client.post("/costs/credits/redeem/", {"code": code}).status_code == 303
    assert CreditGrant.objects.get().voucher == Voucher.objects.get()
    assert "50.00" in text_of(client.get("/costs/credits/"))


def test_codes_cannot_be_tried_for_long(client, member, settings):
    signed_in(client, member)
    tried = [client.post("/costs/credits/redeem/", {"code": "0"}).status_code for _ in range(11)]
    assert tried == [422] * 10 + [429]


def test_the_free_tier_shows_what_is_left(client, member, settings):
    assert "Free tier" not in text_of(signed_in(client, member).get("/costs/credits/"))
    BillingIdentity.objects.all().delete()
    settings.POLDER_FREE_TIER = True
    text = text_of(client.get("/costs/credits/"))
    assert "PostgreSQL: vCPU" in text
    assert "730" in text
    assert len(text) < 70_000
