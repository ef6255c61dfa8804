"""Value-added tax.

Until organisations have a VAT identity, everybody is quoted the provider's domestic rate, and every
price says so. The decision by buyer comes with invoices, behind `rate_for`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from portal.tenancy.models import Organisation

PROVIDER_RATE = "vat-provider"


@dataclass(frozen=True, slots=True)
class VatRate:
    """`percent` of the net amount, the country (ISO 3166) whose rate it is, and the code of the
    words for it (`billing.texts.vat_label`).
    """

    percent: Decimal
    country: str
    label_code: str = PROVIDER_RATE


def rate_for(organisation: Organisation | None) -> VatRate:
    """The rate that is quoted to `organisation`: that of the provider's country."""
    return VatRate(settings.POLDER_PROVIDER_VAT_PERCENT, settings.POLDER_PROVIDER_COUNTRY)
