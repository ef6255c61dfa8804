"""The pages of one service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.console import operations as cards
from portal.console import window
from portal.console.connection import CONNECTABLE
from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.money import HOURS_PER_MONTH, Money
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import drift, interruptions, opening, texts
from services.instances.admission import newer_versions
from services.instances.operations import newest_operation
from services.instances.specs import entry_of
from services.regions import clusters
from services.spec import Capability, promised_availability

if TYPE_CHECKING:
    from services.instances.models import Instance, Operation, SpotInterruption

_NOTICE_POLL = 5  # seconds, while it is under notice or waits for capacity


@dataclass(frozen=True, slots=True)
class Can:
    """What the reader may do to the service now: by right and by phase."""

    change: bool
    pause: bool
    resume: bool
    rotate: bool
    upgrade: bool
    delete: bool
    undelete: bool
    reveal: bool
    edit: bool
    manage: bool
    audit: bool


def can(actor: Actor, instance: Instance) -> Can:
    """One query."""
    held = access.permissions_in(actor, instance.project)
    able, entry = opening.capabilities(instance), entry_of(instance)
    update, phase = Permission.INSTANCE_UPDATE in held, instance.phase
    gone = phase == "deleted"
    return Can(
        change=update and phase == "running",
        pause=update and phase == "running" and Capability.PAUSE in able,
        resume=update and phase == "paused",
        rotate=update and phase == "running" and Capability.ROTATE in able,
        upgrade=update and phase == "running" and bool(newer_versions(instance, entry)),
        delete=Permission.INSTANCE_DELETE in held and not gone and phase != "deleting",
        undelete=update and phase == "in_bin",
        reveal=Permission.CREDENTIAL_REVEAL in held and phase in CONNECTABLE,
        edit=update and not gone,
        manage=Permission.OPERATION_MANAGE in held,
        audit=Permission.AUDIT_VIEW in held,
    )


def frame(actor: Actor, instance: Instance, tab: str) -> dict[str, Any]:
    """What every page of a service shows: head, tabs and the newest operation."""
    entry = entry_of(instance)
    newest = newest_operation(instance)
    if newest is not None:
        newest.instance = instance
    links = (
        ("overview", _("Overview"), "console:service"),
        ("connection", _("Connection"), "console:service-connection"),
        ("metrics", _("Metrics"), "console:service-metrics"),
        ("settings", _("Settings"), "console:service-settings"),
        ("costs", _("Costs"), "console:service-costs"),
        ("events", _("Events"), "console:service-events"),
        ("operations", _("Operations"), "console:service-operations"),
    )
    price = _price(instance, newest)
    doing = cards.card(newest) if newest else None
    notice = interruptions.interruption_of(instance)
    left = instance.delete_at - clock.now() if instance.delete_at else None
    return {
        "instance": instance,
        "offering": entry.offering,
        "plan": entry.offering.plan(instance.plan),
        "storage_mib": entry.offering.plan(instance.plan).storage_gib * 1024,
        "sla": None
        if instance.spot
        else promised_availability(entry.offering, entry.offering.plan(instance.plan)),
        "interruption": notice,
        "notice_left": _left(notice),
        "tabs": [
            (key, text, reverse(name, args=[instance.public_id])) for key, text, name in links
        ],
        "tab": tab,
        "crumbs": [(_("Services"), reverse("console:services"))],
        "card": doing,
        "poll": cards.poll_of(instance, doing) or (_NOTICE_POLL if notice else 0),
        "step": _step(doing),
        "bin_left": left,
        "can": can(actor, instance),
        "observed": _observed(instance),
        "drift": _drift(instance),
        "window": window.shown(instance),
        "hourly": None if price is None else Money(price),
        "monthly": None if price is None else Money(price * HOURS_PER_MONTH),
    }


def _price(instance: Instance, newest: Operation | None) -> Decimal | None:
    """An hour of it; what was agreed while it is being created."""
    agreed = newest.goal.get("price_hourly") if newest else None
    if instance.price_hourly is None and agreed:
        return Decimal(agreed)
    return instance.price_hourly


def _left(notice: SpotInterruption | None) -> timedelta | None:
    """Until it is paused; None unless it is under notice, nothing once it is due."""
    if notice is None or notice.state != interruptions.State.NOTICED:
        return None
    return max(notice.due_at - clock.now(), timedelta())


def _drift(instance: Instance) -> tuple[datetime, str] | None:
    """(since when something of it is other than it was applied, what becomes of that)."""
    first = drift.since(instance)
    if first is None:
        return None
    if clusters.drift_policy(instance.region) == "correct":
        return first, _("It is put back by itself.")
    return first, _("The provider's staff sees it and decides what to do.")


def _step(card: cards.Card | None) -> tuple[int, int] | None:
    """(number of the step that is being done, how many there are) of what is under way."""
    if card is None or not card.is_open or not card.steps:
        return None
    done = sum(step.state == "done" for step in card.steps)
    return min(done + 1, len(card.steps)), len(card.steps)


def _observed(instance: Instance) -> tuple[str, str]:
    """(what is wrong, what to do), while the service is not well."""
    if instance.health not in ("down", "degraded") or not instance.observed_code:
        return "", ""
    return texts.error_text(instance.observed_code, {})
