"""What a provider says is taken only as OpenID Connect Core 1.0 §3.1.3.7 has it: its metadata are
those of the address that the operator wrote, and the identity token is signed by it, for us, for
this very sign-in. django-allauth asks for less, as the token came by TLS.
"""

from __future__ import annotations

import hmac
from typing import Any

import jwt
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest

# Signatures by a key that the provider alone has; a shared secret or none is no proof.
ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
_WELL_KNOWN = "/.well-known/"
_LEEWAY_SECONDS = 30  # of clocks


class StrictAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # allauth has no types
    """Raises OAuth2Error for whatever is not as it must be: the person sees that it failed."""

    nonce: str | None = None  # of this sign-in; the callback sets it

    @property
    def openid_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().openid_config
        ours = str(self.get_provider().server_url).partition(_WELL_KNOWN)[0]
        if str(config.get("issuer", "")).rstrip("/") != ours.rstrip("/"):
            raise OAuth2Error(f"The metadata at {ours} name another issuer.")
        return config

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("The provider sent no identity token.")
        login = super().complete_login(request, app, token, **kwargs)
        told = login.account.extra_data
        if told.get("userinfo", told["id_token"]).get("sub") != told["id_token"]["sub"]:
            raise OAuth2Error("The provider tells of another person than its identity token.")
        return login

    def _decode_id_token(self, app: Any, id_token: str) -> dict[str, Any]:
        try:
            key = self._key(id_token)
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key.key,
                algorithms=[key.algorithm_name],
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                leeway=_LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error("The identity token is not good.") from error
        if not self.nonce or not hmac.compare_digest(str(claims.get("nonce", "")), self.nonce):
            raise OAuth2Error("The identity token is of another sign-in.")
        jwtkit.verify_jti(claims)
        return claims

    def _key(self, id_token: str) -> jwt.PyJWK:
        """The provider's key that the token names; its only one when the token names none."""
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.openid_config["jwks_uri"])
            answer.raise_for_status()
            keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        name = jwt.get_unverified_header(id_token).get("kid")
        found = [key for key in keys if name is None or key.key_id == name]
        if len(found) != 1 or found[0].algorithm_name not in ALGORITHMS:
            raise OAuth2Error("No key of the provider fits the identity token.")
        return found[0]
