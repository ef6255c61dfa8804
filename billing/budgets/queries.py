"""Reads of budgets. Whoever sees the costs of what a budget is for sees the budget."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from billing.budgets.standing import Standing, standings
from billing.models import Budget, BudgetAlert, Order
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.tenancy import access
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Permission

_P = Permission


def budgets_for(actor: Actor, organisation: Organisation | None = None) -> QuerySet[Budget]:
    """Those of organisations and projects whose costs the actor sees, the newest first."""
    rows = in_use().filter(
        Q(organisation__in=access.organisations(actor, _P.COST_VIEW))
        | Q(project__in=access.project_keys(actor, _P.COST_VIEW))
    )
    if organisation is not None:
        rows = rows.filter(organisation=organisation)
    return rows.order_by("-pk")


def budget_for(actor: Actor, public_id: str) -> Budget:
    """Raises: NotFound."""
    found = budgets_for(actor).filter(public_id=public_id).first()
    if found is None:
        raise NotFound(
            _("There is no budget “%(id)s”, or you may not see it.") % {"id": public_id},
            hint=_("See the list of budgets."),
        )
    return found


def in_use() -> QuerySet[Budget]:
    """Without those of archived projects and organisations."""
    rows = Budget.objects.filter(organisation__archived_at=None, project__archived_at=None)
    return rows.select_related("organisation", "project", "webhooks_of")


def applying_to(project: Project, tags: Mapping[str, str]) -> list[Budget]:
    """Those that count what is ordered in `project` with `tags`. One query."""
    rows = in_use().filter(organisation_id=project.organisation_id).order_by("pk")
    return [
        budget
        for budget in rows
        if budget.scope == Budget.Scope.ORGANISATION
        or (budget.scope == Budget.Scope.PROJECT and budget.project_id == project.pk)
        or (budget.scope == Budget.Scope.TAG and tags.get(budget.tag_key) == budget.tag_value)
    ]


def standings_of(rows: list[Budget]) -> list[Standing]:
    """Budgets that the reader was given, each beside its costs, in their order."""
    by_organisation: dict[int, list[Budget]] = {}
    for row in rows:
        by_organisation.setdefault(row.organisation_id, []).append(row)
    found = {
        one.budget.pk: one
        for group in by_organisation.values()
        for one in standings(group[0].organisation, group)
    }
    return [found[row.pk] for row in rows]


def alerts_of(standing: Standing) -> list[BudgetAlert]:
    """What was told of a budget in its month, the first first."""
    rows = BudgetAlert.objects.filter(budget=standing.budget, month=standing.month)
    return list(rows.order_by("at", "pk"))


def may_manage(actor: Actor, organisation: Organisation) -> bool:
    """Whether the actor may make budgets and decide on orders."""
    return _P.BILLING_MANAGE in access.permissions_in_organisation(actor, organisation)


def awaiting_for(actor: Actor, organisation: Organisation | None = None) -> QuerySet[Order]:
    """Orders that wait for approval, of projects that the actor sees, the oldest first."""
    rows = Order.objects.filter(
        state=Order.State.AWAITING_APPROVAL,
        project__in=access.project_keys(actor, _P.COST_VIEW),
    )
    if organisation is not None:
        rows = rows.filter(organisation=organisation)
    return rows.select_related("project", "organisation").order_by("pk")


def order_for(actor: Actor, public_id: str) -> Order:
    """One that a budget held up, whatever became of it. Raises: NotFound."""
    rows = Order.objects.filter(
        public_id=public_id, project__in=access.project_keys(actor, _P.COST_VIEW)
    )
    found = rows.select_related("project", "organisation", "operation__instance").first()
    if found is None:
        raise NotFound(
            _("There is no order “%(id)s”, or you may not see it.") % {"id": public_id},
            hint=_("See the orders that wait for approval on the page of budgets."),
        )
    return found
