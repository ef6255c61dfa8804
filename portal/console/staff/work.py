"""Operations and services of all tenants, as staff sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.console import operations as cards
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, PortalError
from portal.tenancy import oversight as customers
from services import registry
from services.instances import actions, drift, oversight, queries
from services.instances.texts import operation_title

if TYPE_CHECKING:
    from services.instances.models import Instance, Operation

SHOWS = ("stuck", "failed", "services")
MOST = 100
_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """An operation in a list, and why it is there."""

    operation: Operation
    title: str
    why: str
    moved_at: Any


@dataclass(frozen=True, slots=True)
class Done:
    """What became of several operations: how many were taken, and what was said of the others."""

    text: str
    refused: list[str]


def operations(actor: Actor, asked: dict[str, str]) -> dict[str, Any]:
    """Context of console/staff/operations.html. `asked`: show, page."""
    show = asked.get("show", "")
    show = show if show in SHOWS else SHOWS[0]
    stuck = oversight.stuck_operations(actor)
    failed, ailing = oversight.failed_operations(actor), oversight.ailing_instances(actor)
    rows: Any = {"stuck": stuck, "failed": failed, "services": ailing}[show]
    found = Paginator(rows, _PER_PAGE).get_page(asked.get("page"))
    shown = list(found)
    instances = shown if show == "services" else [_operation(one).instance for one in shown]
    _tell(actor, instances)
    return {
        "show": show,
        "found": found,
        "tabs": _tabs(len(stuck), failed.count(), ailing.count()),
        "rows": [] if show == "services" else [_row(one) for one in shown],
        "services": [_service_row(one) for one in shown] if show == "services" else [],
        "minutes": int(oversight.QUIET.total_seconds() // 60),
        "days": oversight.FAILED_LATELY.days,
    }


def _operation(one: Any) -> Operation:
    """Of a `Stuck`, or the failed operation itself."""
    found: Operation = one.operation if isinstance(one, oversight.Stuck) else one
    return found


def _tabs(stuck: int, failed: int, ailing: int) -> list[tuple[str, str, str]]:
    url = reverse("console:staff-operations")
    return [
        ("stuck", _("Stuck (%(n)d)") % {"n": stuck}, url),
        ("failed", _("Failed (%(n)d)") % {"n": failed}, f"{url}?show=failed"),
        ("services", _("Services (%(n)d)") % {"n": ailing}, f"{url}?show=services"),
    ]


def _tell(actor: Actor, instances: Iterable[Instance]) -> None:
    slugs = {instance.project.organisation.slug for instance in instances}
    customers.note_looks(actor, slugs, seen="operations")


def _row(one: Any) -> Row:
    """Of a `Stuck`, or of a failed operation."""
    if isinstance(one, oversight.Stuck):
        why = " ".join(_reason(code) for code in one.reasons)
        return Row(one.operation, _title(one.operation), why, one.moved_at)
    card = cards.card(one, {})
    return Row(one, card.title, card.error, one.finished_at)


def _title(operation: Operation) -> str:
    return operation_title(operation.kind, operation.instance.name)


def _reason(code: str) -> str:
    minutes = int(oversight.QUIET.total_seconds() // 60)
    return {
        "overdue": _("Past its time."),
        "region-waits": _("Its region does not answer."),
        "no-progress": _("Nothing came of it for %(n)d minutes.") % {"n": minutes},
        "many-attempts": _("Tried more than %(n)d times.") % {"n": oversight.MANY_ATTEMPTS},
    }[code]


def _service_row(instance: Instance) -> dict[str, Any]:
    return {"instance": instance, "offering": registry.get(instance.offering).offering}


def run(actor: Actor, action: str, public_ids: list[str], reason: str) -> Done:
    """`action` (retry, cancel) for each operation: one refusal stops no other.

    Raises: Invalid when nothing can be begun.
    """
    doings: dict[str, Callable[..., Any]] = {"retry": actions.retry, "cancel": actions.cancel}
    faults = {}
    if action not in doings:
        faults["action"] = _("Choose what to do.")
    if not 1 <= len(public_ids) <= MOST:
        faults["id"] = _("Tick at least one operation, and at most %(most)d.") % {"most": MOST}
    if not reason.strip():
        faults["reason"] = _("Say why: the organisation reads it.")
    if faults:
        raise Invalid(faults)
    found = oversight.operations_called(actor, public_ids)
    refused = [said for one in found if (said := _one(doings[action], actor, one, reason))]
    n = len(found) - len(refused)
    if action == "retry":
        text = ngettext("%(n)d operation is tried again.", "%(n)d operations are tried again.", n)
    else:
        text = ngettext("%(n)d operation is cancelled.", "%(n)d operations are cancelled.", n)
    return Done(text % {"n": n} if n else "", refused)


def _one(do: Callable[..., Any], actor: Actor, operation: Operation, reason: str) -> str:
    try:
        do(actor=actor, operation=operation, reason=reason)
    except PortalError as error:
        return f"{operation.public_id}: {error.text} {error.hint}"
    return ""


def operation(actor: Actor, found: Operation) -> dict[str, Any]:
    """Context of console/staff/operation.html; the tenant is told."""
    _tell(actor, [found.instance])
    return {
        "card": cards.card(found),
        "instance": found.instance,
        "offering": registry.get(found.instance.offering).offering,
        "crumbs": [(_("Stuck operations"), reverse("console:staff-operations"))],
    }


def service(actor: Actor, instance: Instance) -> dict[str, Any]:
    """Context of console/staff/service.html; the tenant is told."""
    _tell(actor, [instance])
    organisation = instance.project.organisation
    crumbs = [
        (_("Organisations"), reverse("console:staff-organisations")),
        (organisation.name, reverse("console:staff-organisation", args=[organisation.slug])),
        (_("Services"), reverse("console:staff-services", args=[organisation.slug])),
    ]
    return {
        "instance": instance,
        "offering": registry.get(instance.offering).offering,
        "organisation": organisation,
        "crumbs": crumbs,
        "cards": cards.cards(oversight.operations_of(actor, instance)),
        "events": queries.events_of(instance)[:10],
        "drift": drift.since(instance),
    }


def destroy(actor: Actor, instance: Instance, typed: str, reason: str) -> Operation:
    """Raises: Invalid, Gone."""
    if typed.strip() != instance.name:
        raise Invalid({"name": _("Type the service's name as it is written above.")})
    return actions.force_delete(actor=actor, instance=instance, reason=reason)
