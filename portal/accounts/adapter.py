"""How django-allauth's flows fit Polder."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Sign-up follows `POLDER_SIGNUP`."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.POLDER_SIGNUP == "open")
