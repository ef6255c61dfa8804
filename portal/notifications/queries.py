"""Reads of the bell and of what people chose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from portal.kernel.actor import Actor
from portal.kernel.errors import NotPermitted
from portal.notifications import kinds
from portal.notifications.kinds import Kind
from portal.notifications.models import Notification, Preference
from portal.outbox.models import OutboxEntry

MOST_COUNTED = 100


@dataclass(frozen=True, slots=True)
class Words:
    """An entry in the reader's language; `path` is where it leads, empty when nowhere."""

    title: str
    body: str
    icon: str
    tone: str
    path: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A kind with what holds for one person."""

    kind: Kind
    bell: bool
    mail: bool


def words_of(entry: OutboxEntry) -> Words:
    kind = kinds.get(entry.kind)
    return Words(
        kind.title(entry.params), kind.body(entry.params), kind.icon, kind.tone, _path(kind, entry)
    )


def _path(kind: Kind, entry: OutboxEntry) -> str:
    if not kind.url_name:
        return ""
    try:
        return reverse(kind.url_name, args=[entry.target] if kind.targeted else [])
    except NoReverseMatch:
        return ""


def person_of(actor: Actor) -> int:
    """The key of the person who acts. Raises: NotPermitted for whoever is none."""
    if actor.user_id is None:
        raise NotPermitted(
            _("Only people have notifications."), hint=_("Use a webhook to tell a program.")
        )
    return actor.user_id


def notifications_for(actor: Actor, *, unread: bool = False) -> QuerySet[Notification]:
    """The actor's own, newest first."""
    rows = Notification.objects.filter(user_id=person_of(actor))
    if unread:
        rows = rows.filter(read_at__isnull=True)
    return rows.select_related("entry__project", "entry__organisation").order_by("-id")


def unread_count(actor: Actor) -> int:
    """Counted up to MOST_COUNTED; nobody reads a larger number. One small query."""
    rows = Notification.objects.filter(user_id=person_of(actor), read_at__isnull=True)
    return len(rows.values_list("pk", flat=True)[:MOST_COUNTED])


def choices_for(actor: Actor) -> list[Choice]:
    """All kinds that people hear of, with what holds for the actor."""
    rows = Preference.objects.filter(user_id=person_of(actor))
    chosen = {row.kind: row for row in rows}
    return [_choice(kind, chosen.get(kind.code)) for kind in kinds.for_people(staff=actor.is_staff)]


def _choice(kind: Kind, row: Preference | None) -> Choice:
    return Choice(
        kind, kind.bell if row is None else row.bell, kind.mail if row is None else row.mail
    )


def wishes(kind: Kind, user_ids: Iterable[int]) -> dict[int, Choice]:
    """What holds for each of these people. One query."""
    keys = list(user_ids)
    rows = {row.user_id: row for row in Preference.objects.filter(kind=kind.code, user_id__in=keys)}
    return {key: _choice(kind, rows.get(key)) for key in keys}
