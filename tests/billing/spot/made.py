"""What tests of spare capacity share."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from billing.models import SpotFactor
from billing.spot import history
from services.instances.models import Instance, InstanceEvent
from tests.makers import put_instance

HOUR = 3600


def at(day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 10, day, hour, minute, second, tzinfo=UTC)


def said(factor: str | None, moment: datetime, region: str = "", price_class: str = "") -> None:
    """As it was said once; `history.say` refuses the past."""
    SpotFactor.objects.create(
        region=region,
        price_class=price_class,
        at=moment,
        factor=None if factor is None else Decimal(factor),
    )
    history.keep_books()
    history.forget_factors()


def happened(instance: Instance, code: str, moment: datetime) -> None:
    InstanceEvent.objects.create(instance=instance, code=code, at=moment, plan=instance.plan)


def ran(project, region, *spans, plan="single-2x8", offering="redis", spot=True) -> Instance:
    """A service that ran in these spans of time."""
    made = put_instance(
        project, region, offering=offering, plan=plan, spot=spot, created_at=spans[0][0]
    )
    for number, (start, end) in enumerate(spans):
        happened(made, "resumed" if number else "created", start)
        if end is not None:
            happened(made, "pause_requested", end)
    return made
