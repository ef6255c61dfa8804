"""The provider as a seller: its legal identity from the settings, what is wrong with it, and what
is missing before an invoice can be issued.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date

from django.conf import settings
from django.utils.translation import gettext as _
from stdnum import iban

from billing.identity import schemes
from billing.identity.fields import tidy_vat_id
from billing.vat.decisions import Seller
from billing.vat.rates import rate_on
from billing.vat.territories import countries, place_of

# What an invoice cannot do without, in the order in which staff sees it.
_NEEDED = (
    "legal_name",
    "street",
    "postcode",
    "city",
    "vat_id",
    "registration",
    "iban",
    "contact_name",
    "contact_phone",
    "contact_email",
    "electronic_address",
)


@dataclass(frozen=True, slots=True)
class Provider:
    """`electronic_scheme` is of the code list EAS; `payment_days` after its issue an invoice is
    due.
    """

    legal_name: str
    street: str
    postcode: str
    city: str
    country: str
    vat_id: str
    registration: str
    iban: str
    bic: str
    contact_name: str
    contact_phone: str
    contact_email: str
    electronic_scheme: str
    electronic_address: str
    payment_days: int

    def as_json(self) -> dict[str, str | int]:
        """The snapshot that an invoice keeps."""
        return asdict(self)


def provider() -> Provider:
    """As it is now. The electronic address is written `SCHEME:ADDRESS`, as in 9930:DE136695976."""
    given = dict(settings.POLDER_PROVIDER)
    scheme, colon, address = given.pop("electronic_address", "").partition(":")
    return Provider(
        **given,
        country=settings.POLDER_PROVIDER_COUNTRY,
        electronic_scheme=scheme if colon else "",
        electronic_address=address if colon else scheme,
        payment_days=settings.POLDER_PAYMENT_DAYS,
    )


def seller() -> Seller:
    """The same for the decision about VAT."""
    given = settings.POLDER_PROVIDER
    return Seller(
        settings.POLDER_PROVIDER_COUNTRY,
        given["postcode"],
        given["vat_id"],
        settings.POLDER_PROVIDER_VAT_PERCENT,
    )


def missing() -> list[str]:
    """Fields without which no invoice can be issued."""
    found = provider()
    return [name for name in _NEEDED if not getattr(found, name)]


def variable(field: str) -> str:
    """The variable of the environment that holds a field."""
    if field == "payment_days":
        return "POLDER_PAYMENT_DAYS"
    name = "electronic_address" if field == "electronic_scheme" else field
    return f"POLDER_PROVIDER_{name.upper()}"


def label(field: str) -> str:
    labels: dict[str, Callable[[], str]] = {
        "legal_name": lambda: _("Legal name"),
        "street": lambda: _("Street and number"),
        "postcode": lambda: _("Postcode"),
        "city": lambda: _("Town"),
        "country": lambda: _("Country"),
        "vat_id": lambda: _("VAT id"),
        "registration": lambda: _("Registration number"),
        "iban": lambda: _("IBAN"),
        "bic": lambda: _("BIC"),
        "contact_name": lambda: _("Contact: name"),
        "contact_phone": lambda: _("Contact: telephone"),
        "contact_email": lambda: _("Contact: e-mail"),
        "electronic_scheme": lambda: _("Electronic address: scheme"),
        "electronic_address": lambda: _("Electronic address"),
        "payment_days": lambda: _("Days to pay"),
    }
    return labels[field]()


def faults(on: date) -> dict[str, str]:
    """What is wrong, by field; for operators, so in English."""
    found = provider()
    said: dict[str, str] = {}
    if found.country not in countries():
        return {"country": f"{found.country!r} is no country of ISO 3166"}
    if found.vat_id and tidy_vat_id(found.vat_id, found.country) != found.vat_id:
        said["vat_id"] = f"{found.vat_id!r} is no VAT id with its prefix and right check digits"
    if found.iban and not iban.is_valid(found.iban):
        said["iban"] = f"{found.iban!r} is no IBAN"
    if found.electronic_address and not found.electronic_scheme:
        said["electronic_address"] = "it must be written SCHEME:ADDRESS, as in 9930:DE136695976"
    elif found.electronic_address and not (
        found.electronic_scheme == schemes.EMAIL
        or schemes.fits(found.electronic_scheme, found.electronic_address)
    ):
        said["electronic_address"] = "it is no address of its scheme"
    if not 0 <= found.payment_days <= 365:
        said["payment_days"] = "it must be from 0 to 365"
    return said | _percent_faults(found, on)


def _percent_faults(found: Provider, on: date) -> dict[str, str]:
    percent = settings.POLDER_PROVIDER_VAT_PERCENT
    place = place_of(found.country, found.postcode)
    if percent is None:
        if place.state:
            return {}
        return {"vat_percent": f"{found.country} is outside the Union's VAT: say the rate"}
    if not 0 < percent < 100:
        return {"vat_percent": "it must be above 0 and below 100"}
    return {}


def odd_percent(on: date) -> str:
    """What is strange about the rate, though it holds; empty when nothing is."""
    percent, found = settings.POLDER_PROVIDER_VAT_PERCENT, provider()
    place = place_of(found.country, found.postcode)
    if percent is None or not place.state:
        return ""
    table = rate_on(place.state, on, place.territory).percent
    if percent == table:
        return ""
    return f"POLDER_PROVIDER_VAT_PERCENT is {percent:f}, the rate of {found.country} is {table:f}"
