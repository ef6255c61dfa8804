"""Tags of the account pages: django-allauth renders most of them, without context of ours."""

from __future__ import annotations

from typing import Any

from django import template

from portal.console import account

register = template.Library()


@register.simple_tag(takes_context=True)
def go_on(context: dict[str, Any]) -> str:
    """`{% go_on as wanted %}`: see portal.console.account.go_on."""
    return account.go_on(context["request"])


@register.simple_tag(takes_context=True)
def unconfirmed(context: dict[str, Any]) -> str:
    """An address that must be confirmed before a second factor can be added, or nothing."""
    return account.unconfirmed_address(context["request"])


@register.filter
def providers_of(accounts: Any) -> Any:
    """Accounts elsewhere, each with the name of its provider."""
    return [(one, one.get_provider().name) for one in accounts]
