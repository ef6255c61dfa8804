"""Orders that a budget lets through only when somebody approves: asked for, approved, refused.

The order waits as plain data; nothing is reserved and nothing runs before it is approved. It is
then placed as whoever asked, with the rights and at the price of that moment.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from billing.budgets import gates
from billing.models import Order
from billing.orders import ordering
from portal.audit.actions import record
from portal.kernel import clock, ids
from portal.kernel.actor import Actor
from portal.kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from portal.outbox.actions import notify
from portal.tenancy import access
from portal.tenancy.models import Project
from portal.tenancy.permissions import Permission
from services import registry
from services.instances import admission
from services.instances.admission import Wanted
from services.instances.models import Operation
from services.regions import queries as regions

_State = Order.State
MOST_WAITING = 50
_KEPT = ("name", "plan", "version", "parameters", "tags", "protected")
_LATER = {"spot": False}  # what orders of before do not name
_WHO = ("kind", "id", "name", "user_id", "service_account_id")


@transaction.atomic
def ask_to_order(*, actor: Actor, wanted: Wanted) -> Order:
    """Keeps what `place_order` refused with ApprovalNeeded until somebody decides; asking again
    under the same name replaces what was asked. Raises: NotPermitted, Invalid, Conflict.
    """
    project = wanted.project
    access.require(actor, project, Permission.INSTANCE_CREATE)
    admitted = admission.admit_order(wanted)
    price = ordering.price_of(wanted, admitted.plan)
    Project.objects.select_for_update().get(pk=project.pk)
    _withdraw_same(project, wanted.name)
    order = Order.objects.create(
        public_id=ids.public_id("or"),
        organisation=project.organisation,
        project=project,
        kind="create",
        state=_State.AWAITING_APPROVAL,
        quote=price.as_json(),
        request={
            "offering": wanted.entry.offering.slug,
            "region": wanted.region.code,
            "name": wanted.name,
            "plan": admitted.plan.id,
            "version": admitted.version,
            "parameters": dict(wanted.parameters),
            "tags": dict(wanted.tags),
            "protected": wanted.protected,
            "spot": wanted.spot,
            "actor": {field: getattr(actor, field) for field in _WHO},
        },
        requested_by=actor.name,
    )
    _tell(order, "order.awaiting", actor)
    _record(actor, order, "order.ask")
    return order


@transaction.atomic
def approve_order(*, actor: Actor, order: Order) -> Operation:
    """Places it. Raises: NotPermitted, Conflict when it was decided or can no longer be placed,
    QuotaExceeded, BudgetExceeded when it is beyond the free tier by now or a budget refuses it.
    """
    row = _locked(actor, order)
    asker = Actor(**row.request["actor"])
    try:
        operation = _place(actor, row, asker)
    except (NotFound, NotPermitted) as error:
        text = _("Whoever ordered it may no longer order there.")
        raise Conflict(text, hint=_("Refuse it, and order it yourself."), code="ended") from error
    except Invalid as error:
        raise Conflict(error.said, hint=_("Refuse it, and have it ordered anew.")) from error
    row.instance, row.operation, row.state = operation.instance, operation, _State.PLACED
    _decide(actor, row, "order.approve")
    return operation


@transaction.atomic
def refuse_order(*, actor: Actor, order: Order, reason: str = "") -> Order:
    """Raises: NotPermitted, Conflict when it was decided already."""
    row = _locked(actor, order)
    row.state = _State.REFUSED
    _decide(actor, row, "order.refuse", reason.strip()[:500])
    return row


def _place(approver: Actor, row: Order, asker: Actor) -> Operation:
    wanted = _wanted(row)
    access.require(asker, wanted.project, Permission.INSTANCE_CREATE)
    admitted = admission.admit_order(wanted)
    ordering.demand_tier(wanted, admitted.plan)
    price = ordering.price_of(wanted, admitted.plan)
    # What refuses an order refuses it whoever asks: approval answers only what asks for it.
    gates.demand(approver, wanted.project, wanted.tags, price.hourly.amount)
    row.quote = price.as_json()
    return ordering.create_admitted(actor=asker, wanted=wanted, admitted=admitted, price=price)


def _wanted(row: Order) -> Wanted:
    """What waits. Raises: NotFound where its offering or region is gone."""
    asked, project = row.request, row.project
    assert project is not None  # noqa: S101  # orders that wait have one
    return Wanted(
        project=project,
        entry=registry.get(asked["offering"]),
        region=regions.region(asked["region"]),
        **{field: asked[field] for field in _KEPT},
        **{field: asked.get(field, usual) for field, usual in _LATER.items()},
    )


def _locked(actor: Actor, order: Order) -> Order:
    rows = Order.objects.select_for_update(of=("self",)).select_related("project__organisation")
    row = rows.get(pk=order.pk)
    access.require_at(actor, row.organisation, row.project, Permission.BILLING_MANAGE)
    if row.state != _State.AWAITING_APPROVAL:
        raise Conflict(
            _("This order was decided already."),
            hint=_("Look at what became of it."),
            code="decided-already",
        )
    return row


def _withdraw_same(project: Project, name: str) -> None:
    rows = Order.objects.filter(project=project, state=_State.AWAITING_APPROVAL)
    rows.filter(request__name=name).update(state=_State.REFUSED, decided_at=clock.now())
    if rows.count() >= MOST_WAITING:
        raise Conflict(
            _("%(most)s orders wait for approval in this project already.")
            % {"most": MOST_WAITING},
            hint=_("Have some of them decided first."),
        )


def _decide(actor: Actor, row: Order, verb: str, reason: str = "") -> None:
    row.decided_by, row.decided_at = actor.name, clock.now()
    row.save()
    _tell(row, "order.approved" if row.state == _State.PLACED else "order.refused", actor, reason)
    _record(actor, row, verb, reason)


def _tell(row: Order, kind: str, actor: Actor, reason: str = "") -> None:
    notify(
        kind,
        organisation_id=row.organisation_id,
        project_id=row.project_id,
        target=row.public_id,
        params={
            "order": row.public_id,
            "name": row.request["name"],
            "offering": row.request["offering"],
            "plan": row.request["plan"],
            "by": actor.name,
            "reason": reason,
        },
        asked_by=row.requested_by,
    )


def _record(actor: Actor, row: Order, verb: str, reason: str = "") -> None:
    assert row.project is not None  # noqa: S101  # orders that wait have one
    after = {field: row.request[field] for field in ("name", "offering", "plan", "region")}
    record(
        actor,
        verb,
        "order",
        row.public_id,
        chain=row.organisation.slug,
        project=row.project.slug,
        after=after,
        reason=reason,
    )
