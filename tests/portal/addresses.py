"""Names of all addresses, and which of them have rules that are not ours."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

# Addresses that are not ours to rule here, each with its reason.
EXEMPT = {
    "console:security": "404 until the provider names a contact; tests/walk/test_public.py",
    "api:-": "answers 404 for whatever is not an address of the API",
    "api-docs-try": "sends a request as the reader; the API decides",
    "-": "old addresses of django-allauth, which lead to the new ones",
}
# django-allauth's own rules (portal/accounts/adapter.py); tests/portal/test_sign_in.py.
EXEMPT_STARTS = ("account_", "mfa_", "usersessions_", "socialaccount_", "saml_", "openid_connect_")


def names() -> Iterator[str]:
    """Every named address but the admin site's, which is for staff as a whole."""

    def walk(resolver: URLResolver, space: str) -> Iterator[str]:
        for pattern in resolver.url_patterns:
            if isinstance(pattern, URLPattern):
                yield f"{space}{pattern.name or '-'}"
            elif pattern.namespace != "admin":
                yield from walk(pattern, f"{pattern.namespace}:" if pattern.namespace else space)

    yield from walk(get_resolver(), "")
