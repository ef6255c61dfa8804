"""The free tier: what an organisation without billing details may use, and no more.

With POLDER_FREE_TIER=on, an organisation that has not said who pays is free: it may use what the
price list gives away each month (`free` and `free_for` in `billing/prices`), nothing else. Orders
beyond that are refused, and so is what could go beyond and cannot be paused where it would run;
what is used up is paused (`billing.free_tier.watch`). Billing details end
all of this at once. What has no allowance and ran before the switch goes on.

Source: shared design, billing 2 (column "Free").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Sum
from django.utils.translation import gettext as _

from billing.identity.queries import identity_of
from billing.metering.plantime import month_bounds
from billing.models import UsageRecord
from billing.pricebook import queries
from billing.pricebook.classes import class_label
from billing.pricebook.meters import METERS, base_units
from billing.pricebook.pricing import held_by
from billing.pricebook.texts import meter_label
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import BudgetExceeded
from portal.kernel.money import HOURS_PER_MONTH
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services import registry
from services.instances import opening
from services.instances.models import Instance
from services.spec import Capability

if TYPE_CHECKING:
    from billing.models import Price
    from portal.tenancy.models import Organisation
    from services.regions.models import Region
    from services.spec import Offering, Plan

CODE = "free-tier-exceeded"
_DEV = "dev"
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Left:
    """One allowance of the month: `free` and `used` in units of its price. `free_for` names who may
    draw on it; empty: everybody.
    """

    price_class: str
    meter: str
    unit: str
    free_for: str
    free: Decimal
    used: Decimal

    @property
    def percent(self) -> Decimal:
        return self.used / self.free * 100

    @property
    def is_used_up(self) -> bool:
        return self.used >= self.free


def is_free(organisation: Organisation) -> bool:
    """Whether it uses the free tier: there is one, and it has no billing details."""
    return bool(settings.POLDER_FREE_TIER) and identity_of(organisation) is None


def allowances_for(actor: Actor, organisation: Organisation) -> list[Left] | None:
    """What is left of the month, by class and meter; None for who pays. Raises: NotPermitted."""
    access.require_in_organisation(actor, organisation, Permission.COST_VIEW)
    return allowances_of(organisation) if is_free(organisation) else None


def allowances_of(organisation: Organisation, month: date | None = None) -> list[Left]:
    """All allowances and how much of each is used. One query, where prices are known."""
    start, end = month_bounds(month or clock.now().date())
    seconds = (end - start) // timedelta(seconds=1)
    used = {
        (price_class, meter, allowance): quantity
        for price_class, meter, allowance, quantity in UsageRecord.objects.filter(
            organisation=organisation,
            day__gte=start.date(),
            day__lt=end.date(),
            spot_factor=None,
        )
        .values_list("price_class", "meter", "allowance")
        .annotate(Sum("quantity"))
    }
    found = []
    for price in _given():
        drawn = sum(
            quantity
            for (price_class, meter, allowance), quantity in used.items()
            if (price_class, meter) == (price.price_class, price.meter)
            and price.free_for in ("", allowance)
        )
        size = base_units(price.unit, seconds)
        name = (price.price_class, price.meter, price.unit, price.free_for)
        found.append(Left(*name, price.free_quantity, Decimal(drawn) / size))
    return found


def demand_plan(
    organisation: Organisation,
    region: Region,
    offering: Offering,
    plan: Plan,
    instance: Instance | None = None,
    *,
    spot: bool = False,
) -> None:
    """Refuses what the free tier does not give; `instance` is what has the plan already, or
    changes to it; `spot`: on spare capacity. Nothing for who pays. Raises: BudgetExceeded.
    """
    if fault := fault_of(organisation, region, offering, plan, instance, spot=spot):
        raise BudgetExceeded(fault, hint=way_out(), code=CODE)


def fault_of(
    organisation: Organisation,
    region: Region,
    offering: Offering,
    plan: Plan,
    instance: Instance | None = None,
    *,
    spot: bool = False,
) -> str:
    """Why a plan is beyond the free tier; empty when it is not."""
    if not is_free(organisation):
        return ""
    if spot or (instance is not None and instance.spot):
        return _("Spare capacity is not part of the free tier.")
    given = {price.meter: price for price in _given(offering.price_class)}
    prices = queries.prices_of(offering.price_class, "")
    needed = {
        meter: amount
        for meter, amount in held_by(offering, plan).items()
        if amount and (meter not in prices or Decimal(prices[meter].tiers[0]["unit_price"]))
    }
    words = {"plan": plan.id, "offering": offering.name}
    if any(not _draws(given.get(meter), plan.id) for meter in needed):
        return _("%(offering)s %(plan)s is not part of the free tier.") % words
    held = _held(organisation, offering, instance)
    for meter, amount in needed.items():
        month, before = (amount + held.get(meter, _NOTHING)) * HOURS_PER_MONTH, held.get(meter)
        must_fit = METERS[meter].is_stored or before
        if must_fit and month > given[meter].free_quantity:
            return (
                _("%(offering)s %(plan)s is more than the free tier gives, with what you have.")
                % words
            )
    if _may_run_over(offering, plan, held) and not _can_pause(offering, region):
        return _(
            "%(offering)s cannot be paused in %(region)s when the free tier is used up, so it is "
            "not part of it there."
        ) % {"offering": offering.name, "region": region.name}
    for left in allowances_of(organisation):
        if left.price_class == offering.price_class and left.is_used_up:
            return _("The free tier of this month is used up for %(what)s.") % {
                "what": what_of(left)
            }
    return ""


def _may_run_over(offering: Offering, plan: Plan, others: Mapping[str, Decimal]) -> bool:
    """Whether a month of it, beside the `others`, can use more than is given away. What is stored
    is no matter: that stays when a service is paused, too.
    """
    given = {price.meter: price for price in _given(offering.price_class)}
    holds = held_by(offering, plan)
    for meter, price in queries.prices_of(offering.price_class, "").items():
        if METERS[meter].is_stored or not any(Decimal(t["unit_price"]) for t in price.tiers):
            continue
        if not (amount := holds.get(meter)):  # as much as is used of it
            return True
        month = (amount + others.get(meter, _NOTHING)) * HOURS_PER_MONTH
        if meter not in given or month > given[meter].free_quantity:
            return True
    return False


def _can_pause(offering: Offering, region: Region) -> bool:
    able = opening.capabilities_in(registry.get(offering.slug), region)
    return Capability.PAUSE in able


def way_out() -> str:
    """What can be done about it."""
    return _(
        "Give billing details under Organisations to pay for what you use, or wait for next month."
    )


def what_of(left: Left) -> str:
    """`PostgreSQL: vCPU`"""
    return f"{class_label(left.price_class)}: {meter_label(left.meter)}"


def _given(price_class: str = "") -> list[Price]:
    """The prices that give something away each month, in the order of class and meter."""
    now = clock.now()
    rows = [
        row
        for row in queries.book()
        if row.holds(now)
        and row.free_quantity
        and not row.region
        and row.free_for in ("", _DEV)
        and (not price_class or row.price_class == price_class)
    ]
    return sorted(rows, key=lambda row: (row.price_class, row.meter))


def _draws(price: Price | None, plan_id: str) -> bool:
    """Whether a plan may draw on an allowance."""
    return price is not None and (not price.free_for or plan_id.startswith("dev-"))


def _held(
    organisation: Organisation, offering: Offering, but: Instance | None
) -> Mapping[str, Decimal]:
    """What its other services hold of the same class, by meter."""
    rows = Instance.objects.filter(project__organisation=organisation, deleted_at=None, spot=False)
    if but is not None:
        rows = rows.exclude(pk=but.pk)
    sums: dict[str, Decimal] = {}
    for slug, plan_id in rows.values_list("offering", "plan"):
        entry = registry.entries().get(slug)
        if entry is not None and entry.offering.price_class == offering.price_class:
            for meter, amount in held_by(entry.offering, entry.offering.plan(plan_id)).items():
                sums[meter] = sums.get(meter, _NOTHING) + amount
    return sums
