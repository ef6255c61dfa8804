"""Who sells: the provider's legal identity, as the operator writes it into the environment.

What is missing or wrong is said by the system checks (`billing.checks`) and on the staff pages.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from django.core.exceptions import ImproperlyConfigured

from portal.conf import environment as env

_FIELDS = (
    "LEGAL_NAME",
    "STREET",
    "POSTCODE",
    "CITY",
    "VAT_ID",
    "REGISTRATION",
    "IBAN",
    "BIC",
    "CONTACT_NAME",
    "CONTACT_PHONE",
    "CONTACT_EMAIL",
    "ELECTRONIC_ADDRESS",
)


def identity(prefix: str) -> dict[str, str]:
    """By field, in lower case; what is not set is empty."""
    return {name.lower(): env.text(f"{prefix}_{name}", "").strip() for name in _FIELDS}


def percent(name: str) -> Decimal | None:
    """None leaves it to the table of rates. Raises: ImproperlyConfigured for what is no number."""
    text = env.text(name, "").strip()
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ImproperlyConfigured(f"{name} must be a number such as 21, not {text!r}.") from error
