"""What a person changes about their own account."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from portal.accounts.models import User
from portal.audit.actions import PROVIDER, record
from portal.kernel.actor import Actor
from portal.kernel.errors import Invalid, NotFound, NotPermitted

MOST_NAME = 150


@transaction.atomic
def update_profile(*, actor: Actor, user: User, name: str, language: str) -> User:
    """`language` is one of LANGUAGES, or empty for what the browser asks for. Raises: Invalid."""
    faults: dict[str, str] = {}
    if len(name) > MOST_NAME or "\0" in name:
        faults["name"] = _("Give a name of at most %(most)s characters.") % {"most": MOST_NAME}
    if language and language not in dict(settings.LANGUAGES):
        faults["language"] = _("Choose one of the languages in the list.")
    if faults:
        raise Invalid(faults)
    before = {"language": user.language}
    user.name, user.language = name.strip(), language
    user.save(update_fields=["name", "language"])
    # The name itself stays out: what is personal could not be erased from the trail.
    record(actor, "user.update", "user", str(user.pk), chain=PROVIDER, before=before)
    return user


@transaction.atomic
def end_session(*, actor: Actor, user: User, session_id: int) -> None:
    """Signs out one session of the person's own. Raises: NotFound."""
    found = UserSession.objects.filter(pk=session_id, user=user).first()
    if found is None:
        raise NotFound(
            _("This session has ended already."), hint=_("See the list of your sessions.")
        )
    found.end()
    record(actor, "session.end", "user", str(user.pk), chain=PROVIDER)


@transaction.atomic
def end_other_sessions(*, actor: Actor, user: User, here: str) -> int:
    """Signs out all sessions of the person but the one whose key is `here`. Returns how many."""
    others = [row for row in UserSession.objects.filter(user=user) if row.session_key != here]
    for row in others:
        row.end()
    record(actor, "session.end", "user", str(user.pk), chain=PROVIDER)
    return len(others)


@transaction.atomic
def sign_out_everywhere(*, actor: Actor, user: User) -> int:
    """By the provider's staff, who have been told that somebody else is in there. Tokens stay: they
    are revoked one by one. Returns how many sessions ended.
    """
    if not actor.is_staff:
        raise NotPermitted(_("This is for the provider's staff."))
    found = list(UserSession.objects.filter(user=user))
    for row in found:
        row.end()
    record(actor, "session.end", "user", str(user.pk), chain=PROVIDER)
    return len(found)
