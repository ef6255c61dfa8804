"""How long ago a person proved who they are, in this session: by signing in or by confirming it
again. django-allauth keeps the list (password, second factor, passkey); a finished sign-in is
added to it.
"""

from __future__ import annotations

import time
from datetime import timedelta

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.http import HttpRequest

from portal.accounts.impersonation import looking_of
from portal.accounts.models import User
from portal.kernel import clock


def note_sign_in(request: HttpRequest, user: User) -> None:
    """The person has just proved who they are."""
    record_authentication(request, user, "sign_in", reauthenticated=True)


def is_fresh(request: HttpRequest) -> bool:
    """Whether the last proof is younger than `POLDER_REAUTHENTICATION_MINUTES`: of whoever signed
    in, also while they look as somebody else.
    """
    looking = looking_of(request)
    person = looking.staff if looking else request.user
    if not person.is_authenticated:
        return False
    records = get_authentication_records(request, person)
    proofs = [record["at"] for record in records if record.get("reauthenticated")]
    limit: int = settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    return bool(proofs) and time.time() - proofs[-1] < limit


def confirmation_address(request: HttpRequest) -> str:
    """The page where the person confirms who they are, by their first way to do so."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    return str(ways[0]["url"]) if ways else str(settings.LOGIN_URL)


def end_in_time(request: HttpRequest) -> None:
    """The session lasts for its time from now: an end that moved with each use would never come."""
    lasts = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    request.session.set_expiry(clock.now() + lasts)
