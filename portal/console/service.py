"""The pages of one service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.console import operations as cards
from portal.kernel.actor import Actor
from portal.kernel.errors import BackendError
from portal.kernel.money import HOURS_PER_MONTH, Money
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import queries, texts
from services.instances.specs import entry_of
from services.spec import Capability, Credentials, promised_availability

if TYPE_CHECKING:
    from services.instances.models import Instance

_CONNECTABLE = ("running", "updating", "paused", "pausing", "resuming")


@dataclass(frozen=True, slots=True)
class Can:
    """What the reader may do to the service now: by right and by phase."""

    change: bool
    pause: bool
    resume: bool
    rotate: bool
    delete: bool
    undelete: bool
    reveal: bool
    edit: bool
    manage: bool


def can(actor: Actor, instance: Instance) -> Can:
    """One query."""
    held = access.permissions_in(actor, instance.project)
    process = entry_of(instance).process
    able = process.CAPABILITIES if process else frozenset[Capability]()
    update, phase = Permission.INSTANCE_UPDATE in held, instance.phase
    gone = phase == "deleted"
    return Can(
        change=update and phase == "running",
        pause=update and phase == "running" and Capability.PAUSE in able,
        resume=update and phase == "paused",
        rotate=update and phase == "running" and Capability.ROTATE in able,
        delete=Permission.INSTANCE_DELETE in held and not gone and phase != "deleting",
        undelete=update and phase == "in_bin",
        reveal=Permission.CREDENTIAL_REVEAL in held and phase in _CONNECTABLE,
        edit=update and not gone,
        manage=Permission.OPERATION_MANAGE in held,
    )


def frame(actor: Actor, instance: Instance, tab: str) -> dict[str, Any]:
    """What every page of a service shows: head, tabs and the newest operation."""
    entry = entry_of(instance)
    newest = queries.newest_operation(instance)
    if newest is not None:
        newest.instance = instance
    links = (
        ("overview", _("Overview"), "console:service"),
        ("connection", _("Connection"), "console:service-connection"),
        ("settings", _("Settings"), "console:service-settings"),
        ("events", _("Events"), "console:service-events"),
        ("operations", _("Operations"), "console:service-operations"),
    )
    price = instance.price_hourly
    return {
        "instance": instance,
        "offering": entry.offering,
        "plan": entry.offering.plan(instance.plan),
        "storage_mib": entry.offering.plan(instance.plan).storage_gib * 1024,
        "sla": promised_availability(entry.offering, entry.offering.plan(instance.plan)),
        "tabs": [
            (key, text, reverse(name, args=[instance.public_id])) for key, text, name in links
        ],
        "tab": tab,
        "crumbs": [(_("Services"), reverse("console:services"))],
        "card": cards.card(newest) if newest else None,
        "can": can(actor, instance),
        "observed": _observed(instance),
        "hourly": None if price is None else Money(price),
        "monthly": None if price is None else Money(price * HOURS_PER_MONTH),
    }


def _observed(instance: Instance) -> tuple[str, str]:
    """(what is wrong, what to do), while the service is not well."""
    if instance.health not in ("down", "degraded") or not instance.observed_code:
        return "", ""
    return texts.error_text(instance.observed_code, {})


def connection(instance: Instance, shown: Credentials | None = None) -> dict[str, Any]:
    """The connection card: `shown` is what was revealed, else dots stand for secrets."""
    if instance.phase not in _CONNECTABLE:
        return {"connection": None}
    try:
        found = shown or queries.masked_credentials(instance)
    except BackendError:
        return {"connection": None}
    return {
        "connection": found,
        "revealed": shown is not None,
        "environment": "\n".join(f"{name}={value}" for name, value in found.env.items()),
        "snippets": _snippets(instance, found),
        "endpoints": instance.endpoints,
    }


def _snippets(instance: Instance, found: Credentials) -> list[tuple[str, str]]:
    """The same connection for a client or two; how to trust the CA where there is TLS."""
    slug = instance.offering
    uri = str(found.uri)
    if slug == "postgresql":
        trusted = f"{uri}&sslrootcert=polder-ca.pem"
        return [
            ("psql", f"psql '{trusted}'"),
            ("Python", f"import psycopg\n\nconnection = psycopg.connect('{trusted}')"),
        ]
    if slug == "redis":
        return [
            ("redis-cli", f"redis-cli -u '{uri}'"),
            ("Python", f"import redis\n\nclient = redis.Redis.from_url('{uri}')"),
        ]
    return []


def event_rows(instance: Instance) -> list[dict[str, Any]]:
    """What happened, newest first, with words for each."""
    rows = queries.events_of(instance)[:100]
    return [
        {"event": e, "text": event_text(e.code), "icon": _ICONS.get(e.code, "dot")} for e in rows
    ]


_ICONS = {
    "ordered": "plus",
    "created": "check",
    "changed": "sliders-horizontal",
    "paused": "pause",
    "resumed": "play",
    "rotated": "key-round",
    "deleted": "trash-2",
    "binned": "trash-2",
    "undeleted": "rotate-ccw",
    "purged": "trash-2",
    "failed": "circle-alert",
    "repaired": "wrench",
}


def event_text(code: str) -> str:
    """An unknown code is shown as it is."""
    return {
        "ordered": _("Ordered"),
        "created": _("Running for the first time"),
        "changed": _("Settings changed"),
        "upgraded": _("Upgraded"),
        "pause_requested": _("Pause asked for: compute is not billed from here"),
        "paused": _("Paused"),
        "resumed": _("Running again"),
        "rotated": _("Password changed"),
        "deleted": _("Deletion asked for: compute is not billed from here"),
        "binned": _("In the bin"),
        "undeleted": _("Brought back"),
        "purged": _("Destroyed with its data"),
        "failed": _("An operation failed"),
        "repaired": _("Brought back to what is wanted"),
    }.get(code, code)
