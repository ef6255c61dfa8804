"""How django-allauth's flows fit Polder: who may sign up, what its mails say, where links lead."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.socialaccount.adapter import get_adapter as get_social_adapter
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.accounts import mail
from portal.accounts.actors import address_of, user_actor
from portal.accounts.freshness import end_in_time, note_sign_in
from portal.accounts.social import any_provider, ways_to_confirm
from portal.audit.actions import PROVIDER, record
from portal.kernel.errors import Unavailable

logger = logging.getLogger("portal.accounts")

# The session of somebody who opened a valid invitation holds its public id under this key.
INVITATION = "invitation"

# django-allauth's notifications → the sentence that the mail `account_changed` tells.
_FACTS: dict[str, Promise | str] = {
    "email_changed": _("The address of your account was changed to %(to_email)s."),
    "email_confirm": _("An e-mail address was confirmed."),
    "email_deleted": _("The address %(deleted_email)s was removed from your account."),
    "password_changed": _("Your password was changed."),
    "password_set": _("A password was set."),
    "password_reset": _("Your password was replaced by way of a link in a mail."),
    "recovery_codes_generated": _("New recovery codes were made; the old ones are void."),
    "totp_activated": _("An authenticator app was added."),
    "totp_deactivated": _("The authenticator app was removed."),
    "webauthn_added": _("A passkey was added."),
    "webauthn_removed": _("A passkey was removed."),
    "account_connected": _("A sign-in by %(provider)s was connected."),
    "account_disconnected": _("The sign-in by %(provider)s was disconnected."),
}
# Two of its mails that say the same.
_SAME = {"email_confirmation_signup": "email_confirmation"}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-up follows `POLDER_SIGNUP`; mails are ours, and lead to `POLDER_URL` whatever host the
    request named.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.POLDER_SIGNUP == "invite":
            return INVITATION in request.session
        return bool(settings.POLDER_SIGNUP == "open")

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Also by the account elsewhere, for whoever signs in with one."""
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if user.is_authenticated and any_provider():
            for way in ways_to_confirm(context.request, get_social_adapter()):
                text = gettext("Use %(provider)s") % {"provider": way["name"]}
                found.append({"id": way["id"], "description": text, "url": way["url"]})
        return found

    def login(self, request: HttpRequest, user: Any) -> None:
        """Signed in: all stages are passed. That is a fresh proof, and the session lasts."""
        super().login(request, user)
        end_in_time(request)
        note_sign_in(request, user)
        ways = [record["method"] for record in get_authentication_records(request, user)]
        told = {"user": user.pk, "address": address_of(request), "by": ",".join(ways[:-1])}
        logger.info("sign_in.succeeded", extra=told)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail that only tells of something done does not undo it by failing."""
        name = template_prefix.rpartition("/")[2]
        language = getattr(context.get("user"), "language", "")
        by_the_way = name in _FACTS or name in _SAME
        if name in _FACTS:
            context = {**context, "fact": str(_FACTS[name]) % context}
            name = "account_changed"
        try:
            mail.send(_SAME.get(name, name), email, context, language)
        except Unavailable:
            if not by_the_way:
                raise

    def send_notification_mail(
        self,
        template_prefix: str,
        user: Any,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Called for each change to how somebody signs in: written down, then told by mail."""
        name, pk = template_prefix.rpartition("/")[2], str(user.pk)
        with transaction.atomic():
            record(user_actor(user, self.request), f"account.{name}", "user", pk, chain=PROVIDER)
        super().send_notification_mail(
            template_prefix, user, {**(context or {}), "user": user}, email
        )

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        logger.warning("sign_in.failed", extra={"address": address_of(request)})

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{settings.POLDER_URL}{path}".replace("UID-KEY", key)

    def get_email_confirmation_url(self, request: HttpRequest, emailconfirmation: Any) -> str:
        path = reverse("account_confirm_email", args=[emailconfirmation.key])
        return f"{settings.POLDER_URL}{path}"
