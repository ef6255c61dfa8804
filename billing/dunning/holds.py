"""Holds: until a day nobody is reminded of an invoice that is disputed, or suspended for it. When
the hold ends, dunning goes on where it was: `billing.dunning.steps.next_step` counts no day of it.

A suspension for an invoice that is held is lifted; when the hold has ended and it is still not
paid, the organisation is warned anew before it is suspended again.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from billing.dunning import steps as dunning
from billing.dunning import suspension
from billing.einvoice.document import Kind as DocumentKind
from billing.invoices.standing import standing
from billing.models import DunningHold, Invoice
from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.kernel.formats import day
from portal.notifications import kinds
from portal.notifications.kinds import Kind, Params
from portal.outbox.actions import notify
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff
from portal.tenancy.permissions import Permission

HELD, ENDED = "invoice.held", "invoice.hold_ended"
LONGEST = timedelta(days=366)
_MOST_REASON = 500


@transaction.atomic
def hold_invoice(*, actor: Actor, invoice: Invoice, until: date, reason: str) -> DunningHold:
    """Holds an invoice to the end of the day `until`; one that holds already ends with it.

    Raises: NotPermitted unless staff does it; Invalid without a reason, or for a day that is over
    or too far away; Conflict when nothing is left to pay of it.
    """
    locked = _locked(actor, invoice)
    today, faults = clock.now().date(), {}
    if not today <= until <= today + LONGEST:
        faults["until"] = _("Give a day from today on, within a year.")
    if not reason.strip() or len(reason) > _MOST_REASON:
        faults["reason"] = _("Say why: the buyer reads it at the invoice.")
    if faults:
        raise Invalid(faults)
    if standing(locked).left <= 0:
        raise Conflict(
            _("Nothing is left to pay of %(number)s.") % {"number": locked.number},
            hint=_("What is settled is not reminded of."),
        )
    locked.dunning_holds.filter(ended_at=None).update(ended_at=clock.now())
    made = DunningHold.objects.create(
        invoice=locked, reason=reason.strip(), until=until, at=clock.now()
    )
    _tell(HELD, locked, until)
    suspension.lift_settled(organisation=locked.organisation)
    record(
        actor,
        "invoice.hold",
        "invoice",
        str(locked.number),
        chain=locked.organisation.slug,
        after={"until": until.isoformat()},
        reason=made.reason,
    )
    return made


@transaction.atomic
def end_hold(*, actor: Actor, invoice: Invoice) -> DunningHold:
    """Before its day. Raises: NotPermitted; Conflict when the invoice is not held."""
    locked = _locked(actor, invoice)
    found = dunning.hold_of(locked)
    if found is None:
        raise Conflict(
            _("%(number)s is not held.") % {"number": locked.number},
            hint=_("Nothing has to be done."),
        )
    found.ended_at = clock.now()
    found.save(update_fields=["ended_at"])
    _tell(ENDED, locked, clock.now().date())
    record(actor, "invoice.end_hold", "invoice", str(locked.number), chain=locked.organisation.slug)
    return found


def _locked(actor: Actor, invoice: Invoice) -> Invoice:
    require_staff(actor)
    Organisation.objects.select_for_update().get(pk=invoice.organisation_id)
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("organisation")
    row = rows.defer("document").get(pk=invoice.pk)
    if row.status != Invoice.Status.ISSUED or row.kind != DocumentKind.INVOICE:
        raise Conflict(_("Only an issued invoice is paid."), hint=_("A draft is issued first."))
    return row


# -- what is said of it ----------------------------------------------------------------------------


def _tell(kind: str, invoice: Invoice, until: date) -> None:
    notify(
        kind,
        organisation_id=invoice.organisation_id,
        target=str(invoice.number),
        params={"number": str(invoice.number), "until": until.isoformat()},
    )


def _title(params: Params) -> str:
    text = str(params.get("until", ""))
    said = {
        "number": str(params.get("number", "…")),
        "day": day(date.fromisoformat(text)) if text else "…",
    }
    return _("Invoice %(number)s is held until %(day)s") % said


def _ended(params: Params) -> str:
    return _("Invoice %(number)s is not held any more") % {"number": params.get("number", "…")}


def _kind(name: str, label: str) -> Kind:
    is_held = name == HELD
    return Kind(
        name,
        _title if is_held else _ended,
        lambda _params: (
            _("Until then there are no reminders of it, and nothing is suspended for it.")
            if is_held
            else _("Reminders go on where they were.")
        ),
        group=gettext_noop("Money"),
        label=label,
        icon="receipt-euro",
        url_name="console:invoice",
        sees=Permission.INVOICE_VIEW,
        everyone=Permission.INVOICE_VIEW,
    )


def register() -> None:
    """At start."""
    kinds.register(
        _kind(HELD, gettext_noop("An invoice is held")),
        _kind(ENDED, gettext_noop("An invoice is not held any more")),
    )
