"""What the provider earns: by service, organisation, region and month, against what regions cost;
and what was used and is not invoiced.

The sums are those of the cost rollups that tenants' pages read: net of VAT, as billed, credits and
corrections included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation

from django.db import transaction
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils.translation import gettext as _

from billing.metering.plantime import month_bounds
from billing.models import CostRollup, InvoiceRun, RatedMonth, RegionCost
from billing.month_end.oversight import reason
from billing.month_end.runs import grace_until, unbilled
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy.models import Organisation
from portal.tenancy.oversight import require_staff
from services.regions.models import Region

GROUPS = {"offering": "offering", "organisation": "organisation", "region": "region"}
_MONTHS = 12
_LARGEST = Decimal(10) ** 11
_NOTHING = Decimal(0)
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Earned:
    """What a group (slug of an offering or organisation, code of a region; empty for what belongs
    to none) brought in a month, and in the month before.
    """

    group: str
    amount: Decimal
    before: Decimal

    @property
    def change(self) -> Decimal:
        return self.amount - self.before


@dataclass(frozen=True, slots=True)
class Margin:
    """Of a region in a month. `cost` is None until it is entered, and then so is `margin`."""

    region: str
    name: str
    revenue: Decimal
    cost: Decimal | None

    @property
    def margin(self) -> Decimal | None:
        return None if self.cost is None else self.revenue - self.cost

    @property
    def percent(self) -> Decimal | None:
        """Of the revenue, to a tenth."""
        if self.margin is None or not self.revenue:
            return None
        return round(self.margin / self.revenue * 100, 1)


@dataclass(frozen=True, slots=True)
class Unbilled:
    """Usage of a month that is over, and has no invoice. `why` is empty while nobody tried."""

    organisation: Organisation
    month: date
    amount: Decimal
    in_grace: bool
    why: str


def earned(actor: Actor, month: date, group_by: str) -> list[Earned]:
    """Dearest first; one query. `group_by` is a key of `GROUPS`. Raises: NotPermitted."""
    require_staff(actor)
    start, end = month_bounds(month)
    before = month_bounds(month - timedelta(days=1))[0].date()
    column = "organisation__slug" if group_by == "organisation" else GROUPS[group_by]
    within = Q(day__gte=start.date())
    rows = CostRollup.objects.filter(day__gte=before, day__lt=end.date()).values_list(column)
    listed = rows.annotate(
        now=Sum("billed_cost", filter=within), then=Sum("billed_cost", filter=~within)
    )
    found = [Earned(group or "", now or _NOTHING, then or _NOTHING) for group, now, then in listed]
    return sorted(found, key=lambda row: (-row.amount, -row.before, row.group))


def by_month(actor: Actor, last: date) -> dict[date, Decimal]:
    """The twelve months that end with `last`, oldest first, those without revenue left out."""
    require_staff(actor)
    first = date(last.year - 1, last.month, 1) + timedelta(days=31)
    rows = CostRollup.objects.filter(
        day__gte=first.replace(day=1), day__lt=month_bounds(last)[1].date()
    )
    listed = rows.annotate(month=TruncMonth("day")).values_list("month")
    return dict(listed.annotate(Sum("billed_cost")).order_by("month"))


def margins(actor: Actor, month: date) -> list[Margin]:
    """All regions by name, and last what belongs to none, if there is any."""
    revenue = {row.group: row.amount for row in earned(actor, month, "region")}
    costs = dict(RegionCost.objects.filter(month=month).values_list("region", "amount"))
    named = dict(Region.objects.order_by("name").values_list("code", "name"))
    codes = [*named, *sorted(code for code in {*revenue, *costs} if code not in named)]
    found = [
        Margin(code, named.get(code, code), revenue.get(code, _NOTHING), costs.get(code))
        for code in codes
    ]
    return [one for one in found if one.region or one.revenue]


@transaction.atomic
def enter_region_cost(*, actor: Actor, month: date, region: str, amount: str) -> RegionCost | None:
    """What a region cost, in whole cents; an empty `amount` takes the entry back.

    Raises: NotPermitted; Invalid for an unknown region, a month to come, or what is no amount.
    """
    require_staff(actor)
    first = month.replace(day=1)
    if first > clock.now().date():
        raise Invalid({"month": _("This month has not begun.")})
    if not Region.objects.filter(code=region).exists():
        raise Invalid({"region": _("There is no region “%(code)s”.") % {"code": region}})
    known = RegionCost.objects.select_for_update().filter(month=first, region=region).first()
    before = {"amount": f"{known.amount:f}"} if known else {}
    made = None
    if amount.strip():
        values = {"amount": _amount(amount), "entered_at": clock.now()}
        made, _new = RegionCost.objects.update_or_create(
            month=first, region=region, defaults=values
        )
    elif known:
        known.delete()
    record(
        actor,
        "region_cost.enter",
        "region",
        region,
        chain=PROVIDER,
        before=before,
        after={"month": f"{first:%Y-%m}", "amount": f"{made.amount:f}" if made else ""},
    )
    return made


def _amount(text: str) -> Decimal:
    said = _("Give an amount in euro and cents, as in 1234.50.")
    try:
        amount = Decimal(text.strip().replace(",", "."))
    except InvalidOperation as error:
        raise Invalid({"amount": said}) from error
    if not amount.is_finite() or not 0 <= amount < _LARGEST or amount != round(amount, 2):
        raise Invalid({"amount": said})
    return amount.quantize(_CENT)


# -- what is not invoiced --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many organisation-months wait: to be rated, and closed ones to be corrected; and since
    when the longest has.
    """

    due: int
    late: int
    since: datetime | None


def waiting(actor: Actor) -> Waiting:
    """Raises: NotPermitted."""
    require_staff(actor)
    rows = RatedMonth.objects.filter(due_since__isnull=False).aggregate(
        due=Count("pk", filter=Q(closed_at=None)),
        late=Count("pk", filter=Q(closed_at__isnull=False)),
        since=Min("due_since"),
    )
    return Waiting(**rows)


def unbilled_usage(actor: Actor, *, most: int = 100) -> list[Unbilled]:
    """Of months that are over, the oldest first, dearest first within. Raises: NotPermitted."""
    require_staff(actor)
    this = clock.now().date().replace(day=1)
    rows = RatedMonth.objects.filter(closed_at=None, month__lt=this, lines__gt=0)
    found: list[Unbilled] = []
    for month in rows.order_by("month").values_list("month", flat=True).distinct():
        found += _unbilled_of(month)
        if len(found) >= most:
            break
    return found[:most]


def _unbilled_of(month: date) -> list[Unbilled]:
    start, end = month_bounds(month)
    rows = CostRollup.objects.filter(
        organisation__in=unbilled(month).values("organisation"),
        day__gte=start.date(),
        day__lt=end.date(),
    )
    sums = dict(rows.values_list("organisation").annotate(Sum("billed_cost")))
    last = InvoiceRun.objects.filter(month=month).order_by("-pk").first()
    held_up = last.held_up if last else {}
    in_grace = clock.now() < grace_until(month)
    found = [
        Unbilled(
            organisation,
            month,
            sums[organisation.pk],
            in_grace,
            reason(why) if (why := held_up.get(organisation.slug)) else "",
        )
        for organisation in Organisation.objects.filter(pk__in=sums)
    ]
    return sorted(found, key=lambda row: (-row.amount, row.organisation.slug))
