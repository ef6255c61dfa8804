"""The tabs of the reader's own account."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from portal.accounts.social import any_provider
from portal.console.page import url_or_nothing


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of the account; django-allauth serves some of them below `url_name`'s address."""

    key: str
    label: Promise
    url_name: str


TABS = (
    Tab("profile", gettext_lazy("Profile"), "console:account"),
    Tab("email", gettext_lazy("E-mail addresses"), "account_email"),
    Tab("password", gettext_lazy("Password"), "account_change_password"),
    Tab("second-factor", gettext_lazy("Two-factor"), "mfa_index"),
    Tab("passkeys", gettext_lazy("Passkeys"), "mfa_list_webauthn"),
    Tab("connections", gettext_lazy("Connected accounts"), "socialaccount_connections"),
    Tab("sessions", gettext_lazy("Sessions"), "console:account-sessions"),
    Tab("data", gettext_lazy("Your data"), "console:account-data"),
)


def tabs(path: str) -> tuple[list[tuple[str, str, str]], str]:
    """The tabs of the account's pages, and the key of the one whose address `path` begins with."""
    shown = [tab for tab in TABS if tab.key != "connections" or any_provider()]
    links = [(tab.key, str(tab.label), url_or_nothing(tab.url_name)) for tab in shown]
    fitting = [(url, key) for key, _label, url in links if path.startswith(url)]
    return links, max(fitting, default=("", ""))[1]
