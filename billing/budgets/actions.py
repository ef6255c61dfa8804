"""Writes to budgets: made, changed, deleted. Whoever manages the money of what they are for may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing.budgets import rules
from billing.budgets.rules import DEFAULTS, Threshold
from billing.models import Budget, BudgetAlert
from portal.audit.actions import record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid
from portal.tenancy import access
from portal.tenancy.models import Organisation, Project
from portal.tenancy.permissions import Permission
from services.instances.admission import tag_faults

MOST_BUDGETS = 50
_MAY = Permission.BILLING_MANAGE
_DEV = ("env", "dev")


@transaction.atomic
def create_budget(
    *,
    actor: Actor,
    organisation: Organisation,
    name: str,
    amount: Decimal,
    project: Project | None = None,
    tag: tuple[str, str] | None = None,
    thresholds: Iterable[Threshold] = DEFAULTS,
    pauses: tuple[str, str] = _DEV,
    webhooks_of: str = "",
) -> Budget:
    """For the organisation, or `project`, or what carries `tag` (key, value). `amount` is net, a
    calendar month; `pauses` the tag of what may be paused; `webhooks_of` the slug of the project
    whose webhooks hear of it, where it is for none. Raises: NotPermitted, Invalid, Conflict.
    """
    access.require_at(actor, organisation, project, _MAY)
    if project is not None and tag is not None:
        raise Invalid({"tag": _("A budget is for a project or for a tag, not for both.")})
    scope = Budget.Scope.PROJECT if project else Budget.Scope.TAG if tag else None
    key, value = tag or ("", "")
    budget = Budget(
        organisation=organisation,
        name=name.strip(),
        scope=scope or Budget.Scope.ORGANISATION,
        project=project,
        tag_key=key,
        tag_value=value,
        amount=amount,
        thresholds=[one.as_json() for one in sorted(set(thresholds))],
        pause_key=pauses[0],
        pause_value=pauses[1],
        webhooks_of=_told_by(organisation, project, webhooks_of),
        created_by=actor.name,
    )
    _refuse_faults(budget)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    if organisation.budgets.count() >= MOST_BUDGETS:
        raise Conflict(
            _("An organisation holds at most %(most)s budgets.") % {"most": MOST_BUDGETS},
            hint=_("Delete one that is not needed."),
        )
    _save(budget)
    _record(actor, budget, "budget.create", {}, _shape(budget))
    return budget


@transaction.atomic
def update_budget(
    *,
    actor: Actor,
    budget: Budget,
    name: str | None = None,
    amount: Decimal | None = None,
    thresholds: Iterable[Threshold] | None = None,
    pauses: tuple[str, str] | None = None,
    webhooks_of: str | None = None,
) -> Budget:
    """What is not given stays; what it is for cannot be changed. After a raise this month's alerts
    are forgotten whose cost no longer reaches them: they are told again when it does. The others
    are not told again; from the next round on they do what their thresholds say now.

    Raises: NotPermitted, Invalid.
    """
    row = _locked(actor, budget)
    before = _shape(row)
    row.name = row.name if name is None else name.strip()
    row.amount = row.amount if amount is None else amount
    if thresholds is not None:
        row.thresholds = [one.as_json() for one in sorted(set(thresholds))]
    row.pause_key, row.pause_value = pauses or (row.pause_key, row.pause_value)
    if webhooks_of is not None:
        row.webhooks_of = _told_by(row.organisation, row.project, webhooks_of)
    _refuse_faults(row)
    row.updated_at = clock.now()
    _save(row)
    _bring_alerts_up(row)
    if _shape(row) != before:
        _record(actor, row, "budget.update", before, _shape(row))
    return row


def _bring_alerts_up(budget: Budget) -> None:
    """This month's, after a change of the budget; a threshold that is gone does nothing more."""
    month = clock.now().date().replace(day=1)
    thresholds = rules.read(budget.thresholds)
    says: dict[tuple[str, int], str] = {(one.kind, one.percent): one.action for one in thresholds}
    for alert in BudgetAlert.objects.select_for_update().filter(budget=budget, month=month):
        action = says.get((alert.kind, alert.percent), "notify")
        if rules.percent_of(alert.cost, budget.amount) < alert.percent:
            alert.delete()
        elif alert.action != action:
            alert.action = action
            alert.acted_at = None if action == "pause" else clock.now()
            alert.save(update_fields=["action", "acted_at"])


@transaction.atomic
def delete_budget(*, actor: Actor, budget: Budget) -> None:
    """With what it told; costs and services are not touched, what it paused stays paused. Raises:
    NotPermitted.
    """
    row = _locked(actor, budget)
    shape = _shape(row)
    row.delete()
    _record(actor, row, "budget.delete", shape, {})


def forget_person(name: str) -> None:
    """Budgets no longer say that this person made them. Call it within a transaction."""
    Budget.objects.filter(created_by=name).update(created_by="")


def _told_by(organisation: Organisation, project: Project | None, slug: str) -> Project | None:
    """The project whose webhooks hear of a budget that is for none. Raises: Invalid."""
    if not slug:
        return None
    if project is not None:
        text = _("Webhooks of its project hear of it already: choose no other.")
        raise Invalid({"webhooks_of": text})
    found = organisation.projects.filter(slug=slug, archived_at=None).first()
    if found is None:
        text = _("There is no project “%(name)s” in the organisation.") % {"name": slug}
        raise Invalid({"webhooks_of": text})
    return found


def _locked(actor: Actor, budget: Budget) -> Budget:
    rows = Budget.objects.select_for_update(of=("self",))
    row = rows.select_related("organisation", "project__organisation", "webhooks_of").get(
        pk=budget.pk
    )
    access.require_at(actor, row.organisation, row.project, _MAY)
    return row


def _save(budget: Budget) -> None:
    try:
        with transaction.atomic():
            budget.save()
    except IntegrityError as error:
        text = _("There is a budget called “%(name)s” already.") % {"name": budget.name}
        raise Invalid({"name": text}) from error


def _refuse_faults(budget: Budget) -> None:
    faults = rules.name_faults(budget.name) | rules.amount_faults(budget.amount)
    faults |= rules.threshold_faults(rules.read(budget.thresholds))
    if budget.scope == Budget.Scope.TAG:
        faults |= _tag_faults("tag", budget.tag_key, budget.tag_value)
    faults |= _tag_faults("pauses", budget.pause_key, budget.pause_value)
    if faults:
        raise Invalid(faults)


def _tag_faults(field: str, key: str, value: str) -> dict[str, str]:
    found = tag_faults({key: value})
    return {field: found["tags"]} if found else {}


def _shape(budget: Budget) -> Mapping[str, Any]:
    """For the audit trail."""
    return {
        "name": budget.name,
        "scope": budget.scope,
        "tag": f"{budget.tag_key}={budget.tag_value}" if budget.tag_key else "",
        "amount": f"{budget.amount:.2f}",
        "thresholds": [f"{t['kind']} {t['percent']} {t['action']}" for t in budget.thresholds],
        "pauses": f"{budget.pause_key}={budget.pause_value}",
        "webhooks_of": budget.webhooks_of.slug if budget.webhooks_of else "",
    }


def _record(
    actor: Actor, budget: Budget, verb: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    record(
        actor,
        verb,
        "budget",
        budget.public_id,
        chain=budget.organisation.slug,
        project=budget.project.slug if budget.project else "",
        before=before,
        after=after,
    )
