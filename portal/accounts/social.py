"""Sign-in by an account elsewhere (OpenID Connect, SAML): who may sign up, and confirming again."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base.constants import AuthProcess
from django.conf import settings
from django.http import HttpRequest

from portal.accounts.freshness import note_sign_in
from portal.accounts.models import User


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Providers come from settings only; rows of the database name none."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> Any:
        found = super().list_apps(request, provider, client_id)
        return [app for app in found if app.pk is None]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        if sociallogin.provider.app.settings.get("signup"):
            return True
        return bool(super().is_open_for_signup(request, sociallogin))

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Whoever was sent there to confirm who they are has done so, if it is the same person."""
        confirms = sociallogin.state.get("process") == AuthProcess.REDIRECT
        user = request.user
        same = sociallogin.is_existing and sociallogin.user == user
        if confirms and same and isinstance(user, User):
            note_sign_in(request, user)

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: Any) -> Any:
        user = super().populate_user(request, sociallogin, data)
        parts = (data.get("first_name"), data.get("last_name"))
        user.name = data.get("name") or " ".join(part for part in parts if part)
        user.name = user.name[:150]
        return user


def any_provider() -> bool:
    return bool(settings.SOCIALACCOUNT_PROVIDERS)


def ways_to_confirm(request: HttpRequest, adapter: SocialAdapter) -> list[dict[str, str]]:
    """For a person whose sign-in is elsewhere: going there again and coming back."""
    known = {app.provider_id or app.client_id for app in adapter.list_apps(request)}
    accounts = SocialAccount.objects.filter(user=request.user, provider__in=known)
    found = []
    for account in accounts:
        provider = account.get_provider(request)
        found.append(
            {
                "id": f"elsewhere:{account.provider}",
                "name": provider.name,
                "url": provider.get_login_url(request, process=AuthProcess.REDIRECT),
            }
        )
    return found
