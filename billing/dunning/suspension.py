"""Suspension of organisations that were warned and have not paid, and its end once they have, or
while what they have not paid is held.

Only what was suspended here is lifted here: a suspension for another reason stays.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from billing.dunning import steps as dunning
from billing.identity.queries import language_for
from billing.invoices.standing import standing
from billing.models import DunningStep, Invoice
from portal.kernel import clock
from portal.kernel.actor import SYSTEM, Actor
from portal.kernel.errors import Conflict
from portal.tenancy import actions as tenancy
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff

_Kind = DunningStep.Kind
AUTOMATIC = "automatic"


def to_suspend(actor: Actor) -> list[tuple[Organisation, Invoice]]:
    """Organisations whose time is over, with the invoice that it is for. Raises: NotPermitted."""
    today = clock.now().date()
    found: dict[int, tuple[Organisation, Invoice]] = {}
    for invoice, step in dunning.planned(actor):
        organisation = invoice.organisation
        living = organisation.suspended_at is None and organisation.archived_at is None
        if step.kind == _Kind.SUSPENSION and step.on <= today and living:
            found.setdefault(organisation.pk, (organisation, invoice))
    return list(found.values())


def suspend_due() -> int:
    """Where the setting wants it by itself. Returns how many organisations were suspended."""
    if dunning.rules().suspend != AUTOMATIC:
        return 0
    due = to_suspend(SYSTEM)
    for organisation, _invoice in due:
        suspend(actor=SYSTEM, organisation=organisation)
    return len(due)


@transaction.atomic
def suspend(*, actor: Actor, organisation: Organisation) -> DunningStep:
    """Suspends an organisation that was warned, for the invoice that is due the longest.

    Raises: NotPermitted unless staff does it; Conflict when it was not warned in time, has paid, or
    is suspended.
    """
    require_staff(actor)
    locked = Organisation.objects.select_for_update().get(pk=organisation.pk)
    invoice = next((i for o, i in to_suspend(actor) if o.pk == locked.pk), None)
    if invoice is None:
        raise Conflict(
            _("%(name)s is not to be suspended now.") % {"name": locked.name},
            hint=_("It has paid, is suspended, or was not warned seven days ago."),
        )
    with translation.override(language_for(locked)):
        reason = _("Invoice %(number)s is not paid.") % {"number": invoice.number}
    tenancy.suspend_organisation(actor=actor, organisation=locked, reason=reason)
    taken = dunning.course_of(invoice).taken
    level = sum(step.kind == _Kind.SUSPENSION for step in taken) + 1
    step = dunning.Planned(_Kind.SUSPENSION, level, clock.now().date())
    made = dunning.write(invoice, step, standing(invoice).left)
    DunningStep.objects.filter(pk=made.pk).update(at=locked.suspended_at)
    return made


@transaction.atomic
def lift_settled(*, organisation: Organisation) -> bool:
    """Lifts the suspension for invoices when nothing is left of any that was warned of, but of
    those that are held. Call it after a payment, a credit note or a hold.
    """
    locked = Organisation.objects.select_for_update().get(pk=organisation.pk)
    steps = DunningStep.objects.filter(invoice__organisation=locked)
    ours = steps.filter(kind=_Kind.SUSPENSION, lifted_at__isnull=True).order_by("-at").first()
    if ours is None:
        return False
    warned = Invoice.objects.filter(pk__in=steps.filter(kind=_Kind.WARNING).values("invoice"))
    asked = [
        invoice
        for invoice in warned.defer("document")
        if standing(invoice).left > 0 and _was_warned(invoice)
    ]
    if any(dunning.hold_of(invoice) is None for invoice in asked):
        return False
    if locked.suspended_at == ours.at:
        with translation.override(language_for(locked)):
            reason = _("What is owed is disputed.") if asked else _("What was owed is paid.")
        tenancy.lift_suspension(actor=SYSTEM, organisation=locked, reason=reason)
    # With the warnings of all its invoices: whatever comes next is warned of anew.
    told = steps.filter(kind__in=(_Kind.SUSPENSION, _Kind.WARNING), lifted_at__isnull=True)
    told.update(lifted_at=clock.now())
    return locked.suspended_at is None


def _was_warned(invoice: Invoice) -> bool:
    """Since it is open."""
    return any(step.kind == _Kind.WARNING for step in dunning.course_of(invoice).taken)
