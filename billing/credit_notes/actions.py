"""Credit notes: what takes an issued invoice back, wholly or in part. The amounts are positive, the
VAT is that of the invoice, and there is never more credited at a VAT rate than the invoice charges.

A credit note is judged, numbered and sealed as an invoice is, in the same series. Its costs follow
in the same transaction, in the month of the invoice: costs are invoices less credit notes.

Source: EN 16931-1, BT-3 (381) and BG-3; shared design, billing 1.2 and 1.6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing.costs.credited import invoice_of, is_credited_whole
from billing.credit_notes.costs import book, leave_out, move_corrections, take_over
from billing.credit_notes.given_back import GivenBack, given_back, hold_unchanged, waive
from billing.credits.grants import carry
from billing.dunning import suspension
from billing.einvoice.checks import CURRENCY
from billing.einvoice.document import (
    ONE,
    ZERO,
    Allowance,
    Document,
    Kind,
    Line,
    Reference,
    Vat,
    priced,
    rounded,
)
from billing.einvoice.stored import from_json, to_json
from billing.einvoice.totals import totals
from billing.einvoice.units import INVOICE_UNITS
from billing.identity.provider import provider
from billing.invoices.drafting import corrections_of, document_for
from billing.invoices.files import write_files
from billing.invoices.invoicing import judged, seal
from billing.invoices.standing import State, standing
from billing.models import CreditGrant, Invoice
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff
from services.instances.models import Instance

_DRAFT_NUMBER = "DRAFT"
_MOST_REASON = 500


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be issued: the lines and allowances of a note, and what books its costs."""

    document: Document
    reason: str
    cause: str = ""
    book: Callable[[Invoice, Document], None] = book


def credit_whole(*, actor: Actor, invoice: Invoice, reason: str) -> Invoice:
    """Credits all that is left of an invoice: line by line, or, when some is credited already, what
    is left at each VAT rate.

    Raises: NotPermitted unless staff does it; Invalid without a reason; Conflict when nothing is
    left, or a finding is fatal.
    """
    document = _issued(actor, invoice, reason)
    left = left_of(invoice)
    if left == bases_of(document):
        made = _note(document, reason, document.lines, document.allowances)
    else:
        text = _in_language(
            document, lambda: _("Rest of invoice %(number)s"), number=invoice.number
        )
        lines = (_amount(document, text, net, vat) for vat, net in left.items() if net > 0)
        made = _note(document, reason, tuple(lines))
    return _issue(actor, invoice, _Plan(made, reason))


def credit_lines(
    *, actor: Actor, invoice: Invoice, amounts: Mapping[int, Decimal], reason: str
) -> Invoice:
    """Credits net amounts of some lines of an invoice, which count from 1.

    Raises: as `credit_whole`; Invalid, by `line-N`, for an amount that the line does not have.
    """
    document = _issued(actor, invoice, reason)
    faults = {
        f"line-{number}": text
        for number, amount in amounts.items()
        if (text := _line_fault(document, number, amount))
    }
    if faults or not amounts:
        raise Invalid(faults or {"net": _("Say what is credited of at least one line.")})
    chosen = sorted(amounts.items())
    lines = tuple(_part(document.lines[number - 1], amount) for number, amount in chosen)
    return _issue(actor, invoice, _Plan(_note(document, reason, lines), reason))


def credit_amount(
    *,
    actor: Actor,
    invoice: Invoice,
    amount: Decimal,
    reason: str,
    cause: str = "",
    instance: Instance | None = None,
) -> Invoice:
    """Credits a net amount of an invoice, of no line in particular. With a `cause` it is exactly
    once: the same again is the note that there is. The cost goes to `instance`, if one is named.

    Raises: as `credit_whole`; Invalid for no amount; Conflict where the invoice has several VAT
    rates, or less is left of it.
    """
    document = _issued(actor, invoice, reason)
    if cause and (found := Invoice.objects.filter(cause=cause).first()):
        return found
    if amount <= 0 or amount != rounded(amount):
        raise Invalid({"net": _("Give an amount in whole cents, above nothing.")})
    rates = list(bases_of(document))
    if len(rates) != 1:
        raise Conflict(
            _("%(number)s has several VAT rates.") % {"number": invoice.number},
            hint=_("Say which lines are credited."),
        )
    lines = (_amount(document, reason.strip(), amount, rates[0]),)

    def follow(note: Invoice, said: Document) -> None:
        book(note, said, instance)

    return _issue(actor, invoice, _Plan(_note(document, reason, lines), reason, cause, follow))


def credit_reductions(*, actor: Actor, organisation: Organisation, month: date) -> list[Invoice]:
    """Before the invoice of `month` is written: corrections that give back more than they take of a
    month whose invoice is paid become a credit note, and so do all that give back, while the
    invoice would come to less than nothing. What is more than is left of the invoice that they
    correct is carried over, as credit for the next ones; what was credited whole is left out.

    Raises: Conflict when a note cannot be issued.
    """
    made = []
    for given in given_back(organisation, month):
        if is_credited_whole(organisation.pk, given.earlier):
            waive(given)
    for given in given_back(organisation, month):
        invoice = invoice_of(organisation.pk, given.earlier)
        paid = invoice and standing(invoice).state in (State.PAID, State.OVERPAID)
        if not (paid or _below_nothing(organisation, month)):
            continue
        left = _left_to_correct(invoice) if invoice else ZERO
        if invoice and left > 0:
            made.append(_credit_corrections(actor, invoice, given, max(given.back - left, ZERO)))
        else:
            _carry_corrections(actor, given)
    return made


def notes_of(invoice: Invoice) -> list[Invoice]:
    """Its issued credit notes, oldest first."""
    rows = invoice.corrections.filter(status=Invoice.Status.ISSUED)
    return list(rows.order_by("pk"))


def left_of(invoice: Invoice) -> dict[Vat, Decimal]:
    """What is not credited yet, net, by VAT rate."""
    left = bases_of(from_json(invoice.document))
    for note in notes_of(invoice):
        for vat, base in bases_of(from_json(note.document)).items():
            left[vat] = left.get(vat, ZERO) - base
    return left


def bases_of(document: Document) -> dict[Vat, Decimal]:
    return {part.vat: part.base for part in totals(document).breakdown}


# -- the document ----------------------------------------------------------------------------------


def _issued(actor: Actor, invoice: Invoice, reason: str) -> Document:
    require_staff(actor)
    if not reason.strip() or len(reason) > _MOST_REASON:
        raise Invalid({"reason": _("Say why: the buyer reads it on the credit note.")})
    if invoice.kind != Kind.INVOICE or invoice.status != Invoice.Status.ISSUED:
        raise Conflict(
            _("Only an issued invoice can be credited."),
            hint=_("A draft is written anew; what a credit note takes back stays taken back."),
        )
    return from_json(invoice.document)


def _note(
    document: Document,
    reason: str,
    lines: tuple[Line, ...],
    allowances: tuple[Allowance, ...] = (),
) -> Document:
    today = clock.now().date()
    return replace(
        document,
        kind=Kind.CREDIT_NOTE,
        number=_DRAFT_NUMBER,
        issued_on=today,
        due_on=today + timedelta(days=provider().payment_days),
        lines=lines,
        allowances=allowances,
        corrects=Reference(document.number, document.issued_on),
        notes=(reason.strip(),),
        terms=_in_language(
            document, lambda: _("Set off against the invoice, or paid back where that is paid.")
        ),
        paid=ZERO,
    )


def _in_language(document: Document, words: Callable[[], str], **params: str | None) -> str:
    with translation.override(document.language):
        return words() % params if params else words()


def _amount(document: Document, text: str, net: Decimal, vat: Vat) -> Line:
    unit = INVOICE_UNITS["one"].code
    return priced(text, quantity=ONE, unit=unit, unit_price=net, vat=vat, period=document.period)


def _part(line: Line, amount: Decimal) -> Line:
    """Some of a line, or the line itself when it is all of it."""
    if amount == line.net:
        return line
    unit = INVOICE_UNITS["one"].code
    return replace(line, quantity=ONE, unit=unit, unit_price=amount, base_quantity=ONE, net=amount)


def _line_fault(document: Document, number: int, amount: Decimal) -> str:
    if not 1 <= number <= len(document.lines):
        return _("The invoice has no such line.")
    net = document.lines[number - 1].net
    if not ZERO < amount <= net or amount != rounded(amount):
        return _("Give an amount above nothing, up to the %(net)s of the line.") % {"net": net}
    return ""


# -- issuing ---------------------------------------------------------------------------------------


def _issue(actor: Actor, invoice: Invoice, plan: _Plan) -> Invoice:
    _check_left(invoice, plan.document)
    judged(plan.document)
    with transaction.atomic():
        Organisation.objects.select_for_update().get(pk=invoice.organisation_id)
        locked = Invoice.objects.select_for_update().get(pk=invoice.pk)
        if plan.cause and (found := Invoice.objects.filter(cause=plan.cause).first()):
            return found
        _check_left(locked, plan.document)
        note = seal(actor=actor, invoice=_draft(locked, plan))
        document = from_json(note.document)
        plan.book(note, document)
        suspension.lift_settled(organisation=locked.organisation)
        record(
            actor,
            "invoice.credit",
            "invoice",
            str(locked.number),
            chain=locked.organisation.slug,
            after={"credit_note": note.number, "gross": f"{note.gross:f}"},
            reason=plan.reason,
        )
    write_files(note)
    return note


def _check_left(invoice: Invoice, document: Document) -> None:
    left = left_of(invoice)
    for vat, base in bases_of(document).items():
        if base <= 0 or base > left.get(vat, ZERO):
            raise Conflict(
                _("Of %(number)s, %(left)s net are left to credit.")
                % {"number": invoice.number, "left": f"{left.get(vat, ZERO):f}"},
                hint=_("Nothing was issued. Credit no more than that."),
            )
    if not bases_of(document):
        raise Conflict(_("Nothing is left to credit of %(number)s.") % {"number": invoice.number})


def _draft(invoice: Invoice, plan: _Plan) -> Invoice:
    sums = totals(plan.document)
    return Invoice.objects.create(
        public_id=ids.public_id("in"),
        organisation=invoice.organisation,
        kind=Kind.CREDIT_NOTE,
        month=invoice.month,
        corrects=invoice,
        currency=plan.document.currency,
        net=sums.net,
        vat=sums.vat,
        gross=sums.gross,
        cause=plan.cause,
        document=to_json(plan.document),
        drafted_at=clock.now(),
    )


# -- corrections that give back --------------------------------------------------------------------


def _below_nothing(organisation: Organisation, month: date) -> bool:
    """In all, or at one VAT rate: what is given back at one pays for nothing at another."""
    document = document_for(organisation, month, clock.now().date())
    return min(base for base in bases_of(document).values()) < 0


def _left_to_correct(invoice: Invoice) -> Decimal:
    """Not credited yet, at the VAT rate of what its month used."""
    return left_of(invoice).get(from_json(invoice.document).lines[0].vat, ZERO)


def _credit_corrections(
    actor: Actor, invoice: Invoice, given: GivenBack, carried: Decimal
) -> Invoice:
    """`carried` of it is more than is left of the invoice."""
    document = from_json(invoice.document)
    vat = document.lines[0].vat
    with translation.override(document.language):
        lines = corrections_of(given.organisation, given.month, given.earlier)
        reason = _("Usage that became known after the invoice.")
        later = (Allowance(carried, _("Carried over to the next invoice"), vat),) if carried else ()
    turned = tuple(
        replace(line, quantity=-line.quantity, net=-line.net, group="", vat=vat) for line in lines
    )

    def follow(note: Invoice, said: Document) -> None:
        hold_unchanged(given)
        take_over(note, said, given.month)
        if carried:
            grant = _carry(actor, given, carried, invoice.currency)
            leave_out(grant, str(note.number), carried)

    plan = _Plan(_note(document, reason, turned, later), reason, "", follow)
    return _issue(actor, invoice, plan)


@transaction.atomic
def _carry_corrections(actor: Actor, given: GivenBack) -> None:
    """All of it, where no invoice is left that a note could credit."""
    Organisation.objects.select_for_update().get(pk=given.organisation.pk)
    hold_unchanged(given)
    grant = _carry(actor, given, given.back, CURRENCY)
    exact = move_corrections(
        grant.organisation_id, given.earlier, given.month, document=grant.public_id
    )
    leave_out(grant, grant.public_id, -exact)


def _carry(actor: Actor, given: GivenBack, amount: Decimal, currency: str) -> CreditGrant:
    return carry(
        actor=actor,
        organisation=given.organisation,
        month=given.earlier,
        amount=amount,
        currency=currency,
    )
