"""Forms of django-allauth with rules of ours."""

from __future__ import annotations

from allauth.account.forms import SignupForm as AllauthSignupForm
from allauth.core import context
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class SignupForm(AllauthSignupForm):  # type: ignore[misc]  # allauth has no types
    """Where sign-up is by invitation, an invitation opens it for the address that it went to."""

    def clean_email(self) -> str:
        email = str(super().clean_email())
        invited = context.request.session.get("account_verified_email") or ""
        if settings.POLDER_SIGNUP == "invite" and email.lower() != invited.lower():
            raise ValidationError(_("Sign up with the address that was invited."))
        return email
