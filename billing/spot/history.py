"""What spare capacity cost, costs and will cost: kept as it is said, never back in time.

What is said holds from the next full hour on at the earliest, so that no hour that has begun
changes its price, and metering the same hour again finds the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from billing.models import Price, SpotFactor
from billing.spot import books
from billing.spot.factors import Said, Timeline, fault_of, floor, next_hour
from portal.audit.actions import PROVIDER, record
from portal.kernel import clock
from portal.kernel.errors import Conflict, Invalid, Unavailable
from portal.tenancy.oversight import require_staff
from services import registry

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from portal.kernel.actor import Actor

_FRESH_NANOSECONDS = 30 * 10**9  # less than a factor is said ahead
_HUNDRED = Decimal(100)


@dataclass
class _Remembered:
    timeline: Timeline | None = None
    read_at: int = 0


_remembered = _Remembered()


def timeline(*, fresh: bool = False) -> Timeline:
    """All factors; this process reads them again every half minute, or at once."""
    known = _remembered.timeline
    if fresh or known is None or time.monotonic_ns() - _remembered.read_at > _FRESH_NANOSECONDS:
        known = _remembered.timeline = Timeline(_said())
        _remembered.read_at = time.monotonic_ns()
    return known


def forget_factors() -> None:
    _remembered.timeline = None


def factor_at(region: str, price_class: str, at: datetime | None = None) -> Decimal:
    """Raises: Unavailable when the price files were not loaded."""
    try:
        return timeline().at(region, price_class, at or clock.now())
    except KeyError as error:
        raise Unavailable(
            _("Spare capacity has no price yet, so it cannot be ordered."),
            hint=_("Staff must load the price files (manage.py load_prices)."),
            code="no-price",
        ) from error


def factors(*, region: str | None = None, price_class: str | None = None) -> QuerySet[SpotFactor]:
    """What was said, newest first: of one region, or one price class, with what is said of all."""
    rows = SpotFactor.objects.order_by("-at", "region", "price_class")
    if region is not None:
        rows = rows.filter(region__in=["", region])
    if price_class is not None:
        rows = rows.filter(price_class__in=["", price_class])
    return rows


def price_classes() -> set[str]:
    """Those of what may run on spare capacity."""
    return {e.offering.price_class for e in registry.entries().values() if e.offering.spot}


@transaction.atomic
def say(
    *,
    actor: Actor,
    region: str,
    price_class: str = "",
    factor: Decimal | None,
    at: datetime | None = None,
    reason: str = "",
) -> SpotFactor:
    """From the next full hour on, or from a later one (`at`), spare capacity costs `factor` of the
    list price; None, of a region or price class only: what is said of all holds again.

    Raises: NotPermitted; Invalid for a factor or time that may not be; Conflict when something is
    said of that hour already.
    """
    require_staff(actor)
    first = next_hour(clock.now())
    moment = at or first
    faults = {}
    if factor is not None and (text := _fault_text(fault_of(factor))):
        faults["factor"] = text
    elif factor is None and not (region or price_class):
        faults["factor"] = _("Of all there is always a factor: say which one.")
    if price_class and price_class not in price_classes():
        faults["price_class"] = _("No service on spare capacity is priced by this.")
    if moment < first or moment != moment.replace(minute=0, second=0, microsecond=0):
        text = _("Name a full hour, %(first)s UTC or later: what has begun keeps its price.")
        faults["at"] = text % {"first": f"{first:%Y-%m-%d %H:%M}"}
    if faults:
        raise Invalid(faults)
    try:
        with transaction.atomic():
            row = SpotFactor.objects.create(
                region=region,
                price_class=price_class,
                at=moment,
                factor=factor,
                reason=reason[:500],
                said_by=actor.name,
                said_at=clock.now(),
            )
    except IntegrityError as error:
        raise Conflict(
            _("A price of spare capacity is set for that hour already."),
            hint=_("It is not changed any more. Choose a later hour."),
            code="already-set",
        ) from error
    keep_books()
    record(
        actor,
        "spot_factor.set",
        "region",
        region or "*",
        chain=PROVIDER,
        after={
            "price_class": price_class,
            "factor": None if factor is None else f"{factor:f}",
            "at": moment.isoformat(),
        },
        reason=reason,
    )
    transaction.on_commit(forget_factors)
    return row


def _fault_text(fault: str) -> str:
    least = _("Spare capacity never costs less than %(floor)s %% of the list price.")
    texts = {
        "": "",
        "floor": least % {"floor": f"{floor() * _HUNDRED:.0f}"},
        "ceiling": _("Spare capacity never costs more than the list price."),
        "step": _("Use whole per cent of the list price."),
    }
    return texts[fault]


def load(said: Iterable[Said], *, write: bool = True) -> int:
    """What the price files say; returns how many factors are new. Within the loader's transaction.

    Nothing has a price before something was said of all; from then on every hour has one, so that
    also a first factor for a region or price class begins with the next full hour at the earliest.

    Raises: ValueError for one that would change what was charged.
    """
    known = {(one.region, one.price_class, one.at): one.factor for one in _said()}
    first, keys = next_hour(clock.now()), {key[:2] for key in known}
    new = []
    for one in said:
        key = (*one.key, one.at)
        if key in known:
            if known[key] != one.factor:
                raise ValueError(f"the factor of spare capacity since {one.at:%F} cannot change")
        elif one.at < first and (one.key in keys or ("", "") in keys):
            raise ValueError(f"a factor of spare capacity from {one.at:%F} would change the past")
        else:
            new.append(one)
    if write:
        SpotFactor.objects.bulk_create(
            SpotFactor(region=o.region, price_class=o.price_class, at=o.at, factor=o.factor)
            for o in new
        )
        keep_books()
        transaction.on_commit(forget_factors)
    return len(new)


def keep_books() -> None:
    """Every factor that was ever said has the prices that follow from it and the list."""
    wanted = sorted({one.factor for one in _said() if one.factor is not None})
    listed = list(Price.objects.filter(book="list", category="standard"))
    made = [_price(row, factor) for row, factor in books.rows(listed, wanted)]
    stored = Price.objects.filter(category=books.CATEGORY, book__startswith="spot-")
    kept = {row.public_id: _told(row) for row in stored}
    Price.objects.bulk_create(
        [row for row in made if kept.get(row.public_id) != _told(row)],
        update_conflicts=True,
        unique_fields=["public_id"],
        update_fields=["valid_to", "tiers", "currency"],
    )
    stored.filter(valid_from__gt=clock.now()).exclude(
        public_id__in=[row.public_id for row in made]
    ).delete()  # what was announced and is withdrawn


def _told(row: Price) -> tuple[object, ...]:
    return row.valid_to, row.tiers, row.currency


def _price(listed: Price, factor: Decimal) -> Price:
    amount = books.unit_price(listed, factor)
    return Price(
        public_id=books.public_id(listed, factor),
        book=books.book_of(factor),
        price_class=listed.price_class,
        meter=listed.meter,
        region=listed.region,
        unit=listed.unit,
        mode=Price.Mode.FLAT,
        category=Price.Category.DYNAMIC,
        currency=listed.currency,
        tiers=[{"from": "0", "to": None, "unit_price": f"{amount:f}", "flat": "0"}],
        valid_from=listed.valid_from,
        valid_to=listed.valid_to,
        announced_at=listed.announced_at,
    )


def _said() -> list[Said]:
    rows = SpotFactor.objects.values_list("region", "price_class", "at", "factor")
    return [Said(*row) for row in rows]
