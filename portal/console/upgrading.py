"""Upgrades: to which versions, what that means, and that nobody decides on an old view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from billing.orders import ordering
from portal.console import as_code
from portal.console.acts import Act
from portal.console.releases import release
from portal.console.templatetags.ui import short_day
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid
from portal.kernel.money import HOURS_PER_MONTH, Money
from services.instances import admission
from services.instances.specs import entry_of

if TYPE_CHECKING:
    from services.instances.models import Instance, Operation
    from services.spec import Effect, Version


def choices(instance: Instance) -> dict[str, Any]:
    """What the settings of a service say of its version: `runs`, `newer` that it can be upgraded
    to, and `anew`, the newest that only another service can have.
    """
    entry = entry_of(instance)
    newer = admission.newer_versions(instance, entry)
    later = [] if newer else admission.versions_after(instance, entry)
    return {
        "runs": release(entry.offering.version(instance.version)),
        "newer": [release(version) for version in newer],
        "anew": release(later[-1]) if later else None,
    }


def upgrade(actor: Actor, instance: Instance, data: QueryDict) -> Operation:
    """Raises: Invalid where something else runs than `runs`, and what `ordering.change_order`
    raises.
    """
    seen = data.get("runs", instance.version)
    if seen != instance.version:
        text = _("Version %(seen)s ran when you opened this page, and now it is %(version)s.")
        raise Invalid({"version": text % {"seen": seen, "version": instance.version}})
    version = data.get("version", "")
    if not version:
        raise Invalid({"version": _("Choose a version.")})
    return ordering.change_order(actor=actor, instance=instance, version=version)


def wanted(instance: Instance, data: QueryDict) -> Version | None:
    """The version asked for, else the nearest; None where none leads further."""
    newer = {v.id: v for v in admission.newer_versions(instance, entry_of(instance))}
    return newer.get(data.get("version", "")) or next(iter(newer.values()), None)


def act(actor: Actor, instance: Instance, to: Version) -> Act:
    """What an upgrade means; prices only where they differ."""
    preview = ordering.preview_change(actor=actor, instance=instance, version=to.id)
    then, hourly = preview.quote.month.net, instance.price_hourly
    now = then if hourly is None else Money(hourly * HOURS_PER_MONTH)
    differ = round(now.amount, 2) != round(then.amount, 2)
    offering = entry_of(instance).offering
    words = {"name": instance.name, "from": instance.version, "to": f"{offering.name} {to.id}"}
    stops = _stops(preview.effect, converts=offering.upgrade_stops)
    return Act(
        "upgrade",
        "arrow-up",
        _("Upgrade %(name)s to %(to)s?") % words,
        [stops, *_points(words, to)],
        _("Upgrade to %(to)s") % words,
        as_code.change(instance, {"version": to.id}),
        now if differ else None,
        then if differ else None,
    )


def _stops(effect: Effect, *, converts: bool) -> str:
    """What clients notice."""
    if effect == "rolling":
        return _("One node is replaced after the other: clients have to connect again.")
    if converts:
        return _(
            "The server stops while its data is converted, for minutes where there is much of it. "
            "Nobody can connect meanwhile."
        )
    return _("The server restarts: clients lose their connections for a moment.")


def _points(words: dict[str, str], to: Version) -> list[str]:
    back = _("There is no way back to version %(from)s: try %(to)s with another service first.")
    fails = _(
        "If it fails, our staff look at it, and version %(from)s runs on where its data has not "
        "been converted yet."
    )
    stays = _("Address, password, plan and settings stay.")
    points = [back % words, stays, fails % words]
    if to.ends_on:
        fixes = _("%(to)s gets fixes until %(day)s.")
        points.append(fixes % {**words, "day": short_day(to.ends_on)})
    return points
