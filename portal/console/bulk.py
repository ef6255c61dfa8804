"""One thing done to many services: each on its own, so that one refusal stops no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.orders import ordering
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, PortalError
from portal.tenancy import access
from portal.tenancy.permissions import Permission
from services.instances import actions, queries
from services.instances.admission import tag_faults

if TYPE_CHECKING:
    from portal.tenancy.models import Project

MOST = 100
Do = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one service. `error` and `hint` are empty where it was done."""

    name: str
    public_id: str
    error: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """`summary` says how many were done."""

    action: str
    done: list[Outcome]
    refused: list[Outcome]
    summary: str


def run(actor: Actor, project: Project, sent: QueryDict) -> Result:
    """Does `action` (pause, resume, tag, untag) to each service in `id`.

    Raises: NotPermitted, Invalid when nothing can be begun; then nothing was done.
    """
    access.require(actor, project, Permission.INSTANCE_UPDATE)
    action, numbers = sent.get("action", ""), list(dict.fromkeys(sent.getlist("id")))
    do = _do(action, sent.get("tag", "").strip(), numbers)
    known = {
        instance.public_id: instance
        for instance in queries.instances_for(actor, project=project.slug).filter(
            public_id__in=numbers
        )
    }
    outcomes = [_one(actor, do, number, known.get(number)) for number in numbers]
    done = [outcome for outcome in outcomes if not outcome.error]
    refused = [outcome for outcome in outcomes if outcome.error]
    return Result(action, done, refused, _summary(action, len(done)))


def _do(action: str, tag: str, numbers: Sequence[str]) -> Do:
    faults: dict[str, str] = {}
    if not numbers:
        faults["id"] = _("Tick at least one service.")
    if len(numbers) > MOST:
        faults["id"] = _("Tick at most %(most)s services.") % {"most": MOST}
    key, _colon, value = (part.strip() for part in tag.partition(":"))
    if action in ("tag", "untag"):
        if not key:
            faults["tag"] = _("Write the tag as name:value.")
        elif wrong := tag_faults({key: value}):
            faults["tag"] = wrong["tags"]
    doings: dict[str, Do] = {
        "pause": actions.pause,
        "resume": ordering.resume_order,
        "tag": partial(actions.tag, add={key: value}),
        "untag": partial(actions.tag, remove=(key,)),
    }
    if action not in doings:
        faults["action"] = _("Choose what to do.")
    if faults:
        raise Invalid(faults)
    return doings[action]


def _one(actor: Actor, do: Do, number: str, instance: Any) -> Outcome:
    if instance is None:
        return Outcome(number, "", _("There is no such service here, or you may not see it."))
    try:
        do(actor=actor, instance=instance)
    except PortalError as error:
        return Outcome(instance.name, number, error.text, error.hint)
    return Outcome(instance.name, number)


def _summary(action: str, n: int) -> str:
    if action == "pause":
        text = ngettext("%(n)s service is being paused.", "%(n)s services are being paused.", n)
    elif action == "resume":
        text = ngettext("%(n)s service is being resumed.", "%(n)s services are being resumed.", n)
    elif action == "tag":
        text = ngettext("%(n)s service has the tag now.", "%(n)s services have the tag now.", n)
    else:
        text = ngettext(
            "%(n)s service does not have the tag any more.",
            "%(n)s services do not have the tag any more.",
            n,
        )
    return text % {"n": n}
