"""The provider: each sign-in gets a nonce, and nobody adds to what we ask for by the address."""

from __future__ import annotations

import secrets
from typing import Any

from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.http import HttpRequest, HttpResponse

from portal.accounts.oidc.adapter import StrictAdapter


class StrictProvider(OpenIDConnectProvider):  # type: ignore[misc]  # allauth has no types
    """django-allauth finds it by this module's name."""

    oauth2_adapter_class = StrictAdapter
    supports_token_authentication = False

    def get_auth_params_from_request(self, request: HttpRequest, action: Any) -> dict[str, Any]:
        return dict(self.get_auth_params())

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return list(self.get_scope())

    def redirect(
        self,
        request: HttpRequest,
        process: Any,
        next_url: Any = None,
        data: Any = None,
        **more: Any,
    ) -> HttpResponse:
        """The nonce waits with the state in the session, and must stand in the identity token."""
        nonce = secrets.token_urlsafe(32)
        asked = {**(more.pop("auth_params", None) or self.get_auth_params()), "nonce": nonce}
        answer: HttpResponse = super().redirect(
            request, process, next_url, data, auth_params=asked, nonce=nonce, **more
        )
        return answer


provider_classes = [StrictProvider]
