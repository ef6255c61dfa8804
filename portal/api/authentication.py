"""Who calls: the owner of a bearer token, or (under /api/docs/) a signed-in person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DrfSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from billing.usage import meter_keys
from portal.accounts.actors import actor_of, address_of, user_actor
from portal.accounts.freshness import is_fresh
from portal.accounts.impersonation import looking_of
from portal.accounts.models import User
from portal.accounts.tokens import authenticate
from portal.kernel.actor import Actor
from portal.kernel.errors import NotPermitted
from services.regions import prober_keys

_SAFE = ("GET", "HEAD", "OPTIONS")
_BEARER = 'Bearer realm="Polder"'


@dataclass(frozen=True, slots=True)
class Caller:
    """What the framework takes for a user."""

    actor: Actor
    is_authenticated: bool = True


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, and nowhere else."""

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        http = request._request
        ident = getattr(http, "id", "")
        actor = (
            authenticate(text.strip(), address=address_of(http), request_id=ident)
            if scheme.lower() == "bearer"
            else None
        )
        if actor is None:
            raise AuthenticationFailed(_("This token is unknown, revoked or expired."))
        return Caller(actor), None

    def authenticate_header(self, request: Request) -> str:
        return _BEARER


class KeyAuthentication(BaseAuthentication):
    """A key of one of the provider's programs, as a bearer; whatever is no such key is for the
    others.
    """

    prefix: str
    refusal: str  # marked for translation

    def holder(self, text: str, *, address: str, request_id: str) -> Actor | None:
        """Who has this key; None for one that is unknown or revoked."""
        raise NotImplementedError

    def authenticate(self, request: Request) -> tuple[Caller, None] | None:
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        key, http = text.strip(), request._request
        if scheme.lower() != "bearer" or not key.startswith(self.prefix):
            return None
        ident = getattr(http, "id", "")
        actor = self.holder(key, address=address_of(http), request_id=ident)
        if actor is None:
            raise AuthenticationFailed(_(self.refusal))
        return Caller(actor), None

    def authenticate_header(self, request: Request) -> str:
        return _BEARER


class MeterAuthentication(KeyAuthentication):
    """The key of an external meter."""

    prefix = meter_keys.PREFIX
    refusal = gettext_noop("This key of a meter is unknown or revoked.")

    def holder(self, text: str, *, address: str, request_id: str) -> Actor | None:
        return meter_keys.authenticate(text, address=address, request_id=request_id)


class ProberAuthentication(KeyAuthentication):
    """The key of a region's prober."""

    prefix = prober_keys.PREFIX
    refusal = gettext_noop("This key of a prober is unknown or revoked.")

    def holder(self, text: str, *, address: str, request_id: str) -> Actor | None:
        return prober_keys.authenticate(text, address=address, request_id=request_id)


class SessionAuthentication(DrfSessionAuthentication):
    """The person of the session. A change needs the CSRF token, and, like whatever shows a secret
    (`fresh = True` on the view), a recent sign-in.
    """

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        self.enforce_csrf(request)
        if looking_of(request._request) is not None:
            return Caller(self._looking(request)), None
        shows_secret = getattr(request.parser_context["view"], "fresh", False)
        if (shows_secret or request.method not in _SAFE) and not is_fresh(request._request):
            raise NotPermitted(
                _("Your last sign-in is too long ago for this."),
                hint=_("Confirm in the console that it is you, or use a token."),
                code="sign-in-too-old",
            )
        return Caller(user_actor(user, request._request)), None

    def _looking(self, request: Request) -> Actor:
        """Staff that looks as this person: may read what is no secret."""
        if request.method not in _SAFE:
            raise NotPermitted(
                _("You are only looking, so nothing was changed."),
                hint=_("End looking as somebody else, or act in the console."),
            )
        return actor_of(request._request)

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied as error:
            raise PermissionDenied(str(error.detail), code="csrf") from error
