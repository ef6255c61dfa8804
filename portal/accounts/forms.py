"""Forms of django-allauth with rules of ours."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from allauth.core import context
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from portal.accounts.freshness import end_in_time


class LoginForm(AllauthLoginForm):  # type: ignore[misc]  # allauth has no types
    def login(self, request: HttpRequest, redirect_url: str | None = None) -> HttpResponse:
        """django-allauth lets the end of the session move with its use."""
        answer: HttpResponse = super().login(request, redirect_url)
        end_in_time(request)
        return answer


class SignupForm(AllauthSignupForm):  # type: ignore[misc]  # allauth has no types
    """Where sign-up is by invitation, an invitation opens it for the address that it went to."""

    def clean_email(self) -> str:
        email = str(super().clean_email())
        invited = context.request.session.get("account_verified_email") or ""
        if settings.POLDER_SIGNUP == "invite" and email.lower() != invited.lower():
            raise ValidationError(_("Sign up with the address that was invited."))
        return email


# What the parser of a passkey's answer trips over when it is none.
_NO_ANSWER = (AttributeError, IndexError, KeyError, TypeError, ValueError, struct.error)


class _Sturdy:
    """Refuses an answer that no passkey gave, where allauth would break."""

    def clean(self) -> Any:
        return _refusing(super().clean)  # type: ignore[misc]  # of the form beside it

    def clean_credential(self) -> Any:
        def as_sent() -> Any:
            return self.cleaned_data["credential"]  # type: ignore[attr-defined]  # of the form

        return _refusing(getattr(super(), "clean_credential", as_sent))


def _refusing(clean: Callable[[], Any]) -> Any:
    try:
        return clean()
    except _NO_ANSWER as error:
        raise ValidationError(_("The answer of the passkey could not be used.")) from error


class AddPasskeyForm(_Sturdy, AddWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """A passkey or security key of a signed-in person."""


class AuthenticatePasskeyForm(_Sturdy, AuthenticateWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """The second factor of a sign-in."""


class LoginPasskeyForm(_Sturdy, LoginWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """A sign-in by a passkey alone."""


class ReauthenticatePasskeyForm(_Sturdy, ReauthenticateWebAuthnForm):  # type: ignore[misc]  # allauth has no types
    """Is it still you?"""
