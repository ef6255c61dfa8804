"""Who is behind a request: the person of the session, or the owner of a token."""

from __future__ import annotations

from django.http import HttpRequest

from portal.accounts.models import User
from portal.kernel.actor import Actor


def address_of(request: HttpRequest) -> str:
    """The client's address: portal.conf.middleware.ClientAddress looks behind trusted proxies."""
    return str(request.META.get("REMOTE_ADDR", ""))


def actor_of(request: HttpRequest) -> Actor:
    """The actor of a request with a signed-in user (or, in the API, a token). Memoised for the
    request.

    Raises: TypeError for an anonymous request (a view forgot to demand a login).
    """
    found = getattr(request, "actor", None)
    if isinstance(found, Actor):
        return found
    if not isinstance(request.user, User):
        raise TypeError("this view needs a signed-in user")
    actor = user_actor(request.user, request)
    request.actor = actor  # type: ignore[attr-defined]  # one actor a request
    return actor


def user_actor(user: User, request: HttpRequest | None = None) -> Actor:
    """A person as a member of organisations."""
    return Actor(
        kind="user",
        id=str(user.pk),
        name=user.email,
        user_id=user.pk,
        is_staff=user.is_staff,
        address=address_of(request) if request else "",
        request_id=getattr(request, "id", "") if request else "",
    )


def staff_actor(request: HttpRequest, person: User | None = None) -> Actor:
    """A person of the provider who acts as such: who is signed in, or `person` behind them.

    Raises: TypeError for anybody else.
    """
    user = person or request.user
    if not isinstance(user, User) or not user.is_staff:
        raise TypeError("this view needs a person of the provider")
    return Actor(
        kind="staff",
        id=str(user.pk),
        name=user.email,
        is_staff=True,
        address=address_of(request),
        request_id=getattr(request, "id", ""),
    )
