"""System checks: every plan can be priced from the files, the files keep their rules, and the
provider has a legal identity.

They read files and settings alone, so they run before there is a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from billing.identity import provider
from billing.pricebook import files as book
from billing.pricebook.files import PriceRow
from billing.pricebook.lint import lint
from portal.kernel import clock
from services import registry
from services.spec import Offering


@register()
def check_prices(**_: Any) -> list[CheckMessage]:
    """billing.E001: a fault in the files. billing.E002: an offering whose plans have no price, now
    or from the day on which a price ends.
    """
    try:
        rows = book.read()
    except ValueError as error:
        return [Error(f"Price files: {error}", id="billing.E001")]
    faults: list[CheckMessage] = [Error(f"Price files: {f}", id="billing.E001") for f in lint(rows)]
    try:
        offerings = [entry.offering for entry in registry.entries().values()]
    except ValueError:
        return faults  # a broken catalogue has a check of its own
    words = unpriced(offerings, rows, clock.now())
    return faults + [
        Error(word, hint="Add the class to a file in billing/prices/.", id="billing.E002")
        for word in words
    ]


def unpriced(offerings: Iterable[Offering], rows: Sequence[PriceRow], now: datetime) -> list[str]:
    """A sentence for each offering whose class lacks the price of a meter, now or later. Pure.

    Only prices for everywhere count: a plan must have a price wherever it can be ordered.
    """
    found: list[str] = []
    for offering in offerings:
        own = [r for r in rows if r.price_class == offering.price_class and not r.region]
        ends = sorted({r.valid_to for r in own if r.valid_to is not None and r.valid_to > now})
        meters = [m.code for m in offering.meters]
        for at in (now, *ends):
            priced = {r.meter for r in own if r.holds(at)}
            if missing := [m for m in meters if m not in priced]:
                found.append(
                    f"{offering.slug}: price class {offering.price_class} has no price for "
                    f"{', '.join(missing)} on {at:%F}"
                )
                break
    return found


@register()
def check_provider(**_: Any) -> list[CheckMessage]:
    """billing.E003: a value of the provider's identity that is wrong. billing.W001: what is missing
    before an invoice can be issued; a demonstration need not have it. billing.W002: a rate of VAT
    that is not that of the country.
    """
    now = clock.now().date()
    found: list[CheckMessage] = [
        Error(f"{provider.variable(name)}: {fault}.", id="billing.E003")
        for name, fault in provider.faults(now).items()
    ]
    if found:
        return found
    missing = [provider.variable(name) for name in provider.missing()]
    if missing and not settings.POLDER_DEMO:
        text = f"No invoice can be issued: {', '.join(missing)} not set."
        found.append(Warning(text, hint="docs/operating.md says what each is.", id="billing.W001"))
    if odd := provider.odd_percent(now):
        found.append(
            Warning(f"{odd}.", hint="Leave it out to follow the table.", id="billing.W002")
        )
    return found
