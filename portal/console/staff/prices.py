"""The price book as staff sees it: what holds, what is announced, and what that does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from billing.pricebook import announcing, pricelist
from billing.rating import price_effect
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.tenancy import oversight as customers

if TYPE_CHECKING:
    from billing.models import PriceEffect
    from billing.pricebook.pricelist import Change

_SHOWN = 50
_POLL_SECONDS = 2
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Effect:
    """What an organisation, or all of them, pays for a month: `now`, and `then`."""

    name: str
    now: Decimal
    then: Decimal

    @property
    def change(self) -> Decimal:
        return self.then - self.now

    @property
    def percent(self) -> Decimal | None:
        """To a tenth."""
        return round(self.change / self.now * 100, 1) if self.now else None


@dataclass(frozen=True, slots=True)
class Step:
    """A day on which prices change, and what that does, as far as it is known."""

    at: datetime
    days: int
    changes: list[Change]
    effect: PriceEffect | None
    total: Effect | None
    rows: list[Effect]
    more: int


def shown(actor: Actor) -> dict[str, Any]:
    """Context of console/staff/prices.html."""
    month = _last_month()
    effects = price_effect.effects(actor, month)
    names = dict(customers.organisations(actor).values_list("slug", "name")) if effects else {}
    by_day = groupby(pricelist.changes(), key=lambda change: change.at)
    steps = [_step(at, list(changes), effects.get(at), names) for at, changes in by_day]
    waits = any(step.effect is not None and step.effect.state == "waiting" for step in steps)
    return {
        "month": month,
        "steps": steps,
        "valid_from": pricelist.valid_from(),
        "priced": len(pricelist.all_classes()),
        "past": pricelist.past_changes()[:_SHOWN],
        "notice_days": announcing.NOTICE.days,
        "poll": _POLL_SECONDS if waits else 0,
    }


def begin(actor: Actor, sent: Mapping[str, str]) -> PriceEffect:
    """What the form asks for: at, as the page says it. Raises: Invalid, Conflict."""
    known = {change.at.isoformat(): change.at for change in pricelist.changes()}
    at = known.get(sent.get("at", ""))
    if at is None:
        raise Invalid({"at": _("No price changes then.")})
    return price_effect.begin_effect(actor=actor, month=_last_month(), at=at)


def _step(
    at: datetime, changes: list[Change], effect: PriceEffect | None, names: Mapping[str, str]
) -> Step:
    costs = effect.costs if effect is not None and effect.state == "done" else {}
    rows = [
        Effect(names.get(slug, slug), Decimal(now), Decimal(then))
        for slug, (now, then) in costs.items()
    ]
    total = Effect(
        "",
        sum((row.now for row in rows), _NOTHING),
        sum((row.then for row in rows), _NOTHING),
    )
    changed = sorted((row for row in rows if row.change), key=lambda row: (-row.change, row.name))
    return Step(
        at=at,
        days=(at - clock.now()).days,
        changes=changes,
        effect=effect,
        total=total if costs else None,
        rows=changed[:_SHOWN],
        more=max(0, len(changed) - _SHOWN),
    )


def _last_month() -> date:
    return (clock.now().date().replace(day=1) - timedelta(days=1)).replace(day=1)
