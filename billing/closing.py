"""What closes with an invoice: the month is not rated again, and its costs are brought to the cents
of the invoice, so that every page shows the sum that is to be paid.
"""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Sum
from django.utils.translation import gettext as _

from billing.einvoice.document import Document
from billing.models import CostLine, CostRollup, Invoice, Price, RatedMonth
from billing.posting import is_reference
from portal.kernel import clock
from portal.kernel.errors import Conflict

_NOTHING = Decimal(0)


def close_month(invoice: Invoice, document: Document) -> None:
    """Call it in the transaction that issues. Raises: Conflict when the month was rated again after
    the draft was written: the invoice would not say what the costs are.
    """
    rated = RatedMonth.objects.select_for_update().get(
        organisation=invoice.organisation_id, month=invoice.month
    )
    changes = [at for at in (rated.rated_at, rated.posted_at) if at is not None]
    if rated.due_since is not None or any(at > invoice.drafted_at for at in changes):
        raise Conflict(
            _("The costs of %(month)s were worked out again after this draft was written.")
            % {"month": f"{invoice.month:%Y-%m}"},
            hint=_("Nothing was issued. Draft it anew."),
        )
    for sku, net in sorted(_nets(document).items()):
        public_id, _dash, tier = sku.rpartition("-")
        _adjust(invoice, Price.objects.get(public_id=public_id), int(tier), net, document)
    rated.closed_at = clock.now()
    rated.save(update_fields=["closed_at"])


def _nets(document: Document) -> dict[str, Decimal]:
    nets: dict[str, Decimal] = {}
    for line in document.lines:
        if is_reference(line.sku):
            continue  # posted to the cent
        nets[line.sku] = nets.get(line.sku, _NOTHING) + line.net
    return nets


def _adjust(invoice: Invoice, price: Price, tier: int, net: Decimal, document: Document) -> None:
    """One line for what rounding added or took away."""
    rows = CostLine.objects.filter(
        organisation=invoice.organisation_id,
        price=price,
        tier=tier,
        day__gte=document.period.start,
        day__lte=document.period.end,
        category=CostLine.Category.USAGE,
    )
    exact = rows.aggregate(Sum("billed_cost"))["billed_cost__sum"] or _NOTHING
    if not (difference := net - exact):
        return
    amounts = dict.fromkeys(
        ("list_cost", "contracted_cost", "effective_cost", "billed_cost"), difference
    )
    offering = rows.values_list("offering", flat=True).first() or ""
    common = {
        "organisation": invoice.organisation,
        "offering": offering,
        "day": document.period.end,
        "category": CostLine.Category.ADJUSTMENT,
        "currency": document.currency,
        **amounts,
    }
    CostLine.objects.create(
        price=price,
        price_class=price.price_class,
        meter=price.meter,
        tier=tier,
        unit=price.unit,
        quantity=0,
        list_unit_price=0,
        contracted_unit_price=0,
        **common,
    )
    CostRollup.objects.create(**common)
