"""What costs, invoices, payments, prices and advice a furnished world holds."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import pytest
from django.conf import settings
from django.db.models import F
from django.test import override_settings

from billing import cycle
from billing.advice import keeping
from billing.credit_notes import actions as credit_notes
from billing.dunning import steps as dunning
from billing.identity import actions as identities
from billing.identity import queries as identity_queries
from billing.invoices import drilldown, invoicing
from billing.models import Invoice, Price, Recommendation
from billing.month_end import runs
from billing.payments import actions as payments
from billing.payments import bank_entries
from billing.pricebook import queries
from billing.rating import price_effect
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.tenancy.models import Organisation
from services.instances.models import Instance, InstanceEvent
from tests.billing.advice.days import measured
from tests.billing.payments.test_camt import entry, statement


def furnish_buyer(place: Any, owner: Actor, nasty: str) -> None:
    """A customer abroad whose VAT id waits to be confirmed, with a proof that contradicts."""
    values = {
        "legal_name": f"{nasty} Gesellschaft für Küstenschutz und Binnenentwässerung mbH",
        "street": "Am Deich 7",
        "postcode": "20095",
        "city": "Hamburg",
        "country": "DE",
        "vat_id": "DE136695976",
        "invoice_email": "invoices@test.example",
    }
    row = identities.update_identity(
        actor=owner, organisation=place.world["organisation"], values=values
    )
    told = {"actor": SYSTEM, "identity": row}
    identities.record_consultation(number="WAPIAAAA1", valid=False, **told)
    identities.keep_proof(kind="bank", country="PL", source=nasty, **told)


def furnish_costs() -> date:
    """As if all services had begun to run forty days ago."""
    ago = timedelta(days=40)
    InstanceEvent.objects.filter(code="created").update(at=F("at") - ago)
    Instance.objects.update(created_at=F("created_at") - ago)
    today = clock.now().date()
    for month in (today.replace(day=1) - timedelta(days=1), today):
        cycle.meter_month(month)
    cycle.meter_and_rate()
    last = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    runs.run(actor=SYSTEM, month=last, kind="draft")
    return last


def furnish_invoice(place: Any, month: date, nasty: str) -> None:
    """A draft of what it used, whatever keeps it from being issued."""
    seller = dict.fromkeys(settings.POLDER_PROVIDER, "") | {
        "legal_name": f"Polder Cloud {nasty} GmbH",
        "street": "Deichstraße 1",
        "postcode": "20459",
        "city": "Hamburg",
        "contact_email": "billing@polder.example",
        "iban": "DE89370400440532013000",
    }
    with pytest.MonkeyPatch.context() as patch, override_settings(POLDER_PROVIDER=seller):
        patch.setattr(identity_queries, "faults_to_issue", lambda organisation, on: ())
        organisation = Organisation.objects.get(pk=place.world["organisation"].pk)
        made = invoicing.draft(organisation, month)
    _account(place, made, nasty)
    day = drilldown.days_of(line := drilldown.line_of(made, 1))[0].day
    behind = {"number": made.public_id, "line": 1}
    service = drilldown.services_of(line, day)[0].public_id
    place.reals["console:invoice"] = {"number": made.public_id}
    place.reals["console:invoice-document"] = {"number": made.public_id, "name": "html"}
    place.reals["console:invoice-line"] = place.reals["console:invoice-days"] = behind
    place.reals["console:invoice-day"] = behind | {"day": day.isoformat()}
    place.reals["console:invoice-evidence"] = behind | {
        "day": day.isoformat(),
        "public_id": service,
    }


def _account(place: Any, draft: Invoice, nasty: str) -> None:
    """The month before, issued and overdue: paid in part, credited in part, reminded of, and a
    receipt that waits. Judged by nobody, for nothing of it would pass.
    """
    today = clock.now().date()
    sealed = Invoice(
        public_id="in-0000feed",
        organisation=draft.organisation,
        month=(draft.month - timedelta(days=1)).replace(day=1),
        due_on=today - timedelta(days=40),
        document=draft.document,
        **{name: getattr(draft, name) for name in ("net", "vat", "gross")},
    )
    sealed.save()
    sealed = invoicing.seal(actor=SYSTEM, invoice=sealed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credit_notes, "judged", lambda document, name="": None)
        patch.setattr(credit_notes, "write_files", lambda note: None)
        credit_notes.credit_amount(
            actor=SYSTEM, invoice=sealed, amount=Decimal("0.01"), reason=f"Promised {nasty}."
        )
    payments.record_payment(
        actor=SYSTEM, invoice=sealed, amount=Decimal("0.01"), received_on=today, reference=nasty
    )
    told = {"payer": escape(nasty * 5), "text": escape(nasty * 20)}
    bank_entries.import_statement(actor=SYSTEM, content=statement(entry("9.00", **told)))
    dunning.run_due()
    place.reals["console:staff-payments-invoice"] = {"number": sealed.number}


def furnish_advice(place: Any) -> None:
    """A service that nobody used for two weeks."""
    instance = place.world["instance"]
    measured(instance, clients=0, until=clock.now())
    keeping.find_advice()
    found = {"public_id": Recommendation.objects.get(instance=instance).public_id}
    for name in ("advice-one", "advice-apply", "advice-dismiss"):
        place.reals[f"console:{name}"] = found


def furnish_prices(month: date) -> None:
    """A rise that is announced, with what it does to a month; and a change of the past."""
    now = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    at = now + timedelta(days=70)
    rows = Price.objects.filter(category="standard", region="", valid_to=None)
    named = {"database.postgresql": (at, "1.5"), "database.mariadb": (now, "0.5")}
    for price_class, (day, factor) in named.items():
        row = rows.get(price_class=price_class, meter="vcpu")
        Price.objects.filter(pk=row.pk).update(valid_to=day)
        amount = Decimal(row.tiers[0]["unit_price"]) * Decimal(factor)
        row.pk, row.public_id, row.valid_from, row.announced_at = None, f"pr-{factor}", day, now
        row.tiers = [{**row.tiers[0], "unit_price": str(amount)}]
        row.save()
    queries.forget_prices()
    price_effect.work_out(price_effect.begin_effect(actor=SYSTEM, month=month, at=at))
