"""Sign-in by somebody else's account: from what the operator writes to django-allauth's settings.

`POLDER_OIDC_PROVIDERS` and `POLDER_SAML_PROVIDERS` hold JSON, a list of objects, or `@FILE` with it
in it; docs/operating.md shows both. Unset means none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

Given = Mapping[str, Any]
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TAKEN = ("saml",)  # would hide an address of ours


def oidc(name: str, text: str) -> dict[str, Any]:
    """Raises: ImproperlyConfigured, naming the variable and what is wrong."""
    apps = [_oidc_app(name, one) for one in _entries(name, text, _OIDC_NEEDS)]
    return {"openid_connect": {"APPS": apps, "OAUTH_PKCE_ENABLED": True}} if apps else {}


def saml(name: str, text: str) -> dict[str, Any]:
    """Raises: ImproperlyConfigured, naming the variable and what is wrong."""
    apps = [_saml_app(one) for one in _entries(name, text, _SAML_NEEDS)]
    return {"saml": {"APPS": apps}} if apps else {}


_OIDC_NEEDS = ("id", "name", "server_url", "client_id")
_SAML_NEEDS = ("id", "name", "entity_id")


def _entries(name: str, text: str, needs: tuple[str, ...]) -> list[Given]:
    if not text.strip():
        return []
    try:
        found = json.loads(Path(text[1:]).read_text() if text.startswith("@") else text)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{name} cannot be read as JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ImproperlyConfigured(f"{name} must be a list of objects.")
    for one in found:
        missing = [need for need in needs if not isinstance(one.get(need), str) or not one[need]]
        if missing:
            raise ImproperlyConfigured(f"{name}: a provider lacks {', '.join(missing)}.")
        if not _ID.fullmatch(one["id"]) or one["id"] in _TAKEN:
            raise ImproperlyConfigured(
                f"{name}: the id {one['id']!r} must be lower-case letters, digits and dashes."
            )
    ids = [one["id"] for one in found]
    if len(set(ids)) < len(ids):
        raise ImproperlyConfigured(f"{name}: two providers have the same id.")
    return found


def _common(one: Given) -> dict[str, Any]:
    """`trusts_email`: an address that the provider calls verified is; whoever has it signs in to
    the account with that address. `signup`: its people may sign up whatever POLDER_SIGNUP says.
    """
    trusts = bool(one.get("trusts_email", False))
    return {
        "verified_email": trusts,
        "email_authentication": trusts,
        "signup": bool(one.get("signup", False)),
    }


def _oidc_app(name: str, one: Given) -> dict[str, Any]:
    if not one["server_url"].startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise ImproperlyConfigured(f"{name}: server_url of {one['id']} must begin with https://.")
    return {
        "provider_id": one["id"],
        "name": one["name"],
        "client_id": one["client_id"],
        "secret": one.get("client_secret", ""),
        "settings": {
            **_common(one),
            "server_url": one["server_url"],
            "uid_field": one.get("uid_field", "sub"),
            "oauth_pkce_enabled": True,
        },
    }


def _saml_app(one: Given) -> dict[str, Any]:
    idp = {"entity_id": one["entity_id"]}
    idp |= {
        key: one[key] for key in ("metadata_url", "sso_url", "slo_url", "x509cert") if key in one
    }
    if "metadata_url" not in idp and not {"sso_url", "x509cert"} <= set(idp):
        raise ImproperlyConfigured(
            f"The SAML provider {one['id']} needs metadata_url, or sso_url and x509cert."
        )
    found: dict[str, Any] = {
        **_common(one),
        "idp": idp,
        "advanced": {
            "strict": True,
            "want_assertion_signed": True,
            "reject_idp_initiated_sso": True,
            "authn_request_signed": "private_key" in one,
            **{key: one[key] for key in ("private_key",) if key in one},
            **({"x509cert": one["certificate"]} if "certificate" in one else {}),
        },
    }
    if "attributes" in one:
        found["attribute_mapping"] = one["attributes"]
    if one.get("name_id_is_email"):
        found["use_nameid_for_email"] = True
    return {
        "provider_id": one["id"],
        "client_id": one["id"],
        "name": one["name"],
        "settings": found,
    }
