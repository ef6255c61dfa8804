"""The only door for changes that cost money: create, plan, version, resume, undelete.

Each writes an Order with the price it was placed at, in one transaction with the operation it
opens. A preview says what an order would cost and mean, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing.budgets import gates
from billing.budgets.gates import Gate
from billing.free_tier import allowances as free_tier
from billing.models import Order
from billing.pricebook.pricing import Quote
from billing.pricebook.queries import quote_for
from portal.kernel import ids
from portal.kernel.actor import Actor
from portal.kernel.errors import ApprovalNeeded, Invalid
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import actions, admission, previews, spare
from services.instances.admission import Admitted, Wanted
from services.instances.models import Instance, Operation
from services.instances.specs import entry_of, needs_of, needs_of_order
from services.parameters import clean
from services.regions import queries as regions
from services.regions import quota
from services.regions.models import Quota
from services.regions.queries import QuotaLine
from services.spec import Effect, Entry, Plan

_NO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an order would cost and mean. `faults` (field → message) says why it would be refused as
    it is, `gates` how much of which budgets it would use, the hardest first.
    """

    quote: Quote
    quota: list[QuotaLine]
    effect: Effect = "none"
    before: Quote | None = None
    destroys: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    gates: list[Gate] = field(default_factory=list)

    @property
    def within_quota(self) -> bool:
        return all(line.enough for line in self.quota)


@transaction.atomic
def place_order(*, actor: Actor, wanted: Wanted) -> Operation:
    """Orders a service.

    Raises: NotPermitted, Invalid (every fault at once), QuotaExceeded, BudgetExceeded,
    ApprovalNeeded, Unavailable without a price.
    """
    access.require(actor, wanted.project, Permission.INSTANCE_CREATE)
    admitted = admission.admit_order(wanted)
    price = price_of(wanted, admitted.plan)
    demand_tier(wanted, admitted.plan)
    gates.demand(actor, wanted.project, wanted.tags, price.hourly.amount)
    operation = create_admitted(actor=actor, wanted=wanted, admitted=admitted, price=price)
    _keep(actor, operation, price)
    return operation


def price_of(wanted: Wanted, plan: Plan) -> Quote:
    """Raises: Unavailable without a price."""
    offering, organisation = wanted.entry.offering, wanted.project.organisation
    return quote_for(offering, plan, wanted.region.code, organisation, spot=wanted.spot)


def demand_tier(wanted: Wanted, plan: Plan) -> None:
    """Raises: BudgetExceeded for what the free tier does not give."""
    organisation, offering = wanted.project.organisation, wanted.entry.offering
    free_tier.demand_plan(organisation, wanted.region, offering, plan, spot=wanted.spot)


def create_admitted(*, actor: Actor, wanted: Wanted, admitted: Admitted, price: Quote) -> Operation:
    """What was admitted and priced, made; for `place_order` and `billing.orders.approvals` only."""
    return actions.create(
        actor=actor,
        wanted=wanted,
        admitted=admitted,
        price_hourly=price.hourly.amount,
        currency=price.currency,
    )


@transaction.atomic
def change_order(
    *,
    actor: Actor,
    instance: Instance,
    plan: str | None = None,
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Operation:
    """Another plan, version or other parameters. Raises: NotPermitted, Invalid, Conflict,
    QuotaExceeded; BudgetExceeded and ApprovalNeeded for what costs more.
    """
    access.require(actor, instance.project, Permission.INSTANCE_UPDATE)
    price = _price_on(instance, plan or instance.plan)
    if price is not None:
        if plan and plan != instance.plan:
            _demand_free(instance, plan)
        more = price.hourly.amount - (instance.price_hourly or Decimal(0))
        gates.demand(actor, instance.project, instance.tags, more)
    operation = actions.update(
        actor=actor,
        instance=instance,
        plan=plan,
        version=version,
        parameters=parameters,
        price_hourly=price.hourly.amount if price else None,
    )
    if price is not None:
        _keep(actor, operation, price)
    return operation


@transaction.atomic
def resume_order(*, actor: Actor, instance: Instance) -> Operation:
    """Starts a paused service; compute is billed again once it runs. Raises: NotPermitted,
    Conflict, BudgetExceeded.
    """
    _demand_again(actor, instance)
    return _again(actor, instance, actions.resume(actor=actor, instance=instance))


@transaction.atomic
def undelete_order(*, actor: Actor, instance: Instance) -> Operation:
    """Brings a service out of the bin. Raises: NotPermitted, Conflict, Gone, QuotaExceeded,
    BudgetExceeded.
    """
    _demand_again(actor, instance)
    return _again(actor, instance, actions.undelete(actor=actor, instance=instance))


def _demand_again(actor: Actor, instance: Instance) -> None:
    """What ran before needs no approval; a budget that refuses, refuses it too."""
    access.require(actor, instance.project, Permission.INSTANCE_UPDATE)
    price = _price_on(instance, instance.plan)
    _demand_free(instance, instance.plan)
    try:
        gates.demand(actor, instance.project, instance.tags, price.hourly.amount if price else _NO)
    except ApprovalNeeded:
        return


def _demand_free(instance: Instance, plan_id: str) -> None:
    """Raises: BudgetExceeded for what the free tier does not give."""
    offering = entry_of(instance).offering
    free_tier.demand_plan(
        instance.project.organisation, instance.region, offering, offering.plan(plan_id), instance
    )


def _again(actor: Actor, instance: Instance, operation: Operation) -> Operation:
    price = _price_on(instance, instance.plan)
    if price is not None:
        _keep(actor, operation, price)
    return operation


def _price_on(instance: Instance, plan_id: str) -> Quote | None:
    """None for a plan that does not exist: the admission says so, field by field."""
    offering = entry_of(instance).offering
    try:
        plan = offering.plan(plan_id)
    except KeyError:
        return None
    where, organisation = instance.region.code, instance.project.organisation
    return quote_for(offering, plan, where, organisation, spot=instance.spot)


def _keep(actor: Actor, operation: Operation, price: Quote) -> Order:
    return Order.objects.create(
        public_id=ids.public_id("or"),
        organisation=operation.instance.project.organisation,
        instance=operation.instance,
        operation=operation,
        kind=operation.kind,
        quote=price.as_json(),
        requested_by=actor.name,
    )


# -- before the click ------------------------------------------------------------------------------


def preview_order(*, actor: Actor, wanted: Wanted) -> Preview:
    """What `place_order` would do. Raises: NotPermitted."""
    project, entry, region = wanted.project, wanted.entry, wanted.region
    access.require(actor, project, Permission.INSTANCE_CREATE)
    faults: dict[str, str] = {}
    try:
        admission.admit_order(wanted)
    except Invalid as error:
        faults = error.fields
    chosen = _plan_or_default(wanted)
    if fault := free_tier.fault_of(
        project.organisation, region, entry.offering, chosen, spot=wanted.spot
    ):
        faults = {"plan": f"{fault} {free_tier.way_out()}", **faults}
    price = price_of(wanted, chosen)
    version = admission.version_in(entry, region, wanted.version)
    values = _cleaned(entry, wanted.parameters)
    needs = needs_of_order(entry, project, region, chosen, version, values)
    if wanted.spot and not spare.has_room(region, needs.get(Quota.Name.VCPU.value, _NO)):
        faults.setdefault("spot", f"{spare.no_room(region)} {spare.way_out()}")
    return Preview(
        price,
        regions.quota_left(project, region, needs),
        faults=faults,
        gates=gates.gates_for(project, wanted.tags, price.hourly.amount),
    )


def _plan_or_default(wanted: Wanted) -> Plan:
    plans = {p.id: p for p in wanted.entry.offering.plans}
    chosen = plans.get(wanted.plan or "")
    return chosen or plans[admission.default_plan(wanted.entry, wanted.region)]


def preview_change(
    *,
    actor: Actor,
    instance: Instance,
    plan: str | None = None,
    version: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Preview:
    """What `change_order` with the same words would do. Raises: NotPermitted."""
    access.require(actor, instance.project, Permission.INSTANCE_UPDATE)
    entry, faults = entry_of(instance), dict[str, str]()
    effect: Effect = "none"
    try:
        admitted = admission.admit_change(
            instance, entry, plan=plan, version=version, raw_parameters=parameters
        )
    except Invalid as error:
        faults = error.fields
    else:
        effect = previews.effect_of(
            instance,
            plan=admitted.plan,
            version=admitted.version,
            parameters=admitted.parameters,
        )
    known = {p.id: p for p in entry.offering.plans}
    chosen = known.get(plan or instance.plan) or known[instance.plan]
    if chosen.id != instance.plan:
        faults = _free_faults(instance, chosen) | faults
    organisation, code = instance.project.organisation, instance.region.code
    values = _cleaned(entry, parameters or {}, instance.parameters)
    runs = {v.id for v in entry.versions(instance.region.backend)}
    asked = version if version in runs else instance.version
    changed = {"plan": chosen.id, "version": asked, "parameters": values}
    wanted = needs_of(instance, changed)
    more = _more(wanted, quota.read(instance.reserved))
    price = quote_for(entry.offering, chosen, code, organisation, spot=instance.spot)
    before = quote_for(entry.offering, known[instance.plan], code, organisation, spot=instance.spot)
    dearer = price.hourly.amount - before.hourly.amount
    return Preview(
        price,
        regions.quota_left(instance.project, instance.region, more),
        effect,
        before=before,
        faults=faults,
        gates=gates.gates_for(instance.project, instance.tags, dearer) if dearer > 0 else [],
    )


def _free_faults(instance: Instance, plan: Plan) -> dict[str, str]:
    offering, organisation = entry_of(instance).offering, instance.project.organisation
    fault = free_tier.fault_of(organisation, instance.region, offering, plan, instance)
    return {"plan": f"{fault} {free_tier.way_out()}"} if fault else {}


def _cleaned(
    entry: Entry, raw: Mapping[str, Any], current: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What was chosen, or how it is where that is wrong: the faults are told elsewhere."""
    try:
        return clean(entry.offering, raw, current=current)
    except Invalid:
        return dict(current) if current else clean(entry.offering, {})


def _more(wanted: Mapping[str, Decimal], held: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {n: max(v - held.get(n, Decimal(0)), Decimal(0)) for n, v in wanted.items()}


def forget_person(name: str) -> None:
    """Orders no longer say that this person placed or decided them, and what still waited is
    refused. Call it within a transaction.
    """
    waiting = Order.objects.filter(requested_by=name, state=Order.State.AWAITING_APPROVAL)
    waiting.update(state=Order.State.REFUSED)
    Order.objects.filter(requested_by=name).update(requested_by="", request={})
    Order.objects.filter(decided_by=name).update(decided_by="")
