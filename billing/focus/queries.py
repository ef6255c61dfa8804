"""Who may have which file: an organisation's own, for members who see the costs of all of it; that
of all organisations, for staff.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import Sum

from billing.einvoice.document import Kind
from billing.focus.checks import Facts
from billing.focus.rows import Scope, of_month
from billing.models import CostRollup, Invoice
from portal.kernel.actor import Actor
from portal.tenancy import access, oversight
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission


def scope_for(actor: Actor, organisation: Organisation | None, month: date) -> Scope:
    """What is billed in a calendar month. Raises: NotPermitted, NotFound."""
    if organisation is None:
        oversight.require_staff(actor)
        return of_month(None, month)
    access.require_in_organisation(actor, organisation, Permission.COST_VIEW)
    return of_month(organisation.pk, month)


def facts_of(scope: Scope) -> Facts:
    """What a file of charges must come to, from the sums that pages show and from the invoices."""
    sums = CostRollup.objects.filter(day__gte=scope.first, day__lt=min(scope.end, scope.before))
    bills = Invoice.objects.filter(
        month__gte=scope.first, month__lt=scope.end, status=Invoice.Status.ISSUED
    )
    if scope.organisation is not None:
        sums = sums.filter(organisation=scope.organisation)
        bills = bills.filter(organisation=scope.organisation)
    net = sums.aggregate(Sum("billed_cost"))["billed_cost__sum"] or Decimal(0)
    payable = {
        number: gross if kind == Kind.INVOICE else -gross
        for number, kind, gross in bills.values_list("number", "kind", "gross")
        if number
    }
    return Facts(net, payable)
