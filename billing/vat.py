"""Value-added tax. Until organisations have a VAT identity, everybody is quoted the provider's
domestic rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation


@dataclass(frozen=True, slots=True)
class VatRate:
    """`percent` of the net amount, and the country (ISO 3166) whose rate it is."""

    percent: Decimal
    country: str


def rate_for(organisation: Organisation | None) -> VatRate:
    """The rate that is quoted to `organisation`: that of the provider's country."""
    return VatRate(settings.POLDER_PROVIDER_VAT_PERCENT, settings.POLDER_PROVIDER_COUNTRY)
