"""The pages of budgets: where each stands, what it says, what it would do, and the orders that wait
for approval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.budgets import actions, queries, rules, texts
from billing.budgets.rehearsal import Rehearsal, rehearse
from billing.budgets.rules import DEFAULTS, Threshold
from billing.budgets.standing import Standing
from billing.outlook.queries import outlook_for
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import access
from portal.tenancy.models import Organisation
from portal.tenancy.permissions import Permission
from services import registry

if TYPE_CHECKING:
    from billing.models import Budget, Order

_P = Permission
_EMPTY_ROWS = 2
_WHOLE, _TAG, _PROJECT = "organisation", "tag", "project:"
_ZERO = Decimal(0)
_ROOM = Decimal("1.5")


@dataclass(frozen=True, slots=True)
class Row:
    """A budget as a row: where it stands, and what is next."""

    standing: Standing
    place: str
    url: str
    hardest: str

    @property
    def budget(self) -> Budget:
        return self.standing.budget


def listing(actor: Actor, organisation: Organisation) -> dict[str, Any]:
    """Context of console/budgets.html. Raises: nothing for who sees no costs: the list is empty."""
    held = access.permissions_in_organisation(actor, organisation)
    rows = list(queries.budgets_for(actor, organisation).order_by("name"))
    manages = _P.BILLING_MANAGE in held
    return {
        "organisation": organisation,
        "rows": [_row(one) for one in queries.standings_of(rows)],
        "waiting": [_waiting(one) for one in queries.awaiting_for(actor, organisation)],
        "may_manage": manages or bool(_projects(actor, organisation)),
        "may_decide": manages,
    }


def _row(standing: Standing) -> Row:
    budget = standing.budget
    reached = [one.action for one in standing.reached()]
    hardest = max(reached, key=rules.ACTIONS.index, default="")
    url = reverse("console:budget", args=[budget.public_id])
    return Row(standing, place_of(budget), url, "" if hardest == "notify" else hardest)


def place_of(budget: Budget) -> str:
    """What it is for, in words."""
    if budget.scope == budget.Scope.PROJECT and budget.project is not None:
        return _("Project %(name)s") % {"name": budget.project.name}
    if budget.scope == budget.Scope.TAG:
        return _("Tag %(tag)s") % {"tag": f"{budget.tag_key}={budget.tag_value}"}
    return _("The whole organisation")


def _waiting(order: Order) -> dict[str, Any]:
    asked = order.request
    entry = registry.entries().get(asked["offering"])
    return {
        "order": order,
        "name": asked["name"],
        "offering": entry.offering.name if entry else asked["offering"],
        "plan": asked["plan"],
        "monthly": Decimal(order.quote["monthly_estimate"]),
    }


def one(
    actor: Actor,
    budget: Budget,
    typed: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/budget.html: where it stands, and its form."""
    standing = queries.standings_of([budget])[0]
    may = _P.BILLING_MANAGE in access.permissions_at(actor, budget.organisation, budget.project)
    alerts = [
        {"alert": alert, "kind": texts.kind_label(alert.kind), "action": alert.action}
        for alert in queries.alerts_of(standing)
    ]
    context = {"row": _row(standing), "budget": budget, "alerts": alerts, "may_manage": may}
    hearing = [] if budget.project_id else _hearing(budget.organisation)
    return context | {"hearing": hearing} | _fields(typed or stored(budget), errors)


def new(
    actor: Actor,
    organisation: Organisation,
    typed: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/budget_new.html."""
    projects = _projects(actor, organisation)
    whole = _P.BILLING_MANAGE in access.permissions_in_organisation(actor, organisation)
    places = [
        *(_everywhere() if whole else []),
        *((f"{_PROJECT}{slug}", _("Project %(name)s") % {"name": n}) for slug, n in projects),
    ]
    context = {
        "organisation": organisation,
        "places": places,
        "hearing": _hearing(organisation) if whole else [],
    }
    return context | _fields(typed or _fresh(actor, organisation), errors)


def _hearing(organisation: Organisation) -> list[tuple[str, str]]:
    """Projects whose webhooks can hear of a budget that is for none."""
    rows = organisation.projects.filter(archived_at=None).order_by("name")
    return list(rows.values_list("slug", "name"))


def _everywhere() -> list[tuple[str, str]]:
    return [(_WHOLE, _("The whole organisation")), (_TAG, _("What carries a tag"))]


def rehearsal(budget: Budget) -> dict[str, Any]:
    """Context of console/budget_rehearsal.html."""
    found: Rehearsal = rehearse(budget)
    steps = [
        {
            "step": step,
            "kind": texts.kind_label(step.threshold.kind),
            "action": texts.action_label(step.threshold.action),
        }
        for step in found.steps
    ]
    pausing = any(s.threshold.action == "pause" for s in found.steps)
    return {
        "row": _row(found.standing),
        "budget": budget,
        "found": found,
        "steps": steps,
        "pausing": pausing,
        "tag": f"{budget.pause_key}={budget.pause_value}",
    }


# -- the form --------------------------------------------------------------------------------------


def _fresh(actor: Actor, organisation: Organisation) -> dict[str, Any]:
    """Half as much again as this month is expected to cost, in whole euros. One query."""
    expected = outlook_for(actor, organisation).forecast.expected
    amount = (expected * _ROOM).to_integral_value(ROUND_CEILING)
    rows = [(one.kind, str(one.percent), one.action) for one in DEFAULTS]
    return {
        "name": "",
        "place": _WHOLE,
        "tag": "",
        "amount": f"{amount or ''}",
        "pauses": "env=dev",
        "webhooks_of": "",
        "rows": rows,
    }


def stored(budget: Budget) -> dict[str, Any]:
    """What the form of a budget holds before anybody types."""
    found = rules.read(budget.thresholds)
    return {
        "name": budget.name,
        "amount": f"{budget.amount:f}",
        "pauses": f"{budget.pause_key}={budget.pause_value}",
        "webhooks_of": budget.webhooks_of.slug if budget.webhooks_of else "",
        "rows": [(one.kind, str(one.percent), one.action) for one in found],
    }


def typed_in(data: QueryDict) -> dict[str, Any]:
    """What a form sent, faults included."""
    columns = [data.getlist(name) for name in ("kind", "percent", "action")]
    rows = [row for row in zip(*columns, strict=False) if row[1].strip()]
    names = ("name", "place", "tag", "amount", "pauses", "webhooks_of")
    return {name: data.get(name, "").strip().replace("\0", "") for name in names} | {"rows": rows}


def _fields(typed: Mapping[str, Any], errors: Mapping[str, str] | None) -> dict[str, Any]:
    rows = [*typed["rows"], *[("actual", "", "notify")] * _EMPTY_ROWS]
    return {
        "typed": typed,
        "errors": errors or {},
        "threshold_rows": rows[: rules.MOST_THRESHOLDS],
        "kinds": [(kind, texts.kind_label(kind)) for kind in rules.KINDS],
        "action_choices": [(act, texts.action_label(act)) for act in rules.ACTIONS],
    }


def create(actor: Actor, organisation: Organisation, typed: Mapping[str, Any]) -> Budget:
    """Raises: Invalid, NotPermitted, Conflict."""
    place = typed["place"]
    project = None
    if place.startswith(_PROJECT):
        project = access.project(actor, place.removeprefix(_PROJECT), _P.BILLING_MANAGE)
    elif place not in (_WHOLE, _TAG):
        raise Invalid({"place": _("Choose what the budget is for.")})
    return actions.create_budget(
        actor=actor,
        organisation=organisation,
        name=typed["name"],
        amount=_amount(typed["amount"]),
        project=project,
        tag=_tag(typed["tag"], "tag") if place == _TAG else None,
        thresholds=_thresholds(typed["rows"]),
        pauses=_tag(typed["pauses"], "pauses"),
        webhooks_of=typed["webhooks_of"],
    )


def change(actor: Actor, budget: Budget, typed: Mapping[str, Any]) -> Budget:
    """Raises: Invalid, NotPermitted."""
    return actions.update_budget(
        actor=actor,
        budget=budget,
        name=typed["name"],
        amount=_amount(typed["amount"]),
        thresholds=_thresholds(typed["rows"]),
        pauses=_tag(typed["pauses"], "pauses"),
        webhooks_of=typed["webhooks_of"],
    )


def _amount(text: str) -> Decimal:
    """Zero for what is no number: the action says what is wrong with that."""
    try:
        found = Decimal(text.replace(",", ".") if text.count(",") == 1 else text)
    except InvalidOperation:
        return _ZERO
    return found if found.is_finite() else _ZERO


def _tag(text: str, field: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise Invalid({field: _("Write the tag as KEY=VALUE.")})
    return key.strip(), value.strip()


def _thresholds(rows: list[tuple[Any, str, Any]]) -> list[Threshold]:
    """A percentage that is no number becomes one that the action refuses."""
    return [
        Threshold(kind, int(percent) if percent.strip().isdecimal() else 0, action)
        for kind, percent, action in rows
    ]


def _projects(actor: Actor, organisation: Organisation) -> list[tuple[str, str]]:
    """Those for which the actor may make budgets."""
    rows = access.projects(actor, _P.BILLING_MANAGE).filter(organisation=organisation)
    return list(rows.order_by("name").values_list("slug", "name"))
