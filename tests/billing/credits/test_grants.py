"""Vouchers, and drafts that take from credit."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing.costs.posting import Category, Posting, post
from billing.credits import grants as credits
from billing.credits import vouchers
from billing.credits.vouchers import NewVoucher
from billing.einvoice.checks import own_findings
from billing.einvoice.stored import from_json
from billing.invoices import invoicing
from billing.models import CostLine, CostRollup, CreditGrant, RatedMonth, Voucher
from portal.audit.models import AuditEvent
from portal.kernel import clock
from portal.kernel.actor import SYSTEM
from portal.kernel.errors import Conflict, Invalid, NotPermitted
from portal.tenancy.permissions import Role
from tests.billing.einvoice import test_drafting as drafts
from tests.makers import actor_for, make_member, make_project

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices", "fake", "a_provider")]

MONTH, END = date(2026, 10, 1), date(2027, 1, 31)
WHOLE = Decimal("127.55")  # what the organisation's October costs


a_provider, organisation = drafts.a_provider, drafts.organisation  # fixtures


@pytest.fixture
def project():
    return make_project()


def voucher(amount, **fields):
    given = {"valid_until": END, "credit_until": END, "amount": Decimal(amount)}
    return vouchers.create_voucher(actor=SYSTEM, wanted=NewVoucher(**given | fields))


def redeem(organisation, amount, **fields):
    _made, code = voucher(amount, **fields)
    return vouchers.redeem_voucher(actor=SYSTEM, organisation=organisation, code=code)


def taken():
    rows = CostLine.objects.filter(category="credit").order_by("reference")
    return {row.reference.split(":")[1]: -row.billed_cost for row in rows}


def left(organisation):
    return [balance.left for balance in credits.balances_for(SYSTEM, organisation)]


def test_a_code_is_shown_once_and_kept_as_its_hash():
    made, code = voucher("20")
    assert len(code.replace("-", "")) == 12
    assert made.digest == vouchers.digest_of(code)
    assert code not in str([row.__dict__ for row in (*Voucher.objects.all(), *_events())])
    assert made.ending == code[-4:]


def _events():
    return AuditEvent.objects.all()


def test_a_code_is_read_however_it_is_typed(project):
    _made, code = voucher("20")
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    grant = vouchers.redeem_voucher(actor=SYSTEM, organisation=project.organisation, code=typed)
    assert (grant.amount, grant.expires_on) == (20, END)


def test_an_organisation_redeems_a_voucher_once(project):
    _made, code = voucher("20", times=5)
    one = {"actor": SYSTEM, "organisation": project.organisation, "code": code}
    vouchers.redeem_voucher(**one)
    with pytest.raises(Invalid, match="already"):
        vouchers.redeem_voucher(**one)
    assert CreditGrant.objects.count() == 1


def test_a_voucher_is_used_up(project):
    _made, code = voucher("20")
    vouchers.redeem_voucher(actor=SYSTEM, organisation=project.organisation, code=code)
    with pytest.raises(Invalid, match="not known, or it is over"):
        vouchers.redeem_voucher(actor=SYSTEM, organisation=make_project().organisation, code=code)


def test_what_is_over_withdrawn_or_was_never_there_sounds_the_same(project, monkeypatch):
    made, withdrawn = voucher("20")
    vouchers.withdraw_voucher(actor=SYSTEM, voucher=made)
    _other, late = voucher("20")
    monkeypatch.setattr(clock, "now", lambda: datetime(2027, 2, 1, tzinfo=UTC))
    said = set()
    for code in (withdrawn, late, "0000-0000-0000", ""):
        with pytest.raises(Invalid) as raised:
            vouchers.redeem_voucher(actor=SYSTEM, organisation=project.organisation, code=code)
        said.add(str(raised.value.fields))
    assert len(said) == 1


def test_only_who_manages_the_money_redeems_and_only_staff_makes(project):
    _made, code = voucher("20")
    actor = actor_for(make_member(project, Role.ADMIN))
    with pytest.raises(NotPermitted):
        vouchers.redeem_voucher(actor=actor, organisation=project.organisation, code=code)
    with pytest.raises(NotPermitted):
        vouchers.create_voucher(
            actor=actor, wanted=NewVoucher(amount=Decimal(1), valid_until=END, credit_until=END)
        )


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1.005"}, "amount"),
        ({"amount": "20", "times": 0}, "times"),
        ({"amount": "20", "valid_until": date(2020, 1, 1)}, "valid_until"),
        ({"amount": "20", "credit_until": None}, "credit_until"),
        ({"amount": "20", "offering": "none"}, "offering"),
    ],
)
def test_what_no_voucher_can_be(fields, fault):
    with pytest.raises(Invalid) as raised:
        voucher(**fields)
    assert set(raised.value.fields) == {fault}


def test_what_was_given_cannot_be_changed(project):
    redeem(project.organisation, "20")
    for change in (
        lambda: CreditGrant.objects.update(amount=1),
        lambda: CreditGrant.objects.all().delete(),
        lambda: Voucher.objects.update(amount=1),
    ):
        with pytest.raises(IntegrityError, match="cannot be changed"), transaction.atomic():
            change()


def test_a_draft_takes_what_expires_first_and_never_more_than_its_net(organisation):
    told = drafts.known(organisation)
    late = redeem(told, "100", credit_until=END + timedelta(days=1))
    early = redeem(told, "50")
    made = invoicing.draft(told, MONTH)
    assert taken() == {early.public_id: 50, late.public_id: WHOLE - 50}
    assert (made.net, made.gross) == (0, 0)
    assert [f for f in own_findings(from_json(made.document)) if f.fatal] == []
    assert left(told) == [0, 150 - WHOLE]
    rows = CostRollup.objects.filter(day__month=10)
    assert abs(sum(row.billed_cost for row in rows)) < Decimal("0.01")  # before it is rounded


def test_a_draft_that_is_written_anew_gives_back_first(organisation):
    told = drafts.known(organisation)
    grant = redeem(told, "200")
    invoicing.draft(told, MONTH)
    invoicing.draft(told, MONTH)
    assert taken() == {grant.public_id: WHOLE}
    post(
        Posting(
            organisation=told,
            day=date(2026, 10, 31),
            category=Category.CREDIT,
            amount=Decimal("-27.55"),
            reference="sla:1",
            about={"instance": "pg-1", "month": "2026-10"},
        )
    )
    assert invoicing.draft(told, MONTH).net == 0
    assert taken()[grant.public_id] == 100
    assert left(told) == [100]


def test_credit_for_one_service_pays_for_that_alone(organisation):
    told = drafts.known(organisation)
    redeem(told, "20", offering="redis")
    mine = redeem(told, "30", offering="postgresql")
    assert invoicing.draft(told, MONTH).net == WHOLE - 30
    assert taken() == {mine.public_id: 30}


def test_credit_that_expired_before_the_month_is_lost(organisation, monkeypatch):
    told = drafts.known(organisation)
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 9, 1, tzinfo=UTC))
    redeem(told, "30", valid_until=date(2026, 9, 30), credit_until=date(2026, 9, 30))
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 2, tzinfo=UTC))
    assert invoicing.draft(told, MONTH).net == WHOLE
    assert credits.balances_for(SYSTEM, told)[0].expired


def test_what_cannot_be_drafted_takes_nothing(organisation):
    redeem(organisation, "30")
    with pytest.raises(Conflict):
        invoicing.draft(organisation, MONTH)
    assert taken() == {}


def test_what_an_issued_invoice_took_stays_taken(organisation):
    told = drafts.known(organisation)
    redeem(told, "30")
    invoicing.draft(told, MONTH)
    RatedMonth.objects.update(closed_at=clock.now())
    with pytest.raises(Conflict, match="closed"):
        invoicing.draft(told, MONTH)
    assert left(told) == [0]
