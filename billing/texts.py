"""Prices in words, in the reader's language. Rows and quotes hold codes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from billing.meters import FREE_FOR, METERS, UNITS

if TYPE_CHECKING:
    from billing.pricing import Line
    from billing.vat import VatRate


def meter_label(code: str) -> str:
    return _(METERS[code].label) if code in METERS else code


def unit_label(code: str) -> str:
    return _(UNITS[code]) if code in UNITS else code


def free_label(code: str) -> str:
    """Whose a free quantity is."""
    return _(FREE_FOR[code]) if code in FREE_FOR else code


def number(value: Decimal) -> str:
    """All its digits and no zeros behind them, with the reader's separators."""
    digits = f"{value:f}"
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return str(number_format(Decimal(digits), force_grouping=True))


def line_label(line: Line) -> str:
    """`2 × vCPU`, and over how many nodes."""
    params = {
        "quantity": number(line.quantity / line.nodes),
        "meter": meter_label(line.meter),
        "nodes": line.nodes,
    }
    if line.nodes == 1:
        return _("%(quantity)s × %(meter)s") % params
    return _("%(quantity)s × %(meter)s on each of %(nodes)s nodes") % params


def vat_label(vat: VatRate) -> str:
    """`VAT 21 % (NL, the provider's country)`."""
    return _("VAT %(percent)s %% (%(country)s, the provider's country)") % {
        "percent": number(vat.percent),
        "country": vat.country,
    }
