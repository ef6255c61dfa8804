"""Spare capacity, for staff: how much of each region may be used, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from billing.pricebook.classes import class_label
from billing.spot import factors, history
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, Unavailable
from services.instances import interruptions, spare
from services.regions import oversight as places

if TYPE_CHECKING:
    from billing.models import SpotFactor
    from services.instances.models import SpotInterruption

_SHOWN = 50


def shown(
    actor: Actor,
    sent: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Context of console/staff/spot.html."""
    regions = [row for row in places.regions(actor) if row.status != "off"]
    under_way = list(interruptions.open_interruptions())
    noticed: dict[int, int] = {}
    for row in under_way:
        noticed[row.instance.region_id] = noticed.get(row.instance.region_id, 0) + 1
    return {
        "rows": [
            (row, spare.spare_of(row), _percent(row.code), noticed.get(row.pk, 0))
            for row in regions
        ],
        "under_way": under_way[:_SHOWN],
        "more": max(0, len(under_way) - _SHOWN),
        "classes": _classes(),
        "next": factors.next_hour(clock.now()),
        "floor": factors.floor() * 100,
        "factors": history.factors()[:_SHOWN],
        "sent": sent or {},
        "errors": errors or {},
    }


def offer(actor: Actor, sent: Mapping[str, str]) -> list[SpotInterruption]:
    """`region`, `vcpu`, `reason`. Raises: NotPermitted, NotFound, Invalid."""
    region = places.region(actor, sent.get("region", ""))
    vcpu = _number(sent.get("vcpu", ""), "vcpu", _("Enter a number of vCPU."))
    return interruptions.offer_spare(
        actor=actor, region=region, vcpu=vcpu, reason=sent.get("reason", "").strip()
    )


def say(actor: Actor, sent: Mapping[str, str]) -> SpotFactor:
    """`place` (empty: all regions), `class`, `percent` (empty: as for all), `at`, `why`. Raises:
    NotPermitted, NotFound, Invalid, Conflict.
    """
    place, price_class = sent.get("place", ""), sent.get("class", "")
    region = places.region(actor, place).code if place else ""
    percent, factor = sent.get("percent", "").strip(), None
    if percent:
        factor = _number(percent, "factor", _("Enter a whole number of per cent.")) / 100
    return history.say(
        actor=actor,
        region=region,
        price_class=price_class,
        factor=factor,
        at=_hour(sent.get("at", "")),
        reason=sent.get("why", "").strip(),
    )


def _percent(region: str) -> Decimal | None:
    """None until the price files were loaded."""
    try:
        return history.factor_at(region, "") * 100
    except Unavailable:
        return None


def _classes() -> list[tuple[str, str]]:
    """The price classes of what may run on spare capacity, by name."""
    found = history.price_classes()
    return sorted(((one, class_label(one)) for one in found), key=lambda pair: pair[1].lower())


def _number(text: str, field: str, fault: str) -> Decimal:
    """Raises: Invalid."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation as error:
        raise Invalid({field: fault}) from error
    if not number.is_finite():
        raise Invalid({field: fault})
    return number


def _hour(text: str) -> datetime | None:
    """A time of a form, UTC; None where it is left out. Raises: Invalid."""
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    except ValueError as error:
        raise Invalid({"at": _("Enter a full hour.")}) from error
