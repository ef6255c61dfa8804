"""What an act means for a service, said on a page of its own before it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.pricebook import queries as prices
from portal.console import as_code
from portal.console.templatetags.ui import mib
from portal.kernel.money import HOURS_PER_MONTH, Money
from services.instances import opening
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
    before, after = _prices(instance)
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
        before,
        after,
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


def delete(instance: Instance, bin_days: int) -> Act:
    """Into the bin, or out of it for good."""
    name, now = {"name": instance.name}, is_final(instance)
    before, after = _prices(instance)
    waits = ngettext(
        "Its data%(size)s waits in the bin for %(n)s day, then it is destroyed.",
        "Its data%(size)s waits in the bin for %(n)s days, then it is destroyed.",
        bin_days,
    )
    stops = _("The server stops at once, and its clients lose their connections.")
    if opening.bin_of(instance) == "isolated":
        stops = _("It runs on, but nobody reaches it any more, and its password is changed.")
    points = [
        stops,
        waits % {"n": bin_days, "size": _size(instance)},
        _("Until then it can be brought back with its data."),
        _("Compute is not billed from here, storage until it is destroyed."),
    ]
    if now:
        lost = _("The server, its data%(size)s and its address are destroyed.")
        points = [lost % {"size": _size(instance)}, _("This cannot be undone.")]
    return Act(
        "delete",
        "trash-2",
        (_("Destroy %(name)s now?") if now else _("Delete %(name)s?")) % name,
        [*points, _("What happened stays in its events and in the audit log.")],
        (_("Destroy %(name)s") if now else _("Delete %(name)s")) % name,
        as_code.delete(instance, purge=now),
        None if now else before,
        after,
    )


def is_final(instance: Instance) -> bool:
    """Whether a deletion destroys: from the bin, or where there is none, or nothing to keep."""
    none = opening.bin_of(instance) == "none"
    return none or instance.delete_at is not None or instance.phase == "failed"


def _size(instance: Instance) -> str:
    """How much is lost, where that is known: ` (44 MiB)`."""
    used = instance.storage_used_mib
    return "" if used is None else f" ({mib(used)})"


def _prices(instance: Instance) -> tuple[Money | None, Money | None]:
    """What a month costs now, and with the storage alone."""
    offering, price = entry_of(instance).offering, instance.price_hourly
    storage = prices.storage_of(offering, offering.plan(instance.plan), instance.region.code)
    return None if price is None else Money(price * HOURS_PER_MONTH), storage
