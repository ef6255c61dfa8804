"""What an act means for a service, said on a page of its own before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from billing import queries as prices
from portal.console import as_code
from portal.kernel.money import HOURS_PER_MONTH, Money
from services.instances.specs import entry_of

if TYPE_CHECKING:
    from services.instances.models import Instance


@dataclass(frozen=True, slots=True)
class Act:
    """`points` are consequences, one a line; `before` and `after` what a month costs, net."""

    verb: str
    icon: str
    title: str
    points: list[str]
    button: str
    code: str
    before: Money | None = None
    after: Money | None = None


def pause(instance: Instance) -> Act:
    offering = entry_of(instance).offering
    price = instance.price_hourly
    return Act(
        "pause",
        "pause",
        _("Pause %(name)s?") % {"name": instance.name},
        [
            _("The server stops, and its clients lose their connections."),
            _("Address, password and settings stay."),
            _("Data stays where the service keeps any on disk."),
            _("Only storage is billed until you resume it, which takes seconds."),
        ],
        _("Pause %(name)s") % {"name": instance.name},
        as_code.act(instance, "pause"),
        None if price is None else Money(price * HOURS_PER_MONTH),
        prices.storage_of(offering, offering.plan(instance.plan), instance.region.code),
    )


def rotate(instance: Instance) -> Act:
    return Act(
        "rotate",
        "key-round",
        _("Change the password of %(name)s?") % {"name": instance.name},
        [
            _("The old password ends at once: clients need the new one for their next login."),
            _("The new one is shown on the connection page, and is in the API's credentials."),
            _("The guide of the service says what becomes of open connections."),
        ],
        _("Change password"),
        as_code.act(instance, "rotate"),
    )
