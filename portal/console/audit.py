"""The audit log: who did what, to what, when, from where; and its proof."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_date
from django.utils.timezone import localtime, make_aware
from django.utils.translation import gettext as _

from portal.audit import queries as audit
from portal.console import audit_texts as texts
from portal.kernel import formats
from portal.kernel.actor import Actor
from portal.tenancy import queries as tenancy
from portal.tenancy import trail
from services.instances import queries as instances

if TYPE_CHECKING:
    from portal.audit.models import AuditEvent, ChainCheck
    from portal.tenancy.trail import Scope

_PER_PAGE = 50
FILTERS = ("actor", "verb", "target", "project", "since", "until")
_PAGES = {
    "instance": "console:service",
    "operation": "console:operation",
    "webhook": "console:webhook",
}


def page(actor: Actor, scope: Scope, asked: Mapping[str, str]) -> dict[str, Any]:
    """Context of console/audit.html. `asked`: the filters, and before or after (a sequence number
    at which the page ends).
    """
    chosen = {name: _clean(asked.get(name, "")) for name in FILTERS}
    events, older, newer = _window(scope, chosen, asked)
    shown = rows(scope, events)
    return {
        "scope": scope,
        "organisation": scope.organisation,
        "chosen": chosen,
        "filtered": any(chosen.values()),
        "people": audit.actors_of(scope.chain) if scope.project is None else [],
        "verbs": texts.choices(chosen["verb"]),
        "projects": _projects(actor, scope),
        "days": [(day, list(ones)) for day, ones in groupby(shown, key=lambda row: row["day"])],
        "older": older,
        "newer": newer,
        "proof": None if scope.project else proof(audit.last_checks(scope.chain)),
    }


def filters(chosen: Mapping[str, str]) -> dict[str, Any]:
    """What was chosen, for `trail.events_in`; days are those of the reader's clock."""
    found: dict[str, Any] = {
        name: value
        for name in ("actor", "verb", "target", "project")
        if (value := _clean(chosen.get(name, "")))
    }
    since, until = _day(chosen.get("since", "")), _day(chosen.get("until", ""))
    if since:
        found["since"] = since
    if until:
        found["until"] = until + timedelta(days=1)
    return found


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def _day(text: str) -> datetime | None:
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return make_aware(datetime.combine(day, time.min)) if day else None


def _window(
    scope: Scope, chosen: Mapping[str, str], asked: Mapping[str, str]
) -> tuple[list[AuditEvent], int | None, int | None]:
    """A page of events, and where the older and the newer page begin."""
    found = trail.events_in(scope, filters(chosen))
    after, before = _number(asked.get("after")), _number(asked.get("before"))
    if after is not None:
        upwards = found.filter(sequence__gt=after).order_by("sequence")[: _PER_PAGE + 1]
        events = list(upwards)
        newer = events[_PER_PAGE - 1].sequence if len(events) > _PER_PAGE else None
        events = events[:_PER_PAGE][::-1]
        return events, (events[-1].sequence if events else None), newer
    if before is not None:
        found = found.filter(sequence__lt=before)
    events = list(found[: _PER_PAGE + 1])
    older = events[_PER_PAGE - 1].sequence if len(events) > _PER_PAGE else None
    events = events[:_PER_PAGE]
    return events, older, (events[0].sequence if events and before is not None else None)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _projects(actor: Actor, scope: Scope) -> list[tuple[str, str]]:
    if scope.project is not None:
        return [(scope.project.slug, scope.project.name)]
    rows = tenancy.projects_for(actor).filter(organisation=scope.organisation)
    return [(row.slug, row.name) for row in rows]


# -- rows ------------------------------------------------------------------------------------------


def rows(scope: Scope, events: Sequence[AuditEvent]) -> list[dict[str, Any]]:
    """Events as the page shows them. Two queries for the names of people and services."""
    people = tenancy.emails_of(int(e.target) for e in events if e.target.isdigit())
    services = instances.names_in(
        scope.chain, {e.target for e in events if e.target_kind == "instance"}
    )
    return [_row(event, people, services) for event in events]


def _row(
    event: AuditEvent, people: Mapping[int, str], services: Mapping[str, str]
) -> dict[str, Any]:
    is_person = event.target.isdigit()
    target = people.get(int(event.target), _("somebody who left")) if is_person else event.target
    return {
        "event": event,
        "day": localtime(event.at).date(),
        "time": formats.clock_time(event.at, seconds=True),
        "who": event.actor_name or _("somebody whose name was erased"),
        "what": texts.verb_text(event.verb),
        "icon": texts.icon_of(event.verb),
        "target": services.get(event.target, target),
        "target_id": "" if is_person else event.target,
        "url": _url(event),
        "changes": changes(event.before, event.after),
    }


def _url(event: AuditEvent) -> str:
    name = _PAGES.get(event.target_kind)
    if name is None or event.verb.endswith((".delete", ".purge")):
        return ""
    try:
        return reverse(name, args=[event.target])
    except NoReverseMatch:
        return ""


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """Field by field: what it was and what it became. What stayed as it was is left out, unless
    there is no before: then all of after is new.
    """
    old, new = _flat(before), _flat(after)
    return [
        {"field": name, "before": old.get(name, ""), "after": new.get(name, "")}
        for name in [*old, *(n for n in new if n not in old)]
        if old.get(name) != new.get(name)
    ]


def _flat(values: Mapping[str, Any], start: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{start}{name}.")
        else:
            found[f"{start}{name}"] = _text(value)
    return found


def _text(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return ", ".join(map(_text, value)) if isinstance(value, list) else str(value)


# -- the proof -------------------------------------------------------------------------------------


def proof(checks: Sequence[ChainCheck]) -> dict[str, Any] | None:
    """The last check, and the last of the whole chain where that one saw only the newest."""
    if not checks:
        return None
    last = checks[0]
    whole = next((check for check in checks if check.complete), None)
    broken = next((check for check in checks if not check.ok), None)
    return {
        "last": last,
        "whole": whole if not last.complete else None,
        "broken": broken,
        "why": texts.fault_text(broken.why) if broken else "",
    }
