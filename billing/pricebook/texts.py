"""Prices in words, in the reader's language. Rows and quotes hold codes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from billing.formats import exact_money
from billing.identity.texts import note_text
from billing.pricebook.meters import FREE_FOR, METERS, UNITS
from billing.pricebook.tiers import bounds
from billing.spot.books import factor_of
from billing.vat.decisions import (
    BUYER_COUNTRY,
    DOMESTIC,
    OUTSIDE_SELLER,
    OUTSIDE_UNION,
    REVERSE_CHARGE,
)
from portal.kernel.formats import number
from portal.kernel.money import HOURS_PER_MONTH

if TYPE_CHECKING:
    from billing.models import Price
    from billing.pricebook.pricing import Line
    from billing.vat.decisions import VatRate

# The same in all languages.
_SYMBOLS = {"hour": "h", "minute": "min", "second": "s"}


def meter_label(code: str) -> str:
    return _(METERS[code].label) if code in METERS else code


def metered_label(meter: str, book: str = "") -> str:
    """The meter, and where it ran on spare capacity what that cost of the list price."""
    factor = factor_of(book)
    if factor is None:
        return meter_label(meter)
    words = {"meter": meter_label(meter), "percent": f"{factor * 100:.0f}"}
    return _("%(meter)s, spare capacity at %(percent)s %% of list") % words


def unit_label(code: str) -> str:
    return _(UNITS[code]) if code in UNITS else code


def unit_symbol(code: str) -> str:
    """After a quantity: `2,920 h`, where a word would need its plural."""
    return _SYMBOLS.get(code) or unit_label(code)


def measured(quantity: Decimal, unit: str) -> str:
    """`2,920 h`, `0.5 million`, `3 × month`."""
    sign = "" if unit in (*_SYMBOLS, "GiB", "million") else "× "
    return f"{number(quantity)} {sign}{unit_symbol(unit)}"


def free_label(code: str) -> str:
    """Whose a free quantity is."""
    return _(FREE_FOR[code]) if code in FREE_FOR else code


def steps(price: Price) -> list[str]:
    """What a unit costs, one line for each tier: `€ 0.0100 up to 10,240`, `€ 0.0080 beyond`."""
    found = []
    for tier in price.tiers:
        amount = exact_money(Decimal(tier["unit_price"]), price.currency)
        end = bounds(tier)[1]
        if len(price.tiers) == 1:
            found.append(amount)
        elif end is None:
            found.append(_("%(amount)s beyond that") % {"amount": amount})
        else:
            found.append(_("%(amount)s up to %(end)s") % {"amount": amount, "end": number(end)})
    return found


def allowance(price: Price) -> str:
    """What is free of it each month and for whom, or nothing: `75 GiB free: each organisation…`."""
    quantity, whose = price.free_quantity, free_label(price.free_for)
    if not quantity:
        return _("free: %(whose)s") % {"whose": whose} if price.free_for else ""
    stored = price.meter in METERS and METERS[price.meter].is_stored
    if stored and quantity % HOURS_PER_MONTH == 0:
        text = _("%(quantity)s GiB free: %(whose)s")
        return text % {"quantity": number(quantity / HOURS_PER_MONTH), "whose": whose}
    text = _("%(quantity)s free: %(whose)s")
    if price.unit == "hour":
        text = _("%(quantity)s hours free: %(whose)s")
    return text % {"quantity": number(quantity), "whose": whose}


def meter_count(code: str, quantity: Decimal) -> str:
    """So much of what a meter counts at a time: `2 × vCPU`, `8 GiB of memory`."""
    words = {
        "memory_gib": _("%(quantity)s GiB of memory"),
        "storage_gib": _("%(quantity)s GiB of storage"),
    }
    params = {"quantity": number(quantity), "meter": meter_label(code)}
    return words.get(code, _("%(quantity)s × %(meter)s")) % params


def line_label(line: Line) -> str:
    """`2 × vCPU`, and over how many nodes."""
    what = meter_count(line.meter, line.quantity / line.nodes)
    if line.nodes == 1:
        return what
    return _("%(what)s on each of %(nodes)s nodes") % {"what": what, "nodes": line.nodes}


def vat_label(vat: VatRate) -> str:
    """`VAT 21 % (NL, the provider's country)`, `VAT 19 % (DE, your country)`; why there is none."""
    params = {"percent": number(vat.percent), "country": vat.country}
    words = {
        f"vat-{DOMESTIC}": _("VAT %(percent)s %% (%(country)s)"),
        f"vat-{BUYER_COUNTRY}": _("VAT %(percent)s %% (%(country)s, your country)"),
        f"vat-{REVERSE_CHARGE}": _("No VAT: reverse charge (%(country)s)"),
        f"vat-{OUTSIDE_UNION}": _("No VAT: outside the Union's VAT (%(country)s)"),
        f"vat-{OUTSIDE_SELLER}": _("No VAT: abroad (%(country)s)"),
    }
    providers = _("VAT %(percent)s %% (%(country)s, the provider's country)")
    return words.get(vat.label_code, providers) % params


def vat_note(vat: VatRate) -> str:
    """What the buyer should know about it; mostly nothing."""
    return note_text(vat.note_code) if vat.note_code else ""
