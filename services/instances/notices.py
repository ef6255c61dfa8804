"""What people and webhooks hear of services: how operations ended, and what went down or came back.

Rows hold codes, names and numbers; the sentences are made here at read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from portal.kernel import formats
from portal.notifications import kinds
from portal.notifications.kinds import Kind, sentence
from portal.outbox.actions import notify
from portal.outbox.models import OutboxEntry
from portal.tenancy.permissions import Permission
from services.instances import texts
from services.instances.models import Instance, Operation
from services.instances.states import Health, OperationState

_SERVICES = gettext_noop("Services")
_DONE = {
    "create": gettext_noop("%(name)s runs"),
    "update": gettext_noop("%(name)s was changed"),
    "upgrade": gettext_noop("%(name)s was upgraded"),
    "pause": gettext_noop("%(name)s is paused"),
    "resume": gettext_noop("%(name)s runs again"),
    "rotate": gettext_noop("The password of %(name)s was changed"),
    "delete": gettext_noop("%(name)s is in the bin"),
    "undelete": gettext_noop("%(name)s was brought back"),
    "purge": gettext_noop("%(name)s was destroyed"),
    "backup": gettext_noop("%(name)s was backed up"),
    "restore": gettext_noop("%(name)s was restored"),
    "repair": gettext_noop("%(name)s was repaired"),
}
Params = Mapping[str, Any]


def _done(params: Params) -> str:
    text = _DONE.get(str(params.get("kind")), "%(name)s")
    return _(text) % {"name": params.get("name", "…")}


def _what(params: Params) -> str:
    return texts.operation_title(str(params.get("kind")), str(params.get("name", "…")))


def _failed(params: Params) -> str:
    return _("“%(what)s” failed") % {"what": _what(params)}


def _cancelled(params: Params) -> str:
    return _("“%(what)s” was cancelled") % {"what": _what(params)}


def _why(params: Params) -> str:
    return " ".join(texts.error_text(str(params.get("error") or ""), {})).strip()


def _took(params: Params) -> str:
    seconds = params.get("seconds")
    if not isinstance(seconds, int | float):
        return ""
    return _("It took %(seconds)s s.") % {"seconds": formats.number(seconds)}


def _nothing(_params: Params) -> str:
    return ""


def _ill(params: Params) -> str:
    return " ".join(texts.error_text(str(params["code"]), {})) if params.get("code") else ""


_ENDS = {
    OperationState.SUCCEEDED: "operation.succeeded",
    OperationState.FAILED: "operation.failed",
    OperationState.CANCELLED: "operation.cancelled",
}
_DOWN, _UP = "service.down", "service.up"


def register() -> None:
    """At start."""
    kinds.register(
        Kind(
            "operation.succeeded",
            _done,
            _took,
            group=_SERVICES,
            label=gettext_noop("Something that you asked for is done"),
            icon="circle-check",
            tone="ok",
            url_name="console:operation",
            sees=Permission.OPERATION_VIEW,
            webhook=True,
        ),
        Kind(
            "operation.failed",
            _failed,
            _why,
            group=_SERVICES,
            label=gettext_noop("An operation failed"),
            icon="circle-alert",
            tone="bad",
            url_name="console:operation",
            sees=Permission.OPERATION_VIEW,
            everyone=Permission.OPERATION_MANAGE,
            mail=True,
            webhook=True,
        ),
        Kind(
            "operation.cancelled",
            _cancelled,
            _nothing,
            group=_SERVICES,
            label=gettext_noop("Something that you asked for was cancelled"),
            icon="ban",
            url_name="console:operation",
            sees=Permission.OPERATION_VIEW,
            bell=False,
            webhook=True,
        ),
        _service_kind(
            _DOWN,
            gettext_noop("%(name)s is down"),
            _ill,
            label=gettext_noop("A service went down"),
            icon="triangle-alert",
            tone="bad",
            mail=True,
        ),
        _service_kind(
            _UP,
            gettext_noop("%(name)s is up again"),
            _nothing,
            label=gettext_noop("A service that was down is up again"),
            icon="circle-check",
            tone="ok",
            mail=True,
        ),
        _service_kind(
            "service.spot_notice",
            gettext_noop("%(name)s will be interrupted"),
            _due,
            label=gettext_noop("A service on spare capacity will be interrupted in two minutes"),
            icon="clock",
            tone="warn",
            mail=True,
        ),
        _service_kind(
            "service.spot_withdrawn",
            gettext_noop("%(name)s is not interrupted after all"),
            _room,
            label=gettext_noop("A service on spare capacity is not interrupted after all"),
            icon="circle-check",
            tone="ok",
            mail=True,
        ),
        _service_kind(
            "service.spot_resumed",
            gettext_noop("%(name)s runs again"),
            _room,
            label=gettext_noop("A service that was interrupted runs again"),
            icon="circle-check",
            tone="ok",
            mail=False,
        ),
    )


def _service_kind(
    code: str,
    title: str,
    body: Callable[[Params], str],
    *,
    label: str,
    icon: str,
    tone: str,
    mail: bool,
) -> Kind:
    """Of a service, as all hear who may change it."""
    return Kind(
        code,
        sentence(title),
        body,
        group=_SERVICES,
        label=label,
        icon=icon,
        tone=tone,
        url_name="console:service",
        sees=Permission.INSTANCE_VIEW,
        everyone=Permission.INSTANCE_UPDATE,
        mail=mail,
        webhook=True,
    )


def _due(params: Params) -> str:
    when = {"due_at": _when(params)}
    return _("Due %(due_at)s: its spare capacity is needed. Data is kept.") % when


def _room(params: Params) -> str:
    return _("There is spare capacity for it again.")


def _when(params: Params) -> str:
    said = params.get("due_at")
    return formats.moment(datetime.fromisoformat(said), seconds=True) if said else "…"


def tell_spot(instance: Instance, what: str, *, due_at: datetime | None = None) -> None:
    """In the transaction that gives a notice (`notice`), takes it back (`withdrawn`), or finds it
    running again (`resumed`).
    """
    said = {} if due_at is None else {"due_at": due_at.isoformat()}
    params = {**_named(instance), "region": instance.region.code, "spot": True, **said}
    _notify(f"service.spot_{what}", instance, instance.public_id, params)


def tell_end(operation: Operation, instance: Instance) -> None:
    """In the transaction that closes `operation`."""
    ended, began = operation.finished_at, operation.created_at
    params = {
        "operation": operation.public_id,
        **_named(instance),
        "kind": operation.kind,
        "seconds": round((ended - began).total_seconds(), 1) if ended else None,
        "error": operation.error_code or None,
    }
    _notify(
        _ENDS[OperationState(operation.state)],
        instance,
        operation.public_id,
        params,
        asked_by=operation.requested_by,
    )


def tell_health(instance: Instance, before: str) -> None:
    """In the transaction that stores what was seen: once when it is down, once when it is back."""
    if instance.health == before:
        return
    if instance.health == Health.DOWN and not _is_told_down(instance):
        params = {**_named(instance), "code": instance.observed_code or None}
        _notify(_DOWN, instance, instance.public_id, params)
    elif instance.health == Health.OK and _is_told_down(instance):
        _notify(_UP, instance, instance.public_id, _named(instance))


def _is_told_down(instance: Instance) -> bool:
    rows = OutboxEntry.objects.filter(target=instance.public_id, kind__in=[_DOWN, _UP])
    return rows.order_by("-id").values_list("kind", flat=True).first() == _DOWN


def _named(instance: Instance) -> dict[str, Any]:
    return {
        "instance": instance.public_id,
        "name": instance.name,
        "offering": instance.offering,
    }


def _notify(
    kind: str, instance: Instance, target: str, params: Mapping[str, Any], *, asked_by: str = ""
) -> None:
    notify(
        kind,
        organisation_id=instance.project.organisation_id,
        project_id=instance.project_id,
        target=target,
        params=params,
        asked_by=asked_by,
    )
