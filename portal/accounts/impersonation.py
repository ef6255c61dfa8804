"""A person of the provider looks as somebody else: what the session remembers of that.

The session stays that of the person of the provider; its key changes when it begins and when it
ends. What is remembered is checked at each request against who the two are now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from typing import Any

from allauth.usersessions.models import UserSession
from django.http import HttpRequest
from django.middleware.csrf import rotate_token

from portal.accounts.actors import user_actor
from portal.accounts.models import User
from portal.kernel import clock
from portal.kernel.actor import Actor

_KEY = "looking_as"
_PROJECT = "project"  # portal.console.scope: each of the two has a choice of their own


@dataclass(frozen=True, slots=True)
class Looking:
    """`staff` looks as `user` until `until`; with `may_change`, may change things, too. `back` is
    the page to return to.
    """

    staff: User
    user: User
    until: datetime
    may_change: bool
    back: str

    @property
    def is_over(self) -> bool:
        return self.until <= clock.now()

    @property
    def minutes_left(self) -> int:
        """Begun ones count."""
        return max(ceil((self.until - clock.now()).total_seconds() / 60), 0)


def begin(request: HttpRequest, user: User, until: datetime, back: str) -> None:
    """From the next request on, the session looks as `user`."""
    request.session[_KEY] = {
        "staff": request.user.pk,
        "user": user.pk,
        "until": until.isoformat(),
        "may_change": False,
        "back": back,
        "project": request.session.pop(_PROJECT, ""),
    }
    _rotate(request)


def allow_changes(request: HttpRequest) -> None:
    """From the next request on, things may be changed, until it ends."""
    request.session[_KEY] = {**request.session[_KEY], "may_change": True}
    _rotate(request)


def end(request: HttpRequest) -> None:
    """The session is that of the person of the provider again, and nothing else."""
    found: dict[str, Any] = request.session.pop(_KEY, {})
    request.session.pop(_PROJECT, None)
    if found.get("project"):
        request.session[_PROJECT] = found["project"]
    _rotate(request)


def current(request: HttpRequest) -> Looking | None:
    """What goes on, also when its time is over. None, and forgotten, once one of the two is no
    longer who they were. One query while it goes on.
    """
    found = request.session.get(_KEY)
    if found is None:
        return None
    staff = request.user
    user = User.objects.filter(pk=found["user"], is_active=True, is_staff=False).first()
    fits = isinstance(staff, User) and staff.is_staff and staff.pk == found["staff"]
    if not fits or user is None or user.is_superuser or not isinstance(staff, User):
        end(request)
        return None
    return Looking(
        staff=staff,
        user=user,
        until=datetime.fromisoformat(found["until"]),
        may_change=bool(found["may_change"]) and staff.is_superuser,
        back=found["back"],
    )


def looking_of(request: HttpRequest) -> Looking | None:
    """As the middleware found it for this request."""
    found = getattr(request, "looking", None)
    return found if isinstance(found, Looking) else None


def actor_as(looking: Looking, request: HttpRequest, scopes: frozenset[str]) -> Actor:
    """Acts with the rights of `user`, bounded by `scopes`; what it does is written down under the
    names of both.
    """
    return replace(
        user_actor(looking.user, request),
        id=str(looking.staff.pk),
        name=looking.staff.email,
        scopes=scopes,
        on_behalf_of=looking.user.email,
        on_behalf_of_id=str(looking.user.pk),
    )


def _rotate(request: HttpRequest) -> None:
    """Another key, under which the person still finds the session in the list of theirs."""
    before = request.session.session_key
    request.session.cycle_key()
    rows = UserSession.objects.filter(session_key=before)
    rows.update(session_key=request.session.session_key)
    rotate_token(request)
