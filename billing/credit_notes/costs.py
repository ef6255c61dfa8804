"""The costs that follow a credit note, in the month of its invoice, so that costs are invoices less
credit notes. Call it in the transaction that issues the note.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import QuerySet

from billing.costs.closing import NOTE, bring_to_cents, exact_of, nets_of
from billing.costs.posting import settle, take_month
from billing.einvoice.document import ZERO, Document
from billing.metering.plantime import last_day, month_bounds
from billing.models import CostLine, CreditGrant, Invoice
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
        settle(month, day, category, lines=1, only=line)


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
    move_corrections(note.organisation_id, note.month, month, document=str(note.number))
    moved = CostLine.objects.filter(
        organisation=note.organisation_id,
        category=_Category.USAGE,
        tier__gt=0,
        **{f"about__{NOTE}": note.number},
    )
    nets = {key: -net for key, net in nets_of(document.lines).items()}
    bring_to_cents(note, document.period, exact_of(moved), nets)


def move_corrections(organisation: int, earlier: date, month: date, *, document: str) -> Decimal:
    """Takes what corrects the month `earlier` out of `month`, into the month that it corrects, as
    what `document` names. Returns its exact sum.
    """
    old_day, new_day = month.replace(day=1), last_day(earlier)
    taken, left = take_month(organisation, new_day), take_month(organisation, month)
    costs = dict(_correcting(organisation, earlier, month).values_list("pk", "billed_cost"))
    CostLine.objects.filter(pk__in=costs).update(day=new_day, about={NOTE: document})
    settle(left, old_day, _Category.USAGE, lines=-len(costs))
    settle(taken, new_day, _Category.USAGE, lines=len(costs))
    return sum(costs.values(), ZERO)


def drop_corrections(organisation: int, earlier: date, month: date) -> int:
    """Takes what corrects the month `earlier` out of `month` for good: the next correction compares
    with what was billed without it. Returns how many lines that were.
    """
    take_month(organisation, earlier)
    left = take_month(organisation, month)
    dropped, _of = _correcting(organisation, earlier, month).delete()
    settle(left, month.replace(day=1), _Category.USAGE, lines=-dropped)
    return dropped


def _correcting(organisation: int, earlier: date, month: date) -> QuerySet[CostLine]:
    (start, end), (first, last) = month_bounds(earlier), month_bounds(month)
    rows = CostLine.objects.filter(
        organisation=organisation,
        category=_Category.USAGE,
        is_correction=True,
        corrects_day__gte=start.date(),
        corrects_day__lt=end.date(),
    )
    return rows.filter(day__gte=first.date(), day__lt=last.date())


def leave_out(grant: CreditGrant, document: str, amount: Decimal) -> None:
    """Of what corrections gave back in the month that `grant` carries, `amount` is to be taken from
    its credit by later invoices: here it counts as not given.
    """
    assert grant.carries is not None  # noqa: S101  # it is what a grant of corrections has
    day = last_day(grant.carries)
    month = take_month(grant.organisation_id, day)
    line = CostLine(
        organisation=grant.organisation,
        day=day,
        category=_Category.ADJUSTMENT,
        is_correction=True,
        reference=f"carry:{grant.public_id}",
        about={NOTE: document, "month": f"{grant.carries:%Y-%m}"},
        unit="one",
        quantity=1,
        list_unit_price=round(amount, 9),
        contracted_unit_price=round(amount, 9),
        currency=grant.currency,
        **dict.fromkeys(_COSTS, amount),
    )
    line.save(force_insert=True)
    settle(month, day, _Category.ADJUSTMENT, lines=1, only=line)
