"""A customer with all that a file of charges may hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.commitments import actions as commitments
from billing.commitments.actions import Wanted
from billing.costs import corrections
from billing.costs.closing import close_month
from billing.costs.posting import Category, Posting, post
from billing.credit_notes import costs
from billing.einvoice.document import Kind
from billing.einvoice.stored import from_json, to_json
from billing.einvoice.totals import totals
from billing.focus.rows import Scope
from billing.identity import actions as identities
from billing.invoices import invoicing
from billing.models import Invoice, RatedMonth, TagSet
from billing.rating import months as rating
from portal.kernel import clock, ids
from portal.kernel.actor import SYSTEM
from portal.tenancy.models import Organisation
from services.instances.models import Instance
from tests.billing.einvoice.test_drafting import BUYER, a_provider
from tests.billing.rating.test_months import price, used
from tests.makers import make_instance, make_owner, make_project, make_region

__all__ = ["a_provider"]  # a fixture
NOW = datetime(2026, 11, 20, tzinfo=UTC)
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


@dataclass(frozen=True)
class World:
    """`scope` is October, which is closed, and November, which is not."""

    organisation: Organisation
    instance: Instance
    invoice: Invoice
    note: Invoice
    scope: Scope


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def world(db, prices, fake, a_provider, now, monkeypatch) -> World:
    """Usage at all modes, what is free, a fee, a spot price, something bought and credited, in a
    month with its invoice and a note that takes some back; late usage of it, which the open month
    corrects; there, capacity is reserved.
    """
    instance = make_instance(make_project(), make_region())
    _price(instance)
    organisation = instance.project.organisation
    _post(organisation, OCTOBER)
    owner = make_owner(instance.project)
    identities.update_identity(actor=owner, organisation=organisation, values=BUYER)
    rating.rate(OCTOBER)
    organisation = Organisation.objects.get(pk=organisation.pk)
    draft = invoicing.draft(organisation, OCTOBER)
    sealed = invoicing.seal(actor=SYSTEM, invoice=draft)
    close_month(sealed, from_json(sealed.document))
    used(instance, 9, "3600.5", meter="vcpu", price_class="t.flat")
    RatedMonth.objects.filter(month=OCTOBER).update(due_since=clock.now())
    corrections.correct_due()
    note = _credit(sealed)
    _reserve(organisation, instance, monkeypatch)
    scope = Scope(organisation.pk, OCTOBER, date(2026, 12, 1))
    return World(organisation, instance, sealed, note, scope)


def _credit(invoice: Invoice) -> Invoice:
    """A note that takes back the first line of an invoice."""
    whole = from_json(invoice.document)
    document = replace(whole, kind=Kind.CREDIT_NOTE, lines=whole.lines[:1], allowances=())
    sums = totals(document)
    note = Invoice.objects.create(
        public_id=ids.public_id("in"),
        organisation=invoice.organisation,
        kind=Kind.CREDIT_NOTE,
        corrects=invoice,
        month=invoice.month,
        net=sums.net,
        vat=sums.vat,
        gross=sums.gross,
        document=to_json(document),
    )
    note = invoicing.seal(actor=SYSTEM, invoice=note)
    costs.book(note, from_json(note.document))
    return note


def _reserve(organisation: Organisation, instance: Instance, monkeypatch) -> None:
    """Capacity from the 18th of November on, half of it used on the first day."""
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 18, tzinfo=UTC))
    wanted = Wanted(term="1y", offering="postgresql", plan="single-2x8", pieces=1)
    commitments.purchase_commitment(actor=SYSTEM, organisation=organisation, wanted=wanted)
    day = date(2026, 11, 18)
    used(instance, 1, 86400, "vcpu", "database.postgresql", day_of=day)
    used(instance, 1, 86400 * 4, "memory_gib", "database.postgresql", day_of=day)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    rating.rate(NOVEMBER)


def _price(instance: Instance) -> None:
    price("t.flat", "vcpu", unit="hour", tiers=((None, "0.02592"),))
    price("t.spot", "memory_gib", unit="hour", category="dynamic", tiers=((None, "0.001386"),))
    price("t.steps", "egress", unit="GiB", mode="graduated", free_quantity=Decimal(2),
          tiers=(("5", "0.01", "7"), (None, "0.008")))  # fmt: skip
    price("t.volume", "requests", unit="million", mode="volume", tiers=((None, "0.15"),))
    price("t.pack", "mails", unit="thousand", mode="package", tiers=((None, "0.25"),))
    price("t.month", "zones", unit="month", tiers=((None, "0.40"),))
    for meter, price_class, quantity in (
        ("vcpu", "t.flat", "7201.123456789"),
        ("memory_gib", "t.spot", "12345"),
        ("egress", "t.steps", "3.5"),
        ("requests", "t.volume", "123457"),
        ("mails", "t.pack", "900"),
        ("zones", "t.month", "86400"),
    ):
        for day in (1, 2, 31):
            used(instance, day, quantity, meter=meter, price_class=price_class)
    TagSet.objects.update(tags={"env": "prod", "team": "a,b"})


def _post(organisation: Organisation, month: date) -> None:
    about = {"what": "2 × single-2x8", "instance": "pg-1", "month": "2026-10"}
    for kind, category, amount in (
        ("commitment", Category.PURCHASE, "40.00"),
        ("sla", Category.CREDIT, "-1.75"),
    ):
        post(
            Posting(
                organisation=organisation,
                day=month.replace(day=31),
                category=category,
                amount=Decimal(amount),
                reference=f"{kind}:1",
                about=about,
                effective=Decimal(0) if category == Category.PURCHASE else None,
            )
        )
