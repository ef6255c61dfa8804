"""What people do with their bell and their choices. Their own only, so nothing to permit and
nothing for the audit trail of an organisation.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction
from django.utils.translation import gettext as _

from portal.kernel import clock
from portal.kernel.actor import Actor
from portal.kernel.errors import NotFound
from portal.notifications import kinds
from portal.notifications.models import Notification, Preference
from portal.notifications.queries import notifications_for, person_of, words_of


def mark_read(*, actor: Actor, event: str = "") -> int:
    """All of the actor's notifications, or the one of an event. Returns how many were unread."""
    rows = Notification.objects.filter(user_id=person_of(actor), read_at__isnull=True)
    if event:
        rows = rows.filter(entry__public_id=event)
    return rows.update(read_at=clock.now())


def open_one(*, actor: Actor, event: str) -> str:
    """Marks one as read, unless staff looks as the person. Returns the path that it leads to, if
    any. Raises: NotFound.
    """
    rows = notifications_for(actor).filter(entry__public_id=event)
    found = rows.first()
    if found is None:
        raise NotFound(_("There is no such notification."), hint=_("See the list of them."))
    if not actor.is_impersonating:
        mark_read(actor=actor, event=event)
    return words_of(found.entry).path


@transaction.atomic
def choose(*, actor: Actor, bell: Collection[str], mail: Collection[str]) -> None:
    """For every kind whether the actor hears of it by bell and by mail: what is not named is off.

    A choice that is no different from the kind's own leaves no row, so that it follows later
    releases.
    """
    user_id = person_of(actor)
    Preference.objects.filter(user_id=user_id).delete()
    rows = [
        Preference(user_id=user_id, kind=kind.code, bell=kind.code in bell, mail=kind.code in mail)
        for kind in kinds.for_people(staff=actor.is_staff)
        if (kind.code in bell, kind.code in mail) != (kind.bell, kind.mail)
    ]
    Preference.objects.bulk_create(rows)
