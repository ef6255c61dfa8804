"""The costs that follow a credit note, in the month of its invoice, so that costs are invoices less
credit notes. Call it in the transaction that issues the note.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from billing.closing import NOTE, bring_to_cents, exact_of, nets_of
from billing.einvoice.document import ZERO, Document
from billing.models import CostLine, Invoice
from billing.plantime import last_day, month_bounds
from billing.posting import settle, take_month
from services.instances.models import Instance

_Category = CostLine.Category
_COSTS = ("list_cost", "contracted_cost", "effective_cost", "billed_cost")


def book(note: Invoice, document: Document, instance: Instance | None = None) -> None:
    """A cost line for each service type that the note gives something of."""
    month = take_month(note.organisation_id, note.month)
    day = last_day(note.month)
    for number, (offering, amount) in enumerate(sorted(_shares(note, document).items()), 1):
        category = _Category.CREDIT if amount < 0 else _Category.ADJUSTMENT
        reference = f"credit-note:{note.number}:{number}"
        line = CostLine(
            organisation=note.organisation,
            project=instance.project if instance else None,
            instance=instance,
            offering=instance.offering if instance else offering,
            region=instance.region.code if instance else "",
            day=day,
            category=category,
            is_correction=True,
            reference=reference,
            about={NOTE: note.number},
            unit="one",
            quantity=1,
            list_unit_price=amount,
            contracted_unit_price=amount,
            currency=note.currency,
            **dict.fromkeys(_COSTS, amount),
        )
        line.save(force_insert=True)
        settle(month, day, category, lines=1)


def _shares(note: Invoice, document: Document) -> dict[str, Decimal]:
    """What goes off the costs of each service type; what is of none stands under ""."""
    offerings = _offerings(note)
    found: dict[str, Decimal] = {}
    for line in document.lines:
        offering = offerings.get(line.sku, "")
        found[offering] = found.get(offering, ZERO) - line.net
    taken_off = sum((allowance.amount for allowance in document.allowances), ZERO)
    found[""] = found.get("", ZERO) + taken_off
    return {offering: amount for offering, amount in found.items() if amount}


def _offerings(note: Invoice) -> dict[str, str]:
    """By what an invoice line names as its article: a price and tier, or a posting."""
    start, end = month_bounds(note.month)
    rows = CostLine.objects.filter(
        organisation=note.organisation_id, day__gte=start.date(), day__lt=end.date()
    )
    posted = dict(rows.exclude(reference="").values_list("reference", "offering"))
    used = exact_of(rows.filter(category=_Category.USAGE, tier__gt=0))
    return posted | {f"{key.price}-{key.tier}": found.offering for key, found in used.items()}


def take_over(note: Invoice, document: Document, month: date) -> None:
    """The corrections leave the month that would have billed them, for the one that they correct;
    there they are brought to the cents of the note.
    """
    (start, end), (first, last) = month_bounds(note.month), month_bounds(month)
    rows = CostLine.objects.filter(
        organisation=note.organisation_id,
        category=_Category.USAGE,
        is_correction=True,
        corrects_day__gte=start.date(),
        corrects_day__lt=end.date(),
    )
    moved = rows.filter(day__gte=first.date(), day__lt=last.date())
    keys = list(moved.values_list("pk", flat=True))
    old_day, new_day = month.replace(day=1), last_day(note.month)
    left, taken = take_month(note.organisation_id, month), take_month(note.organisation_id, new_day)
    CostLine.objects.filter(pk__in=keys).update(day=new_day, about={NOTE: note.number})
    settle(left, old_day, _Category.USAGE, lines=-len(keys))
    settle(taken, new_day, _Category.USAGE, lines=len(keys))
    nets = {key: -net for key, net in nets_of(document.lines).items()}
    exact = exact_of(CostLine.objects.filter(pk__in=keys, tier__gt=0))
    bring_to_cents(note, document.period, exact, nets)
